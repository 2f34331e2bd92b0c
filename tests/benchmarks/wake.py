"""The wake word: how many are heard, how much talk is taken for one, and what the gate before the models saves."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.benchmarks.columns import at, columns
from tests.speech import read_wav
from voiced.audio import FRAME_BYTES, FRAME_MS, RATE
from voiced.capture.settings import CaptureSettings
from voiced.capture.vad import Vad
from voiced.capture.wake_settings import WakeSettings
from voiced.capture.wake_word import WakeWord

SHARED: Final = Path(os.environ.get("VOICED_SHARED") or Path(__file__).parents[3] / "shared")

WORDS: Final = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")

ROOM_DBFS: Final = -72.0

ROOMS: Final[dict[str, tuple[float, float | None]]] = {
    "in a quiet room": (0.0, None),
    "18 dB quieter": (-18.0, None),
    "noise 20 dB below": (0.0, 20.0),
    "noise 10 dB below": (0.0, 10.0),
    "noise 5 dB below": (0.0, 5.0),
}
"""Gain of the voice in dB, and how far below the voice there is pink noise."""

SPEEDS: Final = (0.9, 1.0, 1.1)
TALK_SPEEDS: Final = (0.8, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25)

MOST_TIMES: Final = 0.25
"""What the gate may leave of the work in a quiet room."""

DEFINITIONS: Final = """
All four words are listened for at once, at the usual sensitivity. Recordings are played at other speeds too, which
makes other voices of them.

gated     as voiced does: the models run where somebody speaks, or it is loud, from half a second before until half a
          second after
always    the models hear every frame
CPU       of the wake word alone, without the VAD, in percent of one core per second of sound
frame     how long one frame of 20 ms takes at most: the loop can do nothing else meanwhile"""

Sound = npt.NDArray[np.float64]


@dataclass(slots=True)
class Side:
    """What came of one way to listen. `hits` by room; `wrong`: words that nobody said; CPU in percent."""

    hits: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    cpu_talk: float = 0.0
    cpu_silence: float = 0.0
    frames_ms: list[float] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Found:
    """All that was measured. `talk_s`: of sound in which nobody says a wake word."""

    gated: Side = field(default_factory=Side)
    always: Side = field(default_factory=Side)
    said: int = 0
    talk_s: float = 0.0


def measure(shared: Path = SHARED, *, quick: bool = False, words: Sequence[str] = WORDS) -> Found:
    """Both ways to listen, on the same sound."""
    found = Found()
    rooms = dict(list(ROOMS.items())[:2]) if quick else ROOMS
    speeds, talk_speeds = ((1.0,), (1.0,)) if quick else (SPEEDS, TALK_SPEEDS)
    clips = [path for word in words for path in sorted((shared / "speech" / "wake").glob(f"{word}_*.wav"))]
    said = [(path.stem[:-2], _at_speed(read_wav(path), speed)) for path in clips for speed in speeds]
    found.said = len(said)
    others = [path for kind in ("commands", "labelled", "read") for path in (shared / "speech" / kind).glob("*.wav")]
    talk = [_at_speed(read_wav(path), speed) for speed in talk_speeds for path in sorted(others)[:: 4 if quick else 1]]
    stream = np.concatenate([_in_a_room(clip, 0.0, noise) for clip in talk for noise in (None, 15.0)])
    found.talk_s = stream.size / RATE
    for side, gated in ((found.gated, True), (found.always, False)):
        for room, (gain, noise) in rooms.items():
            heard = [(word, _listen(_in_a_room(clip, gain, noise), words, side, gated=gated)[0]) for word, clip in said]
            side.hits[room] = sum(word in these for word, these in heard)
            side.wrong += [other for word, these in heard for other in these if other != word]
        false, side.cpu_talk = _listen(stream, words, side, gated=gated)
        side.wrong += false
        side.cpu_silence = _listen(_noise(60 * RATE, ROOM_DBFS), words, side, gated=gated)[1]
    return found


def text(found: Found) -> str:
    gated, always = found.gated, found.always
    hours = found.talk_s / 3600
    rows = [["", "gated", "always", "ratio"]]
    rows += [[f"heard of {found.said}, {room}", str(gated.hits[room]), str(always.hits[room])] for room in gated.hits]
    rows += [[f"wrong, in {hours:.1f} h of talk", str(len(gated.wrong)), str(len(always.wrong))]]
    for name, one, other in (
        ("CPU while people talk, %", gated.cpu_talk, always.cpu_talk),
        ("CPU in a quiet room, %", gated.cpu_silence, always.cpu_silence),
    ):
        rows.append([name, f"{one:.3f}", f"{other:.3f}", f"{one / other:.2f}x"])
    rows += [
        [f"frame, {percent:g}th percentile, ms", at(gated.frames_ms, percent, 2), at(always.frames_ms, percent, 2)]
        for percent in (50, 99, 99.9)
    ]
    mark = "ok" if gated.cpu_silence <= MOST_TIMES * always.cpu_silence else "MISSED"
    return f"{columns(rows)}\ntarget: in a quiet room at most {MOST_TIMES:g}x of the CPU: {mark}"


def _listen(sound: Sound, words: Sequence[str], side: Side, *, gated: bool) -> tuple[list[str], float]:
    """What was heard, and the CPU in percent."""
    wake, vad = WakeWord(WakeSettings(words=tuple(words))), Vad(CaptureSettings())
    pcm = sound.clip(-32768, 32767).astype("<i2").tobytes()
    heard, spent = [], 0.0
    frames = len(pcm) // FRAME_BYTES
    for number in range(frames):
        frame = pcm[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
        speech = vad.speech(frame) or not gated
        began = time.thread_time()
        word = wake.near_end(frame, speech, (number + 1) * FRAME_MS / 1000)
        took = time.thread_time() - began
        spent += took
        side.frames_ms.append(1000 * took)
        if word:
            heard.append(word)
    return heard, 100 * spent / (frames * FRAME_MS / 1000)


def _in_a_room(voice: Sound, gain_db: float, noise_db: float | None) -> Sound:
    """Two seconds of the room before the voice, and one and a half after it."""
    speech = voice * 10 ** (gain_db / 20)
    silence = np.zeros(2 * RATE), np.zeros(3 * RATE // 2)
    sound = np.concatenate((silence[0], speech, silence[1]))
    if noise_db is None:
        return sound + _noise(sound.size, ROOM_DBFS)
    level = float(np.sqrt(np.mean(speech[np.abs(speech) > 200] ** 2))) / 10 ** (noise_db / 20)
    return sound + level * _pink(sound.size)


def _at_speed(pcm: bytes, speed: float) -> Sound:
    voice = np.frombuffer(pcm, "<i2").astype(np.float64)
    return np.asarray(np.interp(np.arange(0, voice.size - 1, speed), np.arange(voice.size), voice), np.float64)


def _noise(samples: int, dbfs: float) -> Sound:
    return np.asarray(np.random.default_rng(samples).normal(0.0, 32768 * 10 ** (dbfs / 20), samples), np.float64)


def _pink(samples: int) -> Sound:
    spectrum = np.fft.rfft(np.random.default_rng(samples).normal(size=samples))
    signal = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.size), 1)), samples)
    return np.asarray(signal / signal.std(), np.float64)
