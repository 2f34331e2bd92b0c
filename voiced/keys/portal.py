"""Hotkeys on Wayland: the desktop has them, and tells (org.freedesktop.portal.GlobalShortcuts)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

from dbus_fast import Message, MessageType, Variant

from voiced.keys import desktop_entry
from voiced.keys.choosing import COMMAND
from voiced.keys.hotkey import Hotkey
from voiced.keys.port import Keys, KeysAbsent, KeysLost, KeysRefused, OnReady
from voiced.keys.session_bus import BusError, SessionBus, session_bus
from voiced.keys.settings import KeyName

PORTAL: Final = "org.freedesktop.portal.Desktop"
PATH: Final = "/org/freedesktop/portal/desktop"
SHORTCUTS: Final = "org.freedesktop.portal.GlobalShortcuts"
REGISTER: Final = "org.freedesktop.host.portal.Registry.Register"

DESCRIPTIONS: Final[Mapping[KeyName, str]] = {
    "talk": "Talk to the assistant", "mute": "Mute the microphone, or open it", "stop": "Have the assistant be quiet",
}  # fmt: skip
"""As the desktop shows them when it asks whether voiced may have the keys."""

_BUS: Final = ("org.freedesktop.DBus", "/org/freedesktop/DBus")

_REFUSED: Final = 1
"""Of a request's Response: a person said no. 0 is yes, all else is a failure."""


_Response = tuple[int, dict[str, Any]]


async def has_portal(environ: Mapping[str, str]) -> bool:
    """Whether somebody serves hotkeys on this desktop's bus. On a connection that does not register, and ends."""
    try:
        async with session_bus(environ) as bus:
            await bus.call(PORTAL, PATH, "org.freedesktop.DBus.Properties.Get", "ss", (SHORTCUTS, "version"))
    except BusError:
        return False
    return True


class PortalKeys:
    """`port.KeySource`. The desktop may ask its user first, and the user may choose other keys there."""

    def __init__(
        self, hotkeys: Mapping[KeyName, Hotkey], keys: Keys, environ: Mapping[str, str], on_ready: OnReady
    ) -> None:
        self._hotkeys = hotkeys
        self._keys = keys
        self._environ = environ
        self._on_ready = on_ready
        self._responses: dict[str, asyncio.Future[_Response]] = {}
        self._portal = ""
        self._session = ""

    async def run(self) -> None:
        self._responses.clear()
        self._portal = self._session = ""
        self._over = asyncio.get_running_loop().create_future()
        try:
            async with session_bus(self._environ) as bus:
                await self._until_over(bus)
        except BusError as error:
            raise _meaning(error) from error

    async def _until_over(self, bus: SessionBus) -> NoReturn:
        serving = asyncio.ensure_future(self._serve(bus))
        try:
            await asyncio.wait({serving, self._over, bus.gone}, return_when=asyncio.FIRST_COMPLETED)
            if bus.gone.done():
                raise KeysLost("the session bus is gone")
            if serving.done() and not self._over.done():
                serving.result()  # it raises: what it waits for at its end is that
            raise KeysLost(self._over.result())
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def _serve(self, bus: SessionBus) -> None:
        bus.hear(self._hear)
        # Registering is a favour to the desktop, which then knows our name; it has to come first.
        await asyncio.to_thread(desktop_entry.install, self._environ)
        with suppress(BusError):  # it is older than 1.20, or does not know the entry: most desktops do without
            await bus.call(PORTAL, PATH, REGISTER, "sa{sv}", (desktop_entry.APP_ID, {}))
        self._portal = (await bus.call(*_BUS, "org.freedesktop.DBus.GetNameOwner", "s", (PORTAL,)))[0]
        for rule in (
            f"type='signal',sender='{PORTAL}'",
            f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{PORTAL}'",
        ):
            await bus.call(*_BUS, "org.freedesktop.DBus.AddMatch", "s", (rule,))
        options = {"session_handle_token": Variant("s", f"voiced_{secrets.token_hex(8)}")}
        created = await self._request(bus, "CreateSession", "", (), options)
        self._session = created["session_handle"]
        shortcuts = [
            [name, {"description": Variant("s", DESCRIPTIONS[name]), "preferred_trigger": Variant("s", hotkey.trigger)}]
            for name, hotkey in self._hotkeys.items()
        ]
        bound = await self._request(bus, "BindShortcuts", "oa(sa{sv})s", (self._session, shortcuts, ""), {})
        given = bound.get("shortcuts", [[name, {}] for name in self._hotkeys])  # not every desktop says what it gave
        triggers = {name: _plain(about).get("trigger_description", "") for name, about in given}
        if "talk" in self._hotkeys and "talk" not in triggers:
            raise KeysRefused(f"the desktop gave no key to talk: allow it in its settings, and reload; or {COMMAND}")
        self._on_ready(", ".join(trigger or name for name, trigger in triggers.items()))
        await self._over

    async def _request(
        self, bus: SessionBus, method: str, signature: str, arguments: tuple[Any, ...], options: dict[str, Variant]
    ) -> dict[str, Any]:
        """A method that answers later, by a signal: a person may have to be asked, so that there is no limit."""
        token = f"voiced_{secrets.token_hex(8)}"
        handle = f"{PATH}/request/{bus.name[1:].replace('.', '_')}/{token}"
        response: asyncio.Future[_Response] = asyncio.get_running_loop().create_future()
        self._responses[handle] = response
        options = {**options, "handle_token": Variant("s", token)}
        await bus.call(PORTAL, PATH, f"{SHORTCUTS}.{method}", f"{signature}a{{sv}}", (*arguments, options))
        code, results = await response
        if code == _REFUSED:
            raise KeysRefused(f"the desktop's hotkey was refused: reload voiced to be asked again, or {COMMAND}")
        if code:
            raise KeysAbsent(f"the desktop's portal can't give hotkeys (code {code}): {COMMAND}")
        return results

    def _hear(self, message: Message) -> None:
        """Signals of the portal and of the bus; others may send us some too, and are not believed."""
        if message.message_type is not MessageType.SIGNAL:
            return
        match message.sender, message.member, message.body:
            case "org.freedesktop.DBus", "NameOwnerChanged", [name, *_] if name == PORTAL and self._portal:
                self._end("the desktop's portal was restarted")
            case sender, _, _ if sender != self._portal:
                return
            case _, "Response", [int(code), dict(results)]:
                response = self._responses.pop(message.path or "", None)
                if response is not None and not response.done():
                    response.set_result((code, _plain(results)))
            case _, "Activated", [session, name, *_] if session == self._session and name in self._hotkeys:
                self._keys.down(name)
            case _, "Deactivated", [session, name, *_] if session == self._session and name in self._hotkeys:
                self._keys.up(name)
            case _, "Closed", _ if message.path == self._session:
                self._end("the desktop took the hotkeys away")

    def _end(self, why: str) -> None:
        if not self._over.done():
            self._over.set_result(why)


_NEVER: Final = {
    "NameHasNoOwner", "NotAllowed", "NotSupported", "ServiceUnknown", "UnknownInterface", "UnknownMethod",
    "UnknownObject",
}  # fmt: skip
"""Last words of D-Bus errors of a desktop that has no hotkeys for us."""


def _meaning(error: BusError) -> KeysAbsent | KeysLost:
    """Whether this desktop will never do it, or did not do it this time."""
    if error.name.rpartition(".")[2] in _NEVER:
        return KeysAbsent(f"the desktop gives no hotkeys ({error}): choose keys.source = 'evdev', or {COMMAND}")
    return KeysLost(str(error))


def _plain(results: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Variant) else value for name, value in results.items()}
