"""The wake word is heard in the room, once, and not from the loudspeaker."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.inbox import Inbox
from tests.speech import read_wav
from voiced import installing
from voiced.audio import FRAME_BYTES, FRAME_MS, RATE, SAMPLE_BYTES
from voiced.capture.echo import NoEchoControl
from voiced.capture.microphone import Microphone
from voiced.capture.settings import CaptureSettings
from voiced.capture.vad import Vad
from voiced.capture.wake_settings import WakeSettings
from voiced.capture.wake_word import WakeWord
from voiced.conversation.commands import CloseMicrophone, FinishItem, OpenMicrophone, Play
from voiced.conversation.events import ItemId, MicrophoneReady, PlayoutDrained, SpeakerReady, WakeWordHeard
from voiced.errors import ConfigError
from voiced.playout.settings import PlayoutSettings
from voiced.playout.speaker import Speaker
from voiced.testing.sound_card import Echo, VirtualCard

pymicro_wakeword = pytest.importorskip("pymicro_wakeword", reason="the extra voiced[wake] is not installed")

ALL: Final = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")
SAID: Final = [f"{word}_{number}" for word in sorted(ALL) for number in (1, 2)]
BUILT_IN: Final = Path(pymicro_wakeword.__file__).parent / "models"
REPLY: Final = ItemId("reply")
IN_A_MINUTE: Final = 60_000 // FRAME_MS


class Listener:
    """A WakeWord behind the real VAD, in a quiet room in which nothing plays."""

    def __init__(self, **settings: Any) -> None:
        self.wake = WakeWord(WakeSettings(**{"words": ALL, **settings}))
        self._vad = Vad(CaptureSettings())
        self._noise = np.random.default_rng(0)
        self._now = 0.0
        self.heard: list[str] = []
        self.times: list[float] = []

    def hears(self, pcm: bytes, *, gated: bool = True) -> list[str]:
        """The words in it. `gated`: False has the models run all the time."""
        before = len(self.heard)
        signal = np.frombuffer(pcm, "<i2") + self._noise.normal(0.0, 6.0, len(pcm) // SAMPLE_BYTES)
        sound = signal.clip(-32768, 32767).astype("<i2").tobytes()
        for start in range(0, len(sound) - FRAME_BYTES + 1, FRAME_BYTES):
            frame = sound[start : start + FRAME_BYTES]
            self._now += FRAME_MS / 1000
            if word := self.wake.near_end(frame, self._vad.speech(frame) or not gated, self._now):
                self.heard.append(word)
                self.times.append(self._now)
        return self.heard[before:]


def pause(seconds: float) -> bytes:
    return bytes(round(seconds * RATE) * SAMPLE_BYTES)


def wake_clip(shared_data: Path, name: str) -> bytes:
    return read_wav(shared_data / "speech" / "wake" / f"{name}.wav")


def talk(shared_data: Path) -> list[bytes]:
    """Some recordings in which nobody says a wake word; `python -m tests.benchmarks --wake` takes all."""
    folders = ("commands", "labelled", "read")
    return [
        read_wav(path) for folder in folders for path in sorted((shared_data / "speech" / folder).glob("*.wav"))[::3]
    ]


# Who says it is heard.


@pytest.mark.shared_data
def test_each_word_is_heard_once_and_talk_is_none(shared_data: Path) -> None:
    """In one go, with pauses: what the models remember of one utterance does not disturb the next."""
    listener = Listener()
    others = iter(talk(shared_data))
    for name in SAID:
        assert listener.hears(next(others) + pause(1.5)) == []
        assert listener.hears(wake_clip(shared_data, name) + pause(2.0)) == [name[:-2]]
    assert listener.hears(b"".join(others)) == []


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["hey_jarvis_1", "okay_nabu_1"])
def test_somebody_far_away_is_heard(shared_data: Path, name: str) -> None:
    """So quiet that the VAD finds no speech."""
    voice = np.frombuffer(wake_clip(shared_data, name), "<i2") / 8
    assert Listener().hears(pause(2.0) + voice.astype("<i2").tobytes() + pause(1.0)) == [name[:-2]]


@pytest.mark.shared_data
def test_a_word_that_nobody_chose_is_none(shared_data: Path) -> None:
    listener = Listener(words=("alexa",))
    assert [name for name in SAID if listener.hears(pause(1.0) + wake_clip(shared_data, name) + pause(2.0))] == [
        "alexa_1",
        "alexa_2",
    ]


@pytest.mark.shared_data
def test_more_sensitive_hears_more(shared_data: Path) -> None:
    """In loud noise, in which not every word can be made out."""
    noise = np.random.default_rng(2)

    def hits(sensitivity: float) -> set[str]:
        found = set()
        for name in SAID:
            said = np.frombuffer(pause(1.5) + wake_clip(shared_data, name) + pause(0.5), "<i2").astype(float)
            level = 0.5 * np.sqrt(np.mean(said[np.abs(said) > 200] ** 2))
            noisy = (said + noise.normal(0.0, level, said.size)).clip(-32768, 32767).astype("<i2").tobytes()
            if name[:-2] in Listener(words=(name[:-2],), sensitivity=sensitivity).hears(noisy):
                found.add(name)
        return found

    least, usual, most = hits(0.0), hits(0.5), hits(1.0)
    assert len(least) < len(usual) < len(most)


@pytest.mark.shared_data
def test_the_refractory_pause_makes_one_of_two(shared_data: Path) -> None:
    word = wake_clip(shared_data, "alexa_2")
    twice = pause(1.0) + word + word + pause(1.0)  # 2 s from one to the next
    assert Listener(refractory_s=4.0).hears(twice) == ["alexa"]
    assert Listener(refractory_s=0.5).hears(twice) == ["alexa", "alexa"]


# What it costs.


@pytest.mark.shared_data
def test_in_a_quiet_minute_the_models_rest(shared_data: Path) -> None:
    listener = Listener()
    listener.hears(pause(30.0))
    assert listener.wake.listened_to < IN_A_MINUTE // 100
    assert listener.hears(wake_clip(shared_data, "okay_nabu_2") + pause(28.0)) == ["okay_nabu"]
    assert listener.wake.listened_to < IN_A_MINUTE // 15


@pytest.mark.shared_data
def test_behind_the_vad_words_come_no_later(shared_data: Path) -> None:
    def told_at(*, gated: bool) -> float:
        listener = Listener()
        assert listener.hears(pause(3.0) + wake_clip(shared_data, "hey_jarvis_1"), gated=gated) == ["hey_jarvis"]
        return listener.times[0]

    assert told_at(gated=True) <= told_at(gated=False) + 0.1


def test_no_frame_waits_for_ever_and_none_is_heard_twice() -> None:
    listener = Listener()
    listener.hears(pause(10.0))
    listener.hears(pause(2.0), gated=False)
    assert 2_000 // FRAME_MS <= listener.wake.listened_to <= 3_500 // FRAME_MS


# What the loudspeaker says wakes nobody.


@asynccontextmanager
async def in_a_room(card: VirtualCard, inbox: Inbox, *, overheard: bool = True) -> AsyncIterator[tuple[Speaker, Any]]:
    """Loudspeaker and microphone of one card, no echo control; `overheard`: the wake word gets what is played."""
    wake = WakeWord(WakeSettings(words=ALL))
    speaker = Speaker(card, PlayoutSettings(volume=100), inbox.post, far_end=wake.far_end if overheard else None)
    microphone = Microphone(card, CaptureSettings(), inbox.post, echo=NoEchoControl(), wake=wake)
    running = [asyncio.create_task(speaker.run()), asyncio.create_task(microphone.run())]
    try:
        await card.until_open(2)
        await card.run(0.3)
        await inbox.get(SpeakerReady)
        await inbox.get(MicrophoneReady)
        yield speaker, microphone
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def replies(speaker: Speaker, card: VirtualCard, inbox: Inbox, pcm: bytes) -> None:
    inbox.events.clear()
    speaker.do(Play(REPLY, pcm))
    speaker.do(FinishItem(REPLY))
    await card.run(len(pcm) / SAMPLE_BYTES / RATE + 0.5)
    await inbox.get(PlayoutDrained)


ROOMS: Final = [
    pytest.param(Echo(), id="loudspeaker beside the microphone"),
    pytest.param(Echo(delay_ms=20, gain_db=0.0, decay_s=0.0), id="in one box"),
    pytest.param(Echo(delay_ms=450, gain_db=-20.0, decay_s=0.6), id="across a hall"),
]


@pytest.mark.shared_data
@pytest.mark.parametrize("echo", ROOMS)
async def test_its_own_speech_does_not_wake_it(shared_data: Path, echo: Echo) -> None:
    card, inbox = VirtualCard(rate=RATE, echo=echo), Inbox()
    async with in_a_room(card, inbox) as (speaker, _):
        for name in ("okay_nabu_2", "alexa_1"):
            await replies(speaker, card, inbox, wake_clip(shared_data, name))
            assert inbox.of(WakeWordHeard) == []


@pytest.mark.shared_data
async def test_without_listening_to_the_loudspeaker_it_would(shared_data: Path) -> None:
    """Or the test above would tell nothing."""
    card, inbox = VirtualCard(rate=RATE, echo=Echo()), Inbox()
    async with in_a_room(card, inbox, overheard=False) as (speaker, _):
        await replies(speaker, card, inbox, wake_clip(shared_data, "okay_nabu_1"))
        assert inbox.of(WakeWordHeard) == [WakeWordHeard("okay_nabu")]


@pytest.mark.shared_data
async def test_the_user_wakes_it_while_it_says_something_else(shared_data: Path) -> None:
    card, inbox = VirtualCard(rate=RATE, echo=Echo(gain_db=-35.0)), Inbox()
    reply = read_wav(shared_data / "speech" / "labelled" / "01.wav")
    async with in_a_room(card, inbox) as (speaker, _):
        card.say(wake_clip(shared_data, "hey_mycroft_1"), at=card.time() + 3.0)
        await replies(speaker, card, inbox, reply)
        assert inbox.of(WakeWordHeard) == [WakeWordHeard("hey_mycroft")]


@pytest.mark.shared_data
async def test_the_user_wakes_it_with_another_word_than_it_just_said(shared_data: Path) -> None:
    card, inbox = VirtualCard(rate=RATE, echo=Echo()), Inbox()
    async with in_a_room(card, inbox) as (speaker, _):
        await replies(speaker, card, inbox, wake_clip(shared_data, "alexa_1"))
        await card.run(1.0)
        card.say(wake_clip(shared_data, "okay_nabu_2"), at=card.time())
        await card.run(3.0)
        assert inbox.of(WakeWordHeard) == [WakeWordHeard("okay_nabu")]


# At the microphone.


@pytest.mark.shared_data
async def test_a_closed_microphone_hears_no_word_nor_half_of_one(shared_data: Path) -> None:
    card, inbox = VirtualCard(rate=RATE), Inbox()
    word = wake_clip(shared_data, "okay_nabu_2")
    async with in_a_room(card, inbox) as (_, microphone):
        begins = card.time()
        card.say(word, at=begins)
        await card.run(0.9)  # in the middle of it
        microphone.do(CloseMicrophone())
        await card.until_open(1)
        await card.run(0.3)
        microphone.do(OpenMicrophone())
        await card.until_open(2)
        await card.run(2.0)
        assert inbox.of(WakeWordHeard) == []
        card.say(word, at=card.time())
        await card.run(2.0)
        assert inbox.of(WakeWordHeard) == [WakeWordHeard("okay_nabu")]


# What is missing, or wrong.


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    with pytest.raises(ConfigError, match=re.escape(installing.an_extra("wake"))):
        WakeWord(WakeSettings())


def test_who_wants_no_wake_word_pays_for_none() -> None:
    code = "import sys, voiced.app, voiced.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert {"pymicro_wakeword", "pymicro_features", "voiced.capture.wake_word"}.isdisjoint(loaded)


def test_a_word_that_no_model_knows_is_told_with_those_there_are(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"'hey_bob'.*alexa, hello_tree, hey_jarvis, hey_mycroft, okay_nabu"):
        WakeWord(WakeSettings(words=("okay_nabu", "hey_bob"), models=str(own)))


def test_a_folder_of_models_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"wake.models is '/nowhere/at/all'"):
        WakeWord(WakeSettings(models="/nowhere/at/all"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a model of one's own, which really knows "Alexa"."""
    shutil.copy(BUILT_IN / "alexa.tflite", tmp_path / "tree.tflite")
    described = json.loads((BUILT_IN / "alexa.json").read_text())
    (tmp_path / "hello_tree.json").write_text(json.dumps({**described, "model": "tree.tflite"}))
    return tmp_path


