"""The loudspeaker on a virtual card: what it says was heard is what came out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.inbox import Inbox
from voiced.audio import RATE, Ms, Samples
from voiced.conversation.commands import (
    Duck,
    FinishItem,
    FlushPlayout,
    Play,
    PlayEarcon,
    SetVolume,
    Unduck,
)
from voiced.conversation.events import (
    ItemId,
    ItemPlayed,
    PlayoutDrained,
    PlayoutFlushed,
    SpeakerLost,
    SpeakerReady,
)
from voiced.playout.earcon_choice import EarconChoice
from voiced.playout.earcons import tone
from voiced.playout.settings import EarconSettings, PlayoutSettings
from voiced.playout.speaker import SETTLE_S, Speaker
from voiced.testing.sound_card import VirtualCard

A, B = ItemId("a"), ItemId("b")
SETTINGS = PlayoutSettings(volume=100, lost_after_s=0.1, longest_buffer_s=10)


@asynccontextmanager
async def speaking(
    card: VirtualCard, inbox: Inbox, settings: PlayoutSettings = SETTINGS, earcons: EarconChoice | None = None
) -> AsyncIterator[Speaker]:
    """A speaker whose device is open and idle; the inbox is empty."""
    speaker = Speaker(card, settings, inbox.post, earcons=earcons)
    running = asyncio.create_task(speaker.run())
    try:
        await card.until_open(1)
        await card.run(2 * SETTLE_S)
        await inbox.get(SpeakerReady)
        inbox.events.clear()
        yield speaker
    finally:
        running.cancel()
        await asyncio.wait([running])


def sounding_s(card: VirtualCard) -> float:
    """For how long something came out, from the first to the last sample that is not zero."""
    places = np.flatnonzero(card.played.samples())
    return (places[-1] - places[0] + 1) / card.rate if places.size else 0.0


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
async def test_a_reply_is_played_reported_and_drained(rate: int) -> None:
    card, inbox = VirtualCard(rate=rate), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(250))))
        speaker.do(FinishItem(A))
        await card.run(0.4)
    assert inbox.events[-1] == PlayoutDrained(A, Samples(6000))
    counts = [event.played for event in inbox.of(ItemPlayed)]
    assert counts == sorted(counts)
    assert len(counts) == 3, "one at the beginning, then each 100 ms"
    assert sounding_s(card) == pytest.approx(0.25, abs=0.003)


async def test_the_first_sound_leaves_within_one_block_and_the_latency() -> None:
    card, inbox = VirtualCard(latency_s=0.02), Inbox()
    async with speaking(card, inbox) as speaker:
        before = card.time()
        speaker.do(Play(A, tone(500, Ms(250))))
        await card.run(0.1)
    first = np.flatnonzero(card.played.samples(before))[0] / card.rate
    assert first == pytest.approx(0.02, abs=0.002)


async def test_nothing_counts_before_it_was_heard() -> None:
    card, inbox = VirtualCard(latency_s=0.2), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(100))))
        speaker.do(FinishItem(A))
        await card.run(0.2)
        assert inbox.events == []
        await card.run(0.15)
    assert inbox.of(PlayoutDrained) == [PlayoutDrained(A, Samples(2400))]


async def test_a_flush_is_answered_at_once_with_what_will_have_been_heard() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(3000))))
        await card.run(0.3)
        speaker.do(FlushPlayout((A, B)))
        flushed, unknown = inbox.events[-2:]
        await card.run(0.3)
    assert inbox.events[-2:] == [flushed, unknown], "and nothing of it afterwards"
    assert unknown == PlayoutFlushed(B, Samples(0))
    assert isinstance(flushed, PlayoutFlushed)
    assert sounding_s(card) == pytest.approx(flushed.played / RATE, abs=0.001)


async def test_a_flush_before_the_first_block() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(300))))
        speaker.do(FlushPlayout((A,)))
        assert inbox.events == [PlayoutFlushed(A, Samples(0))]
        await card.run(0.1)
    assert sounding_s(card) == 0.0


async def test_an_item_without_sound_is_drained_at_once() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(FinishItem(A))
        assert inbox.events == [PlayoutDrained(A, Samples(0))]


async def test_without_any_device_flushes_are_answered_and_sound_waits() -> None:
    card, inbox = VirtualCard(), Inbox()
    card.unplug("output")
    speaker = Speaker(card, SETTINGS, inbox.post)
    running = asyncio.create_task(speaker.run())
    await inbox.get(SpeakerLost)
    speaker.do(Play(A, tone(500, Ms(200))))
    speaker.do(FlushPlayout((B,)))
    assert inbox.events[-1] == PlayoutFlushed(B, Samples(0))
    speaker.do(Play(B, tone(500, Ms(200))))
    speaker.do(FlushPlayout((B,)))
    assert inbox.events[-1] == PlayoutFlushed(B, Samples(0))
    speaker.do(FinishItem(A))

    card.plug("output")
    await card.until_open(1)
    await card.run(0.4)
    await inbox.until(lambda: inbox.of(SpeakerReady))
    assert inbox.of(PlayoutDrained) == [PlayoutDrained(A, Samples(4800))]
    running.cancel()
    await asyncio.wait([running])


async def test_an_unplugged_loudspeaker_goes_on_where_it_left_off() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(500))))
        speaker.do(FinishItem(A))
        await card.run(0.2)
        card.unplug("output")
        await inbox.get(SpeakerLost)
        card.plug("output")
        await card.until_open(1)
        await card.run(0.5)
        await inbox.get(SpeakerReady)
    assert inbox.of(PlayoutDrained) == [PlayoutDrained(A, Samples(12_000))]


async def test_a_suspended_loudspeaker_is_noticed_and_flushes_meanwhile() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(500))))
        await card.run(0.1)
        card.suspend("output")
        speaker.do(FlushPlayout((A,)))
        assert isinstance(inbox.events[-1], PlayoutFlushed)
        await card.run(0.3)
        lost = await inbox.get(SpeakerLost)
        assert "suspended" in lost.reason
        await card.until_open(0)
        card.resume("output")
        await card.until_open(1)
        await card.run(2 * SETTLE_S)
        await inbox.get(SpeakerReady)


async def test_a_full_buffer_drops_what_is_too_much() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        for _ in range(30):
            speaker.do(Play(A, tone(500, Ms(1000))))
        speaker.do(FinishItem(A))
        await card.run(11.0)
    assert inbox.of(PlayoutDrained) == [PlayoutDrained(A, Samples(10 * RATE))]


async def test_ducking_and_volume_are_heard() -> None:
    card, inbox = VirtualCard(), Inbox()
    levels = []
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(500, Ms(3000), dbfs=-6.0)))
        for order in (Unduck(), Duck(), Unduck(), SetVolume(50)):
            speaker.do(order)
            await card.run(0.2)
            start = card.time()
            await card.run(0.2)
            levels.append(20 * np.log10(card.played.samples(start).astype(float).std()))
    assert np.subtract(levels[1:], levels[0]).tolist() == pytest.approx([-18.0, 0.0, -18.06], abs=0.1)


async def test_an_earcon_sounds_and_is_nothing_to_report() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(PlayEarcon("lost"))
        speaker.do(PlayEarcon("no such earcon"))
        await card.run(0.5)
    assert sounding_s(card) == pytest.approx(0.30, abs=0.01)
    assert inbox.events == []


async def test_an_earcon_sounds_as_somebody_chose_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "ding.pcm").write_bytes(tone(500, Ms(800)))
    card, inbox, earcons = VirtualCard(), Inbox(), EarconChoice()
    async with speaking(card, inbox, earcons=earcons) as speaker:
        await earcons.load(EarconSettings(lost="off", done=str(tmp_path / "ding.pcm")))
        speaker.do(PlayEarcon("lost"))
        await card.run(0.5)
        assert sounding_s(card) == 0.0
        speaker.do(PlayEarcon("done"))
        await card.run(1.0)
    assert sounding_s(card) == pytest.approx(0.80, abs=0.01)


async def test_the_far_end_is_what_comes_out_and_when() -> None:
    card, inbox = VirtualCard(latency_s=0.05), Inbox()
    far_end: list[tuple[bytes, float]] = []
    speaker = Speaker(card, SETTINGS, inbox.post, far_end=lambda pcm, heard_at: far_end.append((pcm, heard_at)))
    running = asyncio.create_task(speaker.run())
    await card.until_open(1)
    speaker.do(Play(A, tone(500, Ms(100))))
    await card.run(0.3)
    running.cancel()
    await asyncio.wait([running])
    assert {len(pcm) for pcm, _ in far_end} == {480}, "silence too"
    loud = [heard_at for pcm, heard_at in far_end if any(pcm)]
    heard_first = np.flatnonzero(card.played.samples())[0] / card.rate
    assert loud[0] == pytest.approx(heard_first, abs=0.002)
    assert len(loud) == 10
