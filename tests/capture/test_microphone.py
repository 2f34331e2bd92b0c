"""The microphone on a virtual card."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from tests.inbox import Inbox
from voiced.audio import FRAME_BYTES, Ms
from voiced.capture.echo import NoEchoControl
from voiced.capture.level import rms_dbfs
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.conversation.commands import CloseMicrophone, OpenMicrophone
from voiced.conversation.events import FrameCaptured, MicrophoneLost, MicrophoneReady
from voiced.playout.earcons import tone
from voiced.testing.sound_card import VirtualCard

SETTINGS = CaptureSettings(lost_after_s=0.1)


@asynccontextmanager
async def listening(card: VirtualCard, inbox: Inbox) -> AsyncIterator[Microphone]:
    """A microphone that is open; the inbox is empty."""
    microphone = Microphone(card, SETTINGS, inbox.post, echo=NoEchoControl())
    running = asyncio.create_task(microphone.run())
    try:
        await card.until_open(1)
        await card.run(0.04)
        await inbox.get(MicrophoneReady)
        inbox.events.clear()
        yield microphone
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("rate", [16_000, 24_000, 32_000, 44_100, 48_000])
async def test_frames_are_20_ms_and_carry_their_time(rate: int) -> None:
    card, inbox = VirtualCard(rate=rate), Inbox()
    async with listening(card, inbox) as microphone:
        said_from, said_until = card.say(tone(1000, Ms(500), dbfs=-10.0), at=card.time() + 0.2)
        await card.run(1.0)
        assert microphone.overruns == 0
    frames = [event.frame for event in inbox.of(FrameCaptured)]
    assert len(frames) in (49, 50)
    assert {len(frame.pcm) for frame in frames} == {FRAME_BYTES}
    steps = [later.captured_at - sooner.captured_at for sooner, later in itertools.pairwise(frames)]
    assert steps == pytest.approx([0.02] * len(steps), abs=1e-4)
    loud = [frame.captured_at for frame in frames if rms_dbfs(frame.pcm) > -30.0]
    assert loud[0] - 0.02 == pytest.approx(said_from, abs=0.021)
    assert loud[-1] == pytest.approx(said_until, abs=0.021)


async def test_a_loop_that_is_late_loses_the_oldest_and_counts_them() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox) as microphone:
        for _ in range(300):  # 3 s in which the loop does not get its turn
            card.step()
        assert microphone.overruns == 100
        await card.run(0.02)
        assert len(inbox.of(FrameCaptured)) in (50, 51), "the last second is there"
        newest = inbox.of(FrameCaptured)[-1].frame.captured_at
        assert newest == pytest.approx(card.time() - card.latency_s, abs=0.03)


async def test_a_machine_that_is_too_busy_is_counted() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox) as microphone:
        card.stall("input", 0.05)
        await card.run(0.2)
        assert microphone.overruns == 1
        assert inbox.of(MicrophoneLost) == []


async def test_an_unplugged_microphone_is_lost_and_comes_back() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox):
        card.unplug("input")
        lost = await inbox.get(MicrophoneLost)
        assert "unplugged" in lost.reason
        card.plug("input")
        await card.until_open(1)
        await card.run(0.1)
        await inbox.get(MicrophoneReady)
        await inbox.get(FrameCaptured)


async def test_a_suspended_microphone_gives_no_error_and_is_noticed() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox):
        card.suspend("input")
        await card.run(0.2)
        lost = await inbox.get(MicrophoneLost)
        assert "suspended" in lost.reason
        await card.until_open(0)
        card.resume("input")
        await card.until_open(1)
        await card.run(0.1)
        await inbox.get(MicrophoneReady)


async def test_a_microphone_that_is_absent_is_told_once_and_awaited() -> None:
    card, inbox = VirtualCard(), Inbox()
    card.unplug("input")
    card.rescan()
    microphone = Microphone(card, SETTINGS, inbox.post, echo=NoEchoControl())
    running = asyncio.create_task(microphone.run())
    await inbox.get(MicrophoneLost)
    card.plug("input")
    await card.until_open(1)
    await card.run(0.1)
    await inbox.get(MicrophoneReady)
    assert len(inbox.of(MicrophoneLost)) == 1
    running.cancel()
    await asyncio.wait([running])


async def test_a_muted_microphone_is_remarked_upon_once() -> None:
    card, inbox = VirtualCard(noise_dbfs=None), Inbox()
    async with listening(card, inbox):
        with capture_logs() as logs:
            await card.run(30.0)
    assert [entry["event"] for entry in logs] == ["microphone.silent"]


async def test_the_device_is_let_go_at_the_end() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox):
        pass
    await card.until_open(0)


async def test_closed_it_hears_nothing_and_after_that_nothing_of_before() -> None:
    card, inbox = VirtualCard(), Inbox()
    async with listening(card, inbox) as microphone:
        card.say(tone(1000, Ms(500), dbfs=-10.0), at=card.time() + 0.05)
        await card.run(0.2)
        assert microphone.level_dbfs > -30.0
        microphone.do(CloseMicrophone())
        heard = len(inbox.events)
        await card.until_open(0)
        await card.run(1.0)
        assert (len(inbox.events), microphone.level_dbfs) == (heard, -100.0), "neither frames nor a loss"
        inbox.events.clear()
        microphone.do(OpenMicrophone())
        await card.until_open(1)
        await card.run(0.2)
        await inbox.get(MicrophoneReady)
        assert all(rms_dbfs(event.frame.pcm) < -60.0 for event in inbox.of(FrameCaptured))
