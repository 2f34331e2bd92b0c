"""A session bus of one's own, and a desktop on it: its GlobalShortcuts portal, and its notifications."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from voiced.keys.portal import PATH, PORTAL, SHORTCUTS

PATIENCE_S = 60.0

_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""
"""With no folder of services: nothing of this machine is started."""


class PrivateBus:
    """A dbus-daemon in `folder`; `environ` leads to it."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("dbus-daemon") is None:
            pytest.skip("dbus-daemon is not installed: apt-get install dbus-daemon")
        self._socket = folder / "bus"
        self._config = folder / "bus.conf"
        self._config.write_text(_CONFIG.format(socket=self._socket))
        self.address = f"unix:path={self._socket}"
        self.environ = {"DBUS_SESSION_BUS_ADDRESS": self.address, "HOME": str(folder)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        command = ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--print-address"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # from then on it listens

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Desktop:
    """Serves a portal and notifications on a bus.

    `response`: to BindShortcuts; 0 is yes, 1 is a person's no. `gives`: whether the keys that were asked for are given.
    `needs_id`: it wants to know who asks. `shows`: whether it shows notifications.
    """

    def __init__(
        self, bus: PrivateBus, *, response: int = 0, gives: bool = True, needs_id: bool = False, shows: bool = True
    ) -> None:
        self.registered = ""
        self.knows_entries = True
        self.bound: dict[str, tuple[str, str]] = {}
        """Of each shortcut, its description and its preferred trigger."""
        self.shown: list[tuple[int, str, str]] = []
        """Of each notification the one that it replaces, its title, its body."""
        self._bus = bus
        self._response = response
        self._gives = gives
        self._needs_id = needs_id
        self._shows = shows
        self._news = asyncio.Event()
        self._client = ""
        self._session = ""

    async def __aenter__(self) -> Self:
        self.bus = await MessageBus(bus_address=self._bus.address).connect()
        self.bus.add_message_handler(self._asked)
        await self.bus.request_name(PORTAL)
        if self._shows:
            await self.bus.request_name("org.freedesktop.Notifications")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        self.bus.disconnect()
        with suppress(EOFError):
            await self.bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds()`, which is asked whenever somebody asks the desktop for something."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def activate(self, name: str, *, as_stranger: MessageBus | None = None) -> None:
        """The shortcut is pressed; `as_stranger`: somebody who is not the portal says so."""
        self._tell(SHORTCUTS, "Activated", "osta{sv}", [self._session, name, 1, {}], bus=as_stranger)

    def deactivate(self, name: str) -> None:
        self._tell(SHORTCUTS, "Deactivated", "osta{sv}", [self._session, name, 2, {}])

    def close(self) -> None:
        """Take the shortcuts away."""
        self._tell("org.freedesktop.portal.Session", "Closed", "a{sv}", [{}], path=self._session)

    def _asked(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        asyncio.get_running_loop().call_soon(self._news.set)
        match f"{message.interface}.{message.member}", message.body:
            case "org.freedesktop.DBus.Properties.Get", [_, "version"]:
                return Message.new_method_return(message, "v", [Variant("u", 2)])
            case "org.freedesktop.host.portal.Registry.Register", [app_id, _]:
                if not self.knows_entries:
                    return Message.new_error(message, "org.freedesktop.portal.Error.NotFound", "no such entry")
                self.registered = app_id
                return Message.new_method_return(message)
            case "org.freedesktop.portal.GlobalShortcuts.CreateSession", [options]:
                if self._needs_id and not self.registered:
                    refusal = "org.freedesktop.portal.Error.NotAllowed"
                    return Message.new_error(message, refusal, "An app id is required")
                self._client = message.sender or ""
                self._session = f"{PATH}/session/{self._name}/{options['session_handle_token'].value}"
                return self._later(message, options, 0, {"session_handle": Variant("s", self._session)})
            case "org.freedesktop.portal.GlobalShortcuts.BindShortcuts", [self._session, shortcuts, "", options]:
                self.bound = {
                    name: (about["description"].value, about["preferred_trigger"].value) for name, about in shortcuts
                }
                given = [
                    [name, {"trigger_description": Variant("s", f"Press {trigger}")}]
                    for name, (_, trigger) in self.bound.items()
                    if self._gives
                ]
                return self._later(message, options, self._response, {"shortcuts": Variant("a(sa{sv})", given)})
            case "org.freedesktop.Notifications.Notify", [_, replaces, _, title, body, *_]:
                self.shown.append((replaces, title, body))
                return Message.new_method_return(message, "u", [replaces or len(self.shown)])
        return None

    @property
    def _name(self) -> str:
        return self._client[1:].replace(".", "_")

    def _later(self, message: Message, options: dict[str, Variant], code: int, results: dict[str, Variant]) -> Message:
        """A reply with the handle of a request, whose response follows."""
        handle = f"{PATH}/request/{self._name}/{options['handle_token'].value}"
        request = "org.freedesktop.portal.Request"
        respond = partial(self._tell, request, "Response", "ua{sv}", [code, results], path=handle)
        asyncio.get_running_loop().call_soon(respond)
        return Message.new_method_return(message, "o", [handle])

    def _tell(
        self,
        interface: str,
        member: str,
        signature: str,
        body: list[Any],
        *,
        path: str = PATH,
        bus: MessageBus | None = None,
    ) -> None:
        signal = Message(
            message_type=MessageType.SIGNAL,
            destination=self._client,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        (bus or self.bus).send(signal)
