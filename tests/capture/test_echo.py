"""The assistant's own voice must not be taken for the user's."""

from __future__ import annotations

import asyncio
import builtins
import itertools
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.inbox import Inbox
from tests.speech import labelled, read_wav
from voiced import installing
from voiced.audio import FRAME_BYTES, FRAME_MS, Ms
from voiced.capture.echo import Canceller, HalfDuplex, NoEchoControl, echo_control
from voiced.capture.level import rms_dbfs
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.conversation.commands import Play
from voiced.conversation.events import FrameCaptured, ItemId
from voiced.errors import ConfigError
from voiced.playout.earcons import tone
from voiced.playout.settings import PlayoutSettings
from voiced.playout.speaker import Speaker
from voiced.sound_card.port import Direction
from voiced.testing.sound_card import Echo, VirtualCard

VOICE = tone(300, Ms(20), dbfs=-10.0)
TICK = FRAME_MS / 1000
ENOUGH = 200 // FRAME_MS  # frames of speech in a row: what a barge-in takes at least


def heard(control: HalfDuplex, start: float, frames: int) -> list[bool]:
    """For each frame captured from `start` on: whether it came through."""
    return [control.near_end(VOICE, start + (number + 1) * TICK) == VOICE for number in range(frames)]


def test_half_duplex_lets_everything_through_while_nothing_plays() -> None:
    control = HalfDuplex(tail_ms=100)
    control.far_end(bytes(480), 1.0)
    assert all(heard(control, 0.9, 20))


def test_half_duplex_is_deaf_while_the_assistant_is_audible_and_the_room_rings() -> None:
    control = HalfDuplex(tail_ms=100)
    for block in range(10):  # audible from 1.0 to 1.2
        control.far_end(VOICE, 1.0 + block * TICK)
    through = heard(control, 0.9, 20)  # 0.9 to 1.3
    assert through == [True] * 5 + [False] * 15
    assert all(heard(control, 1.3, 10))


def test_half_duplex_goes_by_the_time_of_the_sound_not_of_its_arrival() -> None:
    """A loudspeaker with half a second of latency is told long before it is heard."""
    control = HalfDuplex(tail_ms=100)
    control.far_end(VOICE, 1.5)
    assert all(heard(control, 1.0, 20))
    assert not any(heard(control, 1.5, 6))


def test_off_changes_nothing() -> None:
    control = NoEchoControl()
    control.far_end(VOICE, 0.0)
    assert control.near_end(VOICE, 0.0) == VOICE


def test_cancel_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_livekit(monkeypatch)
    with pytest.raises(ConfigError, match=re.escape(installing.an_extra("echo"))):
        echo_control(CaptureSettings(echo="cancel"))


def test_auto_without_the_extra_is_half_duplex(monkeypatch: pytest.MonkeyPatch) -> None:
    without_livekit(monkeypatch)
    assert isinstance(echo_control(CaptureSettings(echo="auto")), HalfDuplex)


def test_settings_choose() -> None:
    assert isinstance(echo_control(CaptureSettings(echo="off")), NoEchoControl)
    assert isinstance(echo_control(CaptureSettings(echo="half-duplex")), HalfDuplex)


