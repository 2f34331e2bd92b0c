"""Hotkeys on X11: the key is grabbed, so that no other program sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from Xlib import X

from voiced.keys.hotkey import Hotkey
from voiced.keys.port import Keys, KeysLost, OnReady
from voiced.keys.settings import KeyName
from voiced.keys.x11_server import XServer

LOOK_EVERY_S: Final = 0.25
"""While a key is held the server is asked whether it still is: a screen lock may swallow its release."""

AGAIN_EVERY_S: Final = 10.0
"""A hotkey that another program has is tried again so often, while others work."""

REPEATS_WITHIN_MS: Final = 20
"""Where a key repeats it is let go and pressed in one breath; fingers take longer."""

GONE_WITHIN_S: Final = 1.0
"""A thread that hangs in the server is left behind."""


@dataclass(frozen=True, slots=True)
class _Press:
    """A key that went down. Times are the server's, in milliseconds that begin anew after 49 days."""

    name: KeyName | None = None
    """What it meant then; None: nothing."""
    released_at: int | None = None

    def is_over(self, pressed_again_at: int) -> bool:
        """Whether it was really let go before it went down again. A key that is held does both, too, as it repeats."""
        return self.released_at is not None and (pressed_again_at - self.released_at) % 2**32 > REPEATS_WITHIN_MS


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
        again_every_s: float = AGAIN_EVERY_S,
    ) -> None:
        self._hotkeys = hotkeys
        self._keys = keys
        self._name = display
        self._on_ready = on_ready
        self._connect = connect
        self._again_every_s = again_every_s
        self._lacking: Mapping[KeyName, str] | None = None
        self._server: XServer | None = None
        self._over = False

    async def run(self) -> None:
        self._over, self._lacking = False, None
        self._loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(1, "x11 keys")
        watching = self._loop.run_in_executor(pool, self._watch)
        watching.add_done_callback(_noted)
        pool.shutdown(wait=False)
        try:
            await asyncio.shield(watching)
        finally:
            self._over = True
            if self._server is not None:
                self._server.hang_up()
            await asyncio.wait({watching}, timeout=GONE_WITHIN_S)

    def _watch(self) -> None:
        """In the thread."""
        server = self._server = self._connect(self._name)
        try:
            if self._over:
                return
            held = server.down()
            self._grab(server)
            self._serve(server, held)
        finally:
            server.close()

    def _grab(self, server: XServer) -> None:
        """Have the hotkeys, and tell which they are where that is news. Raises KeysLost where there is none."""
        lacking = server.grab(self._hotkeys)
        problem = "; ".join(lacking.values())
        if lacking.keys() == self._hotkeys.keys():
            raise KeysLost(problem)
        if lacking != self._lacking:
            self._lacking = lacking
            working = ", ".join(str(hotkey) for name, hotkey in self._hotkeys.items() if name not in lacking)
            self._tell(lambda: self._on_ready(working, problem))

    def _serve(self, server: XServer, before: Iterable[int]) -> None:
        held = dict.fromkeys(before, _Press())  # what repeats was pressed when it meant something else
        look_at = time.monotonic()
        again_at = look_at + self._again_every_s
        while not self._over:
            waits = [look_at] * bool(held) + [again_at] * bool(self._lacking)
            events = list(server.events(max(0.0, min(waits) - time.monotonic()) if waits else None))
            for event in events:
                if event.type == X.KeyPress:
                    name = server.name_of(event.detail, event.state)
                    if event.detail in held and held[event.detail].is_over(event.time):
                        self._let_go(held.pop(event.detail))
                    if name is not None and event.detail not in held:
                        held[event.detail] = _Press(name)
                        self._moved(self._keys.down, name)
                elif event.type == X.KeyRelease and event.detail in held:
                    held[event.detail] = replace(held[event.detail], released_at=event.time)
                elif event.type == X.MappingNotify:
                    server.relearn(event)
                    self._grab(server)
            looks = any(event.type == X.KeyRelease for event in events) or time.monotonic() >= look_at
            for code in [code for code in held if looks and not server.is_down(code)]:
                self._let_go(held.pop(code))
            if looks or not held:
                look_at = time.monotonic() + LOOK_EVERY_S
            if self._lacking and time.monotonic() >= again_at:
                self._grab(server)
                again_at = time.monotonic() + self._again_every_s

    def _let_go(self, press: _Press) -> None:
        if press.name is not None:
            self._moved(self._keys.up, press.name)

    def _moved(self, move: Callable[[KeyName], None], name: KeyName) -> None:
        self._tell(lambda: move(name))

    def _tell(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the daemon ended, and did not wait
            self._loop.call_soon_threadsafe(what)


def _noted(watching: asyncio.Future[None]) -> None:
    """Its end is told already, or is that of what was hung up, however late: asyncio has nothing to complain of."""
    if not watching.cancelled():
        watching.exception()
