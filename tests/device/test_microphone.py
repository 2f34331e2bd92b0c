"""The microphone through PortAudio: it hears, and comes back after each way to lose it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.device.pulse import PrivatePulse
from tests.device.sounds import Room
from tests.inbox import Inbox
from voiced.audio import FRAME_BYTES, FRAME_MS, Ms
from voiced.capture.echo import NoEchoControl
from voiced.capture.level import rms_dbfs
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.conversation.events import FrameCaptured, MicrophoneLost, MicrophoneReady
from voiced.playout.earcons import tone
from voiced.sound_card import PortAudioCard

pytestmark = pytest.mark.device


@asynccontextmanager
async def listening(card: PortAudioCard, inbox: Inbox, device: str = "vmic") -> AsyncIterator[Microphone]:
    settings = CaptureSettings(device=device, lost_after_s=0.4)
    microphone = Microphone(card, settings, inbox.post, echo=NoEchoControl())
    running = asyncio.create_task(microphone.run())
    try:
        yield microphone
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_it_hears_a_tone_in_frames_of_20_ms(card: PortAudioCard) -> None:
    inbox = Inbox()
    with Room() as room:
        async with listening(card, inbox) as microphone:
            await inbox.get(MicrophoneReady)
            room.say(tone(1000, Ms(1000), dbfs=-20.0))
            await inbox.until(lambda: sum(loud(event) for event in inbox.of(FrameCaptured)) >= 45)
            assert microphone.overruns == 0
    frames = [event.frame for event in inbox.of(FrameCaptured)]
    assert {len(frame.pcm) for frame in frames} == {FRAME_BYTES}
    assert max(rms_dbfs(frame.pcm) for frame in frames) == pytest.approx(-23.0, abs=0.5)
    times = [frame.captured_at for frame in frames]
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(FRAME_MS / 1000, rel=0.05)


async def test_a_suspended_microphone_is_noticed_and_returns(card: PortAudioCard, pulse: PrivatePulse) -> None:
    inbox = Inbox()
    async with listening(card, inbox):
        await inbox.get(MicrophoneReady)
        await asyncio.to_thread(pulse.suspend_source, True)
        lost = await inbox.get(MicrophoneLost)
        assert "no sign of life" in lost.reason
        await asyncio.to_thread(pulse.suspend_source, False)
        await inbox.until(lambda: len(inbox.of(MicrophoneReady)) == 2, timeout_s=20)
        heard = len(inbox.of(FrameCaptured))
        await inbox.until(lambda: len(inbox.of(FrameCaptured)) > heard + 10)


async def test_a_server_that_dies_and_returns(card: PortAudioCard, pulse: PrivatePulse) -> None:
    inbox = Inbox()
    async with listening(card, inbox):
        await inbox.get(MicrophoneReady)
        pulse.kill()
        await inbox.get(MicrophoneLost)
        await asyncio.to_thread(pulse.start)
        await inbox.until(lambda: len(inbox.of(MicrophoneReady)) == 2, timeout_s=20)


async def test_a_microphone_that_is_not_there_yet(card: PortAudioCard, pulse: PrivatePulse) -> None:
    pulse.kill()
    await asyncio.to_thread(card.rescan)
    inbox = Inbox()
    async with listening(card, inbox):
        await inbox.get(MicrophoneLost)
        await asyncio.to_thread(pulse.start)
        await inbox.get(MicrophoneReady, timeout_s=20)


def loud(event: FrameCaptured) -> bool:
    return rms_dbfs(event.frame.pcm) > -40
