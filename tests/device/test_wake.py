"""The wake word through a real sound server: from somebody in the room, and not from the loudspeaker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.device.sounds import Room
from tests.inbox import Inbox
from tests.speech import read_wav
from voiced.capture.echo import NoEchoControl
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.capture.wake_settings import WakeSettings
from voiced.capture.wake_word import WakeWord
from voiced.conversation.commands import FinishItem, Play
from voiced.conversation.events import (
    FrameCaptured,
    ItemId,
    MicrophoneReady,
    PlayoutDrained,
    SpeakerReady,
    WakeWordHeard,
)
from voiced.playout.settings import PlayoutSettings
from voiced.playout.speaker import Speaker
from voiced.sound_card import PortAudioCard

pytestmark = [pytest.mark.device, pytest.mark.shared_data]

REPLY = ItemId("reply")


async def test_the_wake_word_from_the_loudspeaker_and_from_somebody(card: PortAudioCard, shared_data: Path) -> None:
    pytest.importorskip("pymicro_wakeword", reason="the extra voiced[wake] is not installed")
    word = read_wav(shared_data / "speech" / "wake" / "okay_nabu_2.wav")
    inbox = Inbox()
    wake = WakeWord(WakeSettings())
    settings = CaptureSettings(device="vmic", echo="off")
    speaker = Speaker(card, PlayoutSettings(device="vspeaker", volume=100), inbox.post, far_end=wake.far_end)
    microphone = Microphone(card, settings, inbox.post, echo=NoEchoControl(), wake=wake)
    running = [asyncio.create_task(edge.run()) for edge in (speaker, microphone)]
    try:
        await inbox.get(SpeakerReady)
        await inbox.get(MicrophoneReady)
        speaker.do(Play(REPLY, word))
        speaker.do(FinishItem(REPLY))
        await inbox.get(PlayoutDrained)
        assert any(event.frame.speech for event in inbox.of(FrameCaptured)), "the microphone hears the loudspeaker"
        assert inbox.of(WakeWordHeard) == []
        # Long after it, and after what the echo of it could be.
        heard = len(inbox.of(FrameCaptured))
        await inbox.until(lambda: len(inbox.of(FrameCaptured)) > heard + 75)
        assert inbox.of(WakeWordHeard) == []
        with Room() as room:
            room.say(word)
            assert await inbox.get(WakeWordHeard) == WakeWordHeard("okay_nabu")
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
