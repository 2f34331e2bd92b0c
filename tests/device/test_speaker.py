"""The loudspeaker through PortAudio: its ledger against what really came out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt
import pytest

from tests.device.pulse import PrivatePulse
from tests.device.sounds import Tap
from tests.inbox import Inbox
from voiced.audio import RATE, Ms, Samples
from voiced.conversation.commands import FinishItem, FlushPlayout, Play
from voiced.conversation.events import (
    ItemId,
    ItemPlayed,
    PlayoutDrained,
    PlayoutFlushed,
    SpeakerLost,
    SpeakerReady,
)
from voiced.playout.earcons import tone
from voiced.playout.settings import PlayoutSettings
from voiced.playout.speaker import Speaker
from voiced.sound_card import PortAudioCard

pytestmark = pytest.mark.device

A, B = ItemId("a"), ItemId("b")
LOW, HIGH = 500, 3000  # Hz


@pytest.fixture
async def tap(card: PortAudioCard) -> AsyncIterator[Tap]:
    with Tap(card) as tap:
        yield tap


@asynccontextmanager
async def speaking(card: PortAudioCard, inbox: Inbox) -> AsyncIterator[Speaker]:
    speaker = Speaker(card, PlayoutSettings(device="vspeaker", volume=100, lost_after_s=0.5), inbox.post)
    running = asyncio.create_task(speaker.run())
    try:
        await inbox.get(SpeakerReady)
        yield speaker
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_the_ledger_says_was_heard(card: PortAudioCard, tap: Tap) -> None:
    inbox = Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(LOW, Ms(1000))))
        speaker.do(FinishItem(A))
        drained = await inbox.get(PlayoutDrained)
        heard = await tap.for_s(0.3)
    assert drained == PlayoutDrained(A, drained.played)
    assert drained.played == RATE
    assert audible_s(heard, LOW) == pytest.approx(1.0, abs=0.02)
    counts = [event.played for event in inbox.of(ItemPlayed)]
    assert counts == sorted(counts)
    assert len(counts) in range(8, 13), "about one report each 100 ms"


async def test_a_flush_leaves_no_old_sound_and_counts_what_was_heard(card: PortAudioCard, tap: Tap) -> None:
    inbox = Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(LOW, Ms(5000))))
        await inbox.until(lambda: [event for event in inbox.of(ItemPlayed) if event.played > RATE])
        speaker.do(FlushPlayout((A,)))
        assert isinstance(inbox.events[-1], PlayoutFlushed), "answered at once"
        speaker.do(Play(B, tone(HIGH, Ms(500))))
        speaker.do(FinishItem(B))
        await inbox.get(PlayoutDrained)
        heard = await tap.for_s(0.3)
    flushed = inbox.of(PlayoutFlushed)[0]
    assert audible_s(heard, LOW) == pytest.approx(flushed.played / RATE, abs=0.02)
    assert audible_s(heard, HIGH) == pytest.approx(0.5, abs=0.02)
    assert last_s(heard, LOW) < first_s(heard, HIGH) + 0.02, "nothing of the old item after the new one began"


async def test_a_server_that_dies_and_returns(card: PortAudioCard, pulse: PrivatePulse) -> None:
    inbox = Inbox()
    async with speaking(card, inbox) as speaker:
        speaker.do(Play(A, tone(LOW, Ms(3000))))
        speaker.do(FinishItem(A))
        await inbox.get(ItemPlayed)
        pulse.kill()
        await inbox.get(SpeakerLost)
        already = max(event.played for event in inbox.of(ItemPlayed))
        await asyncio.to_thread(pulse.start)
        await inbox.until(lambda: len(inbox.of(SpeakerReady)) == 2, timeout_s=20)
        with Tap(card) as tap:
            drained = await inbox.get(PlayoutDrained)
            heard = await tap.for_s(0.2)
    assert drained.played == 3 * RATE
    assert audible_s(heard, LOW) == pytest.approx(3.0 - already / RATE, abs=0.5), "it goes on where it left off"


async def test_a_flush_is_answered_while_there_is_no_device(card: PortAudioCard, pulse: PrivatePulse) -> None:
    inbox = Inbox()
    async with speaking(card, inbox) as speaker:
        pulse.kill()
        await inbox.get(SpeakerLost)
        speaker.do(Play(A, tone(LOW, Ms(1000))))
        speaker.do(FlushPlayout((A, B)))
        assert inbox.events[-2:] == [PlayoutFlushed(A, Samples(0)), PlayoutFlushed(B, Samples(0))]
        await asyncio.to_thread(pulse.start)
        await inbox.until(lambda: len(inbox.of(SpeakerReady)) == 2, timeout_s=20)


def audible_s(heard: npt.NDArray[np.int16], hz: int) -> float:
    return sum(loud(heard, hz)) * 0.01


def first_s(heard: npt.NDArray[np.int16], hz: int) -> float:
    return loud(heard, hz).index(True) * 0.01


def last_s(heard: npt.NDArray[np.int16], hz: int) -> float:
    found = loud(heard, hz)
    return (len(found) - found[::-1].index(True)) * 0.01


def loud(heard: npt.NDArray[np.int16], hz: int) -> list[bool]:
    """Of each 10 ms: whether the tone is there, with a tenth of its amplitude at least."""
    step = RATE // 100
    wave = np.exp(-2j * np.pi * hz * np.arange(step) / RATE)
    blocks = heard[: heard.size // step * step].reshape(-1, step).astype(np.float64)
    return list(np.abs(blocks @ wave) * 2 / step > 0.1 * 3277)
