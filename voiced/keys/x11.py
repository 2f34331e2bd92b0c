"""Hotkeys on X11: the key is grabbed, so that no other program sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from Xlib import X

from voiced.keys.hotkey import Hotkey
from voiced.keys.port import Keys, OnReady
from voiced.keys.settings import KeyName
from voiced.keys.x11_server import XServer

LOOK_EVERY_S: Final = 0.25
"""While a key is held the server is asked whether it still is: a screen lock may swallow its release."""

GONE_WITHIN_S: Final = 1.0
"""A thread that hangs in the server is left behind."""


class X11Keys:
    """`port.KeySource`. python-xlib blocks, so a thread of its own talks to the server; `display` as in $DISPLAY."""

    def __init__(
        self,
        hotkeys: Mapping[KeyName, Hotkey],
        keys: Keys,
        display: str,
        on_ready: OnReady,
        *,
        connect: Callable[[str], XServer] = XServer,
    ) -> None:
        self._hotkeys = hotkeys
        self._keys = keys
        self._name = display
        self._on_ready = on_ready
        self._connect = connect
        self._server: XServer | None = None
        self._over = False

    async def run(self) -> None:
        self._over = False
        self._loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(1, "x11 keys")
        watching = self._loop.run_in_executor(pool, self._watch)
        pool.shutdown(wait=False)
        try:
            await asyncio.shield(watching)
        finally:
            self._over = True
            if self._server is not None:
                self._server.hang_up()
            await asyncio.wait({watching}, timeout=GONE_WITHIN_S)
            if watching.done() and not watching.cancelled():
                watching.exception()  # told already, or it is the end of what was hung up

    def _watch(self) -> None:
        """In the thread."""
        server = self._server = self._connect(self._name)
        try:
            if self._over:
                return
            server.grab(self._hotkeys)
            self._tell(lambda: self._on_ready(", ".join(str(hotkey) for hotkey in self._hotkeys.values())))
            self._serve(server)
        finally:
            server.close()

    def _serve(self, server: XServer) -> None:
        held: dict[int, KeyName] = {}
        look_at = time.monotonic()
        while not self._over:
            events = list(server.events(max(0.0, look_at - time.monotonic()) if held else None))
            for event in events:
                if event.type == X.KeyPress:
                    name = server.name_of(event.detail, event.state)
                    if name is not None and event.detail not in held:
                        held[event.detail] = name
                        self._moved(self._keys.down, name)
                elif event.type == X.MappingNotify:
                    server.relearn(event)
                    server.grab(self._hotkeys)
            looks = any(event.type == X.KeyRelease for event in events) or time.monotonic() >= look_at
            for code in [code for code in held if looks and not server.is_down(code)]:
                self._moved(self._keys.up, held.pop(code))
            if looks or not held:
                look_at = time.monotonic() + LOOK_EVERY_S

    def _moved(self, move: Callable[[KeyName], None], name: KeyName) -> None:
        self._tell(lambda: move(name))

    def _tell(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the daemon ended, and did not wait
            self._loop.call_soon_threadsafe(what)
