"""Who speaks: measured against labels that people made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.speech import Clip, labelled
from voiced.audio import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, Ms
from voiced.capture.settings import CaptureSettings
from voiced.capture.vad import Vad
from voiced.playout.earcons import tone

FRAME_S = FRAME_MS / 1000
PAUSE_S = 0.3  # a shorter gap between labels belongs to one stretch of speech


def judged(pcm: bytes, settings: CaptureSettings | None = None) -> list[bool]:
    vad = Vad(settings or CaptureSettings())
    return [vad.speech(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def hiss(frames: int, dbfs: float) -> bytes:
    noise = np.random.default_rng(0).normal(0, 32_768 * 10 ** (dbfs / 20), frames * FRAME_SAMPLES)
    return np.rint(noise).astype("<i2").tobytes()


def test_silence_is_no_speech() -> None:
    assert not any(judged(bytes(50 * FRAME_BYTES)))


def test_a_steady_hiss_is_no_speech() -> None:
    assert not any(judged(hiss(250, -45.0))[25:])


def test_a_click_is_no_speech() -> None:
    pcm = bytearray(hiss(100, -60.0))
    pcm[50 * FRAME_BYTES : 50 * FRAME_BYTES + 200] = tone(3000, Ms(5), dbfs=-10.0)[:200]
    assert not any(judged(bytes(pcm)))


def test_a_steady_tone_becomes_background() -> None:
    """A fan or a fridge that starts up is not speech for ever."""
    assert not any(judged(hiss(100, -60.0) + tone(200, Ms(20_000), dbfs=-30.0))[-100:])


@pytest.mark.shared_data
def test_speech_is_found_as_well_as_measured(shared_data: Path) -> None:
    clips = labelled(shared_data)
    scores = Scores(clips, CaptureSettings())
    assert scores.f1 > 0.89
    assert scores.precision > 0.87
    assert scores.recall > 0.88
    assert np.median(scores.onsets) < 0.08
    assert np.median(scores.offsets) < 0.2
    assert not scores.missed, "every stretch of speech was noticed"


@pytest.mark.shared_data
def test_the_level_gate_ends_speech_sooner(shared_data: Path) -> None:
    clips = labelled(shared_data)
    without = Scores(clips, CaptureSettings(above_noise_db=0, quiet_ms=2000))
    assert np.median(Scores(clips, CaptureSettings()).offsets) < np.median(without.offsets) - 0.08


class Scores:
    """Frames against labels, and how late each stretch's beginning and end were noticed (seconds)."""

    def __init__(self, clips: list[Clip], settings: CaptureSettings) -> None:
        self.onsets: list[float] = []
        self.offsets: list[float] = []
        self.missed = 0
        hits = false = lost = 0
        for clip in clips:
            found = np.array(judged(clip.pcm, settings))
            middles = (np.arange(found.size) + 0.5) * FRAME_S
            labels = np.zeros(found.size, bool)
            for start, end in clip.speech:
                labels |= (middles >= start) & (middles < end)
            hits += int((found & labels).sum())
            false += int((found & ~labels).sum())
            lost += int((~found & labels).sum())
            self._time(found, stretches(clip), clip.seconds)
        self.precision = hits / (hits + false)
        self.recall = hits / (hits + lost)
        self.f1 = 2 * hits / (2 * hits + false + lost)

    def _time(self, found: npt.NDArray[np.bool_], stretches: list[list[float]], end: float) -> None:
        known_at = (np.flatnonzero(found) + 1) * FRAME_S  # a frame is judged when it is complete
        for number, (start, stop) in enumerate(stretches):
            inside = known_at[(known_at >= start - 0.1) & (known_at < stop)]
            if not inside.size:
                self.missed += 1
                continue
            self.onsets.append(inside[0] - start)
            following = stretches[number + 1][0] if number + 1 < len(stretches) else end
            if following - stop >= PAUSE_S:
                self.offsets.append(known_at[known_at < following - 0.03][-1] - stop)


def stretches(clip: Clip) -> list[list[float]]:
    """Labels, with those joined that no endpointing would part."""
    joined: list[list[float]] = []
    for start, end in clip.speech:
        if joined and start - joined[-1][1] < PAUSE_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined
