"""A `port.Keys` that writes down what went down and up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from voiced.keys.port import KeysAbsent, KeysLost, KeySource, KeysRefused
from voiced.keys.settings import KeyName

PATIENCE_S = 60.0


class Recorder:
    """`moves`: such as ["talk down", "talk up"]. `ready`: what the source said it watches."""

    def __init__(self) -> None:
        self.moves: list[str] = []
        self.ready: list[str] = []
        self._news = asyncio.Event()

    def down(self, name: KeyName) -> None:
        self.moves.append(f"{name} down")
        self._news.set()

    def up(self, name: KeyName) -> None:
        self.moves.append(f"{name} up")
        self._news.set()

    def on_ready(self, keys: str, problem: str = "") -> None:
        self.ready.append("; ".join(filter(None, (keys, problem))))
        self._news.set()

    def notice(self) -> None:
        """Something else changed that `until` asks for; on the loop."""
        self._news.set()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def moved(self, *moves: str) -> None:
        """Wait for as many moves, and see that they are these."""
        await self.until(lambda: len(self.moves) >= len(moves))
        assert self.moves == list(moves)


@asynccontextmanager
async def watching(source: KeySource, recorder: Recorder) -> AsyncIterator[None]:
    """The source serves, from when it is ready until the end. What it raises is raised here."""
    running = asyncio.ensure_future(source.run())
    running.add_done_callback(lambda _: recorder.notice())
    before = len(recorder.ready)
    try:
        await recorder.until(lambda: running.done() or len(recorder.ready) > before)
        if running.done():
            running.result()
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def failure_of(source: KeySource) -> KeysAbsent | KeysLost | KeysRefused:
    """What the source ends with."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            await source.run()
        except (KeysAbsent, KeysLost, KeysRefused) as error:
            return error
    raise AssertionError("it served, and ended")
