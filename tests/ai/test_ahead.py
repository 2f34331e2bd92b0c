"""Sound that is fetched while other sound is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from voiced.ai.ahead import ahead


class Source:
    """Gives `count` pieces of ten bytes, then raises `error` where there is one."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.given = 0
        self.closed = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            for number in range(self.count):
                self.given += 1
                yield bytes([number]) * 10
                await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_all_of_it_comes_in_its_order() -> None:
    source = Source(20)
    async with ahead(source.pieces(), 30) as found:
        assert [piece[0] async for piece in found] == list(range(20))
    assert source.closed


async def test_it_runs_ahead_up_to_a_bound() -> None:
    source = Source(20)
    async with ahead(source.pieces(), 30) as found:
        await settle()
        assert source.given == 4
        await anext(found)
        await settle()
        assert source.given == 5
    assert source.closed


async def test_its_error_comes_after_what_it_gave() -> None:
    source = Source(2, ValueError("broken"))
    async with ahead(source.pieces(), 1000) as found:
        assert [(await anext(found))[0] for _ in range(2)] == [0, 1]
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                await anext(found)
    async with ahead(Source(0, ValueError("broken")).pieces(), 10) as found:
        await settle()  # nobody asks for it, and nobody complains


async def test_the_error_of_whoever_hears_stays_what_it_is() -> None:
    source = Source(20)

    async def hear() -> None:
        async with ahead(source.pieces(), 10):
            await settle()
            raise KeyError

    with pytest.raises(KeyError):
        await hear()
    assert source.closed


async def test_whoever_waits_can_be_cancelled() -> None:
    source = Source(1)
    stuck = asyncio.Event()

    async def forever() -> AsyncGenerator[bytes]:
        async for piece in source.pieces():
            yield piece
        await stuck.wait()

    async def hear() -> None:
        async with ahead(forever(), 10) as found:
            async for _ in found:
                pass

    task = asyncio.create_task(hear())
    await settle()
    task.cancel()
    await asyncio.wait([task], timeout=20)
    assert task.cancelled()
    assert source.closed


async def test_after_the_end_there_is_nothing() -> None:
    async with ahead(Source(1).pieces(), 10) as found:
        assert [len(piece) async for piece in found] == [10]
        assert [piece async for piece in found] == []
