"""Keeping a stream open, on a card that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from voiced.errors import DeviceFailed
from voiced.sound_card import BlockTime, Stream, StreamKeeper
from voiced.testing.sound_card import VirtualCard


class Listener:
    """A keeper's owner that writes down what it is told."""

    def __init__(self, card: VirtualCard, settle_s: float = 0.0, why_stopped: str = "") -> None:
        self.told: list[str] = []
        self.news = asyncio.Event()
        self.keeper = StreamKeeper(
            card,
            lambda on_stopped: card.open_input(
                "", block_ms=20, callback=self._heard, on_stopped=lambda: on_stopped(why_stopped)
            ),
            patience_s=0.1,
            settle_s=settle_s,
            on_ready=lambda stream: self._note(f"ready {stream.device_name}"),
            on_lost=lambda reason: self._note(f"lost {reason}"),
        )

    async def until_told(self, count: int, card: VirtualCard | None = None) -> list[str]:
        """`card`: whose time passes meanwhile."""
        async with asyncio.timeout(60):
            while len(self.told) < count:
                if card is not None:
                    await card.run(0.02)
                    continue
                self.news.clear()
                await self.news.wait()
        return list(self.told)

    def _heard(self, _pcm: bytes, time: BlockTime, _overflowed: bool) -> None:
        self.keeper.alive(time.now)

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.news.set()


@pytest.fixture
async def card() -> VirtualCard:
    return VirtualCard()


@pytest.fixture
async def listener(card: VirtualCard) -> AsyncIterator[Listener]:
    listener = Listener(card)
    running = asyncio.create_task(listener.keeper.run())
    yield listener
    running.cancel()
    await asyncio.wait([running])


async def test_it_is_ready_with_the_first_block_not_before(card: VirtualCard, listener: Listener) -> None:
    await card.until_open(1)
    assert listener.told == []
    await card.run(0.05)
    assert await listener.until_told(1) == ["ready virtual microphone"]


async def test_a_device_that_opens_and_never_calls_back_is_lost(card: VirtualCard, listener: Listener) -> None:
    card.suspend("input")
    await card.until_open(1)
    await card.run(0.2)
    assert "no sign of life" in (await listener.until_told(1))[0]


async def test_a_device_that_takes_what_fits_into_its_buffer_and_no_more_never_was_ready(card: VirtualCard) -> None:
    listener = Listener(card, settle_s=0.1)
    running = asyncio.create_task(listener.keeper.run())
    await card.until_open(1)
    await card.run(0.05)
    card.suspend("input")
    await card.run(0.2)
    assert "no sign of life" in (await listener.until_told(1))[0]
    card.resume("input")
    assert (await listener.until_told(2, card))[1:] == ["ready virtual microphone"]
    running.cancel()
    await asyncio.wait([running])


async def test_the_same_reason_is_told_once(card: VirtualCard, listener: Listener) -> None:
    await card.until_open(1)
    await card.run(0.05)
    await listener.until_told(1)
    card.unplug("input")
    told = await listener.until_told(3)
    card.plug("input")
    await card.until_open(1)
    await card.run(0.05)
    assert [line.split()[0] for line in told] == ["ready", "lost", "lost"]
    assert "stopped" in told[1]
    assert "unplugged" in told[2]
    assert (await listener.until_told(4))[3:] == ["ready virtual microphone"]


async def test_cancelled_while_it_opens_it_leaves_nothing_open(card: VirtualCard) -> None:
    opening, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(on_stopped: object) -> Stream:
        loop.call_soon_threadsafe(opening.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return card.open_input("", block_ms=20, callback=lambda *_: None, on_stopped=lambda: None)

    keeper = StreamKeeper(card, slow, patience_s=1.0, on_ready=lambda _: None, on_lost=lambda _: None)
    running = asyncio.create_task(keeper.run())
    await opening.wait()
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await card.until_open(0)


async def test_a_device_that_does_not_open_is_told(card: VirtualCard) -> None:
    def broken(_on_stopped: object) -> Stream:
        raise DeviceFailed("it is broken")

    told: list[str] = []
    lost = asyncio.Event()

    def note(reason: str) -> None:
        told.append(reason)
        lost.set()

    keeper = StreamKeeper(card, broken, patience_s=1.0, on_ready=lambda _: None, on_lost=note)
    running = asyncio.create_task(keeper.run())
    await lost.wait()
    running.cancel()
    await asyncio.wait([running])
    assert told == ["it is broken"]


async def test_closed_it_lets_the_device_go_until_it_is_asked(card: VirtualCard, listener: Listener) -> None:
    await card.until_open(1)
    await card.run(0.05)
    await listener.until_told(1)
    listener.keeper.close()
    await card.until_open(0)
    listener.keeper.open()
    await card.until_open(1)
    await card.run(0.05)
    assert await listener.until_told(2) == ["ready virtual microphone"] * 2, "and that was no loss"


async def test_closed_and_opened_at_once_it_is_ready_anew(card: VirtualCard, listener: Listener) -> None:
    await card.until_open(1)
    await card.run(0.05)
    await listener.until_told(1)
    listener.keeper.close()
    listener.keeper.open()
    assert await listener.until_told(2, card) == ["ready virtual microphone"] * 2


async def test_a_card_that_never_opens_its_device_is_told_from_one_that_waits(card: VirtualCard) -> None:
    opening, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_on_stopped: object) -> Stream:
        loop.call_soon_threadsafe(opening.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        raise DeviceFailed("broken")

    lost = asyncio.Event()
    keeper = StreamKeeper(card, hangs, patience_s=1.0, on_ready=lambda _: None, on_lost=lambda _: lost.set())
    running = asyncio.create_task(keeper.run())
    await opening.wait()
    await card.run(100.0)
    assert keeper.hung_for_s == pytest.approx(100.0, abs=1.0)
    go_on.set()
    await lost.wait()
    assert keeper.hung_for_s == 0.0, "it was refused, and is tried again"
    running.cancel()
    await asyncio.wait([running])


async def test_a_device_that_says_why_it_stopped_is_believed(card: VirtualCard) -> None:
    listener = Listener(card, why_stopped="nobody is there")
    running = asyncio.create_task(listener.keeper.run())
    await card.until_open(1)
    card.unplug("input")
    assert (await listener.until_told(1))[0] == "lost nobody is there"
    running.cancel()
    await asyncio.wait([running])
