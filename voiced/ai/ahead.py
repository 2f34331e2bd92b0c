"""Bytes that are fetched before they are asked for, with a bound on how many wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager


class Ahead:
    """What came so far and was not taken yet. It ends as its source does, with the same error."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: deque[bytes] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None

    def __aiter__(self) -> Ahead:
        return self

    async def __anext__(self) -> bytes:
        assert self._filling is not None
        while not self._held:
            if self._filling.done():
                await self._filling  # its error, where it has one
                raise StopAsyncIteration
            await self._change()
        piece = self._held.popleft()
        self._bytes -= len(piece)
        self._changed.set()
        return piece

    def fill(self, source: AsyncGenerator[bytes]) -> asyncio.Task[None]:
        """Begin, in a task that closes `source` at its end."""
        self._filling = asyncio.create_task(self._fill(source))
        self._filling.add_done_callback(lambda _: self._changed.set())
        return self._filling

    async def _fill(self, source: AsyncGenerator[bytes]) -> None:
        async with aclosing(source):
            async for piece in source:
                self._held.append(piece)
                self._bytes += len(piece)
                self._changed.set()
                while self._bytes > self._most_bytes:
                    await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


@asynccontextmanager
async def ahead(source: AsyncGenerator[bytes], most_bytes: int) -> AsyncIterator[Ahead]:
    """The bytes of `source`, of which about `most_bytes` may wait. It is closed at the end, whatever comes."""
    found = Ahead(most_bytes)
    task = found.fill(source)
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # asked for, or asyncio complains
