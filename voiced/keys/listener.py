"""Watches the keys, wherever they come from on this desktop, and goes on when their source breaks down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Final, NoReturn, assert_never

import structlog

from voiced.keys import evdev
from voiced.keys.bus_address import bus_address
from voiced.keys.choosing import NoSource, Surroundings, choose, session_of
from voiced.keys.keypad import Keypad
from voiced.keys.port import KeysAbsent, KeysLost, KeySource, KeysRefused, OnReady
from voiced.keys.settings import KeySettings, SourceName
from voiced.ports import Post

BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before the keys are tried again."""

log = structlog.get_logger(__name__)

Open = Callable[[SourceName, Keypad, OnReady], KeySource]


class KeyListener:
    """Posts TalkKeyMoved, MuteAsked and StopAsked. `muted`: whether the microphone is, now.

    `look`, `open_source`: what this desktop has, and who watches its keys; None: this machine's.
    """

    def __init__(
        self,
        settings: KeySettings,
        post: Post,
        environ: Mapping[str, str],
        *,
        muted: Callable[[], bool],
        look: Callable[[], Awaitable[Surroundings]] | None = None,
        open_source: Open | None = None,
        backoff_s: tuple[float, ...] = BACKOFF_S,
    ) -> None:
        self._settings = settings
        self._post = post
        self._environ = environ
        self._muted = muted
        self._look = look or self._surroundings
        self._open_source = open_source or self._opened
        self._backoff_s = backoff_s
        self._serving: asyncio.Task[NoReturn] | None = None
        self._failures = 0
        self._lacking = False  # the portal can't, though it is there
        self._working = ""
        self.problem = ""
        """Why keys don't work, and what to do; empty where all do, or nobody knows yet."""

    def standing(self) -> dict[str, str]:
        """What `voiced status` tells: the keys that work, and the problem; both empty while a desktop asks its user.

        Nothing where nobody wants a key.
        """
        return {"working": self._working, "problem": self.problem} if self._settings.wanted else {}

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            self._serving = asyncio.create_task(self._serve())
            try:
                await asyncio.wait({self._serving})
            finally:
                self._serving.cancel()
                await asyncio.wait({self._serving})
            if not self._serving.cancelled():
                self._serving.result()

    def reconfigure(self, settings: KeySettings) -> None:
        """Go on with other keys. Those that work, and are as they were, are left alone: a desktop may ask its user."""
        if settings == self._settings and not self.problem:
            return
        self._settings = settings
        if self._serving is not None:
            self._serving.cancel()

    async def _serve(self) -> NoReturn:
        """With these settings. Where a person said no, it only waits for others."""
        keypad = Keypad(self._settings.style, self._post, self._muted)
        self._failures, self._lacking, self.problem = 0, False, ""
        while self._settings.wanted:
            try:
                await self._watch(keypad)
            except KeysRefused as error:
                self._tell(str(error))
                break
            except (KeysAbsent, KeysLost) as error:
                self._failures += 1
                self._tell(str(error))
            finally:
                self._working = ""
                keypad.let_go()
            await asyncio.sleep(self._backoff_s[min(self._failures, len(self._backoff_s)) - 1])
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def _watch(self, keypad: Keypad) -> None:
        source = choose(self._settings.source, await self._look())
        if isinstance(source, NoSource):
            raise KeysAbsent(source.reason)
        try:
            await self._open_source(source, keypad, partial(self._ready, source)).run()
        except KeysAbsent:
            self._lacking = source == "portal"
            raise

    def _ready(self, source: SourceName, keys: str, problem: str = "") -> None:
        log.info("keys.ready", source=source, keys=keys)
        self._failures = 0
        self._working = keys
        self._tell(problem)

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.error("keys.unavailable", reason=problem)
        self.problem = problem

    async def _surroundings(self) -> Surroundings:
        """What this desktop has. The bus is asked only where its answer matters."""
        wish, session = self._settings.source, session_of(self._environ)
        dbus = find_spec("dbus_fast") is not None
        portal = dbus and not (self._lacking and wish == "auto") and bool(bus_address(self._environ))
        if portal and (wish == "portal" or (wish == "auto" and session == "wayland")):
            from voiced.keys.portal import has_portal

            portal = await has_portal(self._environ)
        return Surroundings(
            session, portal, keyboards=evdev.can_be_read(), xlib=find_spec("Xlib") is not None, dbus=dbus
        )

    def _opened(self, source: SourceName, keypad: Keypad, on_ready: OnReady) -> KeySource:
        hotkeys = self._settings.hotkeys
        match source:
            case "x11":
                from voiced.keys.x11 import X11Keys

                return X11Keys(hotkeys, keypad, self._environ.get("DISPLAY", ""), on_ready)
            case "portal":
                from voiced.keys.portal import PortalKeys

                return PortalKeys(hotkeys, keypad, self._environ, on_ready)
            case "evdev":
                return evdev.EvdevKeys(hotkeys, keypad, on_ready)
            case "gpio":
                from voiced.keys.gpio import GpioButton

                return GpioButton(self._settings.gpio_pin, keypad, on_ready)
            case _:
                assert_never(source)