@pytest.mark.shared_data
def test_the_canceller_removes_the_echo_and_leaves_the_user(shared_data: Path) -> None:
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    far = b"".join(clip.pcm for clip in labelled(shared_data)[:3])
    user = labelled(shared_data)[3].pcm
    delay = 80 * 48  # bytes of 80 ms
    echo = np.frombuffer(bytes(delay) + far, "<i2") * 10 ** (-12 / 20)
    near = np.zeros(echo.size)
    begins = near.size - len(user) // 2
    near[begins:] = np.frombuffer(user, "<i2")
    microphone = np.rint(echo + near).clip(-32_768, 32_767).astype("<i2").tobytes()

    control = echo_control(CaptureSettings(echo="cancel"))
    clean = bytearray()
    for at in range(0, len(far) - FRAME_BYTES, FRAME_BYTES):
        for block in range(at, at + FRAME_BYTES, 480):  # the loudspeaker's blocks are of 10 ms
            control.far_end(far[block : block + 480], 0.0)
        clean += control.near_end(microphone[at : at + FRAME_BYTES], 0.0)
    assert len(clean) % FRAME_BYTES == 0
    settled = slice(5 * 48_000, 2 * begins)
    assert rms_dbfs(microphone[settled]) - rms_dbfs(bytes(clean[settled])) > 30.0
    assert rms_dbfs(bytes(clean[2 * begins :])) > rms_dbfs(user) - 6.0


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("number", "stalls"),
    [
        pytest.param(2, {"output": 0.2}, id="the loudspeaker ran dry"),
        pytest.param(3, {"input": 0.2}, id="the microphone ran over"),
        pytest.param(3, {"output": 0.15, "input": 0.2}, id="the machine stood still"),
    ],
)
async def test_after_a_cut_in_mid_reply_only_the_user_is_heard(
    number: int, stalls: dict[Direction, float], shared_data: Path
) -> None:
    """These replies: of a hundred such moments, AEC3 lets somebody be heard in two all the same."""
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    clips = labelled(shared_data)
    card, inbox = VirtualCard(echo=Echo()), Inbox()
    async with conversing(card, inbox) as speaker:
        speaker.do(Play(ItemId("reply"), clips[number].pcm + clips[number + 1].pcm))
        await card.run(6.0)
        for direction, seconds in stalls.items():
            card.stall(direction, seconds)
        await card.run(3.0)
        assert longest_speech(inbox) < ENOUGH, "the assistant took itself for somebody"
        card.stall("output", 0.2)
        user = read_wav(shared_data / "speech" / "commands" / "office_lights_01.wav")
        said_from, _ = card.say(user, at=card.time() + 0.5)
        await card.run(1.5)
    assert longest_speech(inbox) >= ENOUGH
    heard = [event.frame.captured_at for event in inbox.of(FrameCaptured) if event.frame.speech]
    assert min(at for at in heard if at > said_from) < said_from + 0.3


@asynccontextmanager
async def conversing(card: VirtualCard, inbox: Inbox) -> AsyncIterator[Speaker]:
    echo = Canceller()
    speaker = Speaker(card, PlayoutSettings(volume=100), inbox.post, far_end=echo.far_end)
    microphone = Microphone(card, CaptureSettings(), inbox.post, echo=echo)
    running = [asyncio.create_task(speaker.run()), asyncio.create_task(microphone.run())]
    try:
        await card.until_open(2)
        yield speaker
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


def longest_speech(inbox: Inbox) -> int:
    stretches = itertools.groupby(event.frame.speech for event in inbox.of(FrameCaptured))
    return max((len(list(frames)) for speech, frames in stretches if speech), default=0)


def test_the_canceller_keeps_what_it_learnt_through_bursts_and_drifting_clocks() -> None:
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    control = Canceller()
    with capture_logs() as logs:
        for number in range(1000):
            if number % 5 == 0:  # five blocks at once, all of which claim the same time
                for _ in range(10):
                    control.far_end(VOICE[:480], number * TICK * 1.001)
            control.near_end(VOICE, number * TICK * 0.999)
        assert logs == []
        control.far_end(VOICE[:480], 1000 * TICK * 1.001 + 0.1)
        control.near_end(VOICE, 1000 * TICK * 0.999 + 0.2)
    assert [entry["cut"] for entry in logs] == ["microphone", "loudspeaker"]


def test_a_loudspeaker_that_nobody_drains_holds_a_second_at_most() -> None:
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    control = Canceller()
    for _ in range(1000):
        control.far_end(bytes(480), 0.0)
    assert len(control.near_end(bytes(FRAME_BYTES), 0.0)) == FRAME_BYTES


def without_livekit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "livekit"]:
        monkeypatch.delitem(sys.modules, name)
    really_import = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "livekit":
            raise ImportError(name)
        return really_import(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