@pytest.mark.shared_data
def test_a_model_of_ones_own(own: Path, shared_data: Path) -> None:
    listener = Listener(words=("hello_tree", "okay_nabu"), models=str(own))
    assert listener.hears(wake_clip(shared_data, "alexa_1") + pause(3.0)) == ["hello_tree"]
    assert listener.hears(wake_clip(shared_data, "okay_nabu_1") + pause(1.0)) == ["okay_nabu"]


def remove(folder: Path) -> None:
    (folder / "tree.tflite").unlink()


def cut_off(folder: Path) -> None:
    (folder / "tree.tflite").write_bytes((BUILT_IN / "alexa.tflite").read_bytes()[:20_000])


def empty(folder: Path) -> None:
    (folder / "tree.tflite").write_bytes(b"")


def pointer(folder: Path) -> None:
    """What git leaves where its large files were not fetched."""
    (folder / "tree.tflite").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 52272\n")


def no_json(folder: Path) -> None:
    (folder / "hello_tree.json").write_text("{")


def describe_nothing(folder: Path) -> None:
    (folder / "hello_tree.json").write_text("[]")


def other_steps(folder: Path) -> None:
    path = folder / "hello_tree.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, "micro": {**described["micro"], "feature_step_size": 20}}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove, r"tree\.tflite is missing: fetch it again"),
        (cut_off, r"tree\.tflite is not a model .*: fetch it again"),
        (empty, r"tree\.tflite is not a model"),
        (pointer, r"tree\.tflite is not a model"),
        (no_json, r"hello_tree\.json does not describe"),
        (describe_nothing, r"hello_tree\.json does not describe"),
        (other_steps, r"hello_tree\.json .*feature_step_size 10"),
    ],
)
def test_a_model_that_is_missing_or_damaged_is_told_and_does_not_crash(
    own: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(own)
    with pytest.raises(ConfigError, match=said):
        WakeWord(WakeSettings(words=("hello_tree",), models=str(own)))
