"""A room with an echo: the assistant must not hear itself, and must hear the user."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.device.sounds import Room
from tests.inbox import Inbox
from tests.speech import labelled, read_wav
from voiced.audio import FRAME_MS
from voiced.capture.echo import echo_control
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.conversation.commands import FinishItem, Play
from voiced.conversation.events import (
    FrameCaptured,
    ItemId,
    ItemPlayed,
    MicrophoneReady,
    PlayoutDrained,
    SpeakerReady,
)
from voiced.playout.settings import PlayoutSettings
from voiced.playout.speaker import Speaker
from voiced.sound_card import PortAudioCard

pytestmark = [pytest.mark.device, pytest.mark.shared_data]

REPLY = ItemId("reply")
ENOUGH = 200 // FRAME_MS  # frames of speech in a row: what a barge-in takes at least
ATTEMPTS = 3


@asynccontextmanager
async def conversing(
    card: PortAudioCard, inbox: Inbox, mode: Literal["cancel", "half-duplex", "off"]
) -> AsyncIterator[Speaker]:
    settings = CaptureSettings(device="vmic", echo=mode)
    echo = echo_control(settings)
    speaker = Speaker(card, PlayoutSettings(device="vspeaker", volume=100), inbox.post, far_end=echo.far_end)
    microphone = Microphone(card, settings, inbox.post, echo=echo)
    running = [asyncio.create_task(speaker.run()), asyncio.create_task(microphone.run())]
    try:
        await inbox.get(SpeakerReady)
        await inbox.get(MicrophoneReady)
        yield speaker
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def test_with_cancellation_only_the_user_is_heard(card: PortAudioCard, shared_data: Path) -> None:
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    reply = labelled(shared_data)[0].pcm + labelled(shared_data)[2].pcm
    user = read_wav(shared_data / "speech" / "commands" / "office_lights_01.wav")
    for _ in range(ATTEMPTS):
        if await only_the_user_is_heard(card, reply, user):
            return
    pytest.fail(f"the assistant took itself for somebody, and the loudspeaker ran dry, in each of {ATTEMPTS} attempts")


async def only_the_user_is_heard(card: PortAudioCard, reply: bytes, user: bytes) -> bool:
    """False where the assistant was heard too, but its loudspeaker ran dry on a machine that stole the time.

    From then on the echo comes later, which the canceller must learn anew: what it lets through meanwhile tells
    nothing of it.
    """
    inbox = Inbox()
    with Room() as room:
        async with conversing(card, inbox, "cancel") as speaker:
            starved_before = speaker.starved
            speaker.do(Play(REPLY, reply))
            speaker.do(FinishItem(REPLY))
            await inbox.until(lambda: played_s(inbox) > 14.0, timeout_s=30)
            if longest_speech(inbox) >= ENOUGH:
                assert speaker.starved > starved_before, "the assistant took itself for somebody"
                return False
            room.say(user)
            await inbox.until(lambda: longest_speech(inbox) >= ENOUGH, timeout_s=3)
            return True


async def test_the_assistant_does_not_hear_itself_after_the_machine_stalled(
    card: PortAudioCard, shared_data: Path
) -> None:
    """Once more where it did: a canceller that begins anew lets something through after few stalls, not after most."""
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    reply = labelled(shared_data)[2].pcm + labelled(shared_data)[3].pcm
    stalls_ms = (100, 200, 300)
    if await heard_of_itself(card, reply, stalls_ms) >= ENOUGH:
        assert await heard_of_itself(card, reply, stalls_ms) < ENOUGH, "the assistant took itself for somebody"


async def heard_of_itself(card: PortAudioCard, reply: bytes, stalls_ms: tuple[int, ...]) -> int:
    """Frames of the longest stretch of speech, when voiced is held up every 2 s."""
    inbox = Inbox()
    async with conversing(card, inbox, "cancel") as speaker:
        speaker.do(Play(REPLY, reply))
        await plays(inbox, until_s=5.0)
        for number, stall_ms in enumerate(stalls_ms, start=1):
            hold_up_voiced(stall_ms)
            await plays(inbox, until_s=5.0 + 2.0 * number)
        assert speaker.starved >= len(stalls_ms)
        return longest_speech(inbox)


async def test_without_cancellation_the_assistant_hears_itself(card: PortAudioCard, shared_data: Path) -> None:
    """Or the other tests here would tell nothing."""
    inbox = Inbox()
    async with conversing(card, inbox, "off") as speaker:
        speaker.do(Play(REPLY, labelled(shared_data)[0].pcm))
        await inbox.until(lambda: longest_speech(inbox) >= ENOUGH)


async def test_with_half_duplex_the_user_is_heard_after_the_assistant(card: PortAudioCard, shared_data: Path) -> None:
    inbox = Inbox()
    user = read_wav(shared_data / "speech" / "commands" / "office_lights_01.wav")
    with Room() as room:
        async with conversing(card, inbox, "half-duplex") as speaker:
            speaker.do(Play(REPLY, labelled(shared_data)[1].pcm))
            speaker.do(FinishItem(REPLY))
            await inbox.until(lambda: played_s(inbox) > 2.0)
            room.say(user)  # in vain: voice can't interrupt here
            await inbox.get(PlayoutDrained)
            assert longest_speech(inbox) == 0
            heard = len(inbox.of(FrameCaptured))
            await inbox.until(lambda: len(inbox.of(FrameCaptured)) > heard + 500 // FRAME_MS)  # the tail
            room.say(user)
            await inbox.until(lambda: longest_speech(inbox) >= ENOUGH, timeout_s=3)


async def plays(inbox: Inbox, until_s: float) -> None:
    await inbox.until(lambda: played_s(inbox) > until_s, timeout_s=30)


def hold_up_voiced(ms: int) -> None:
    """No thread of this process gets a turn: PyDLL keeps the interpreter's lock."""
    ctypes.PyDLL(None).usleep(ms * 1000)


def played_s(inbox: Inbox) -> float:
    return max((event.played for event in inbox.of(ItemPlayed)), default=0) / 24_000


def longest_speech(inbox: Inbox) -> int:
    """Frames of the longest stretch of speech so far."""
    longest = current = 0
    for event in inbox.of(FrameCaptured):
        current = current + 1 if event.frame.speech else 0
        longest = max(longest, current)
    return longest
