"""Earcons are short, neither click nor shout, and each says what it says by its pitch."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from voiced.audio import RATE, Ms
from voiced.playout.earcons import NOTES, SOFT_DBFS, SPOKEN, USUAL_DBFS, earcon, tone
from voiced.playout.settings import EARCONS

C_MAJOR = {0, 2, 4, 5, 7, 9, 11}
"""Semitones above C."""

RISING = {"heard", "thinking", "done", "unmuted", "online"}
FALLING = {"muted", "lost", "offline"}


def samples(name: str) -> npt.NDArray[np.float64]:
    return np.frombuffer(earcon(name), "<i2").astype(np.float64)


def pitches(name: str) -> list[float]:
    """Hz of each note as it sounds: the strongest frequency of its stretch."""
    sound, start, found = samples(name), 0, []
    for hz, length in NOTES[name]:
        stretch = sound[start : start + length * RATE // 1000]
        start += stretch.size
        if hz:
            found.append(float(np.argmax(np.abs(np.fft.rfft(stretch * np.hanning(stretch.size), RATE)))))
    return found


def test_each_has_a_setting() -> None:
    assert sorted(EARCONS) == sorted(NOTES)


@pytest.mark.parametrize("name", sorted(NOTES))
def test_an_earcon_begins_and_ends_softly(name: str) -> None:
    sound = samples(name)
    assert 0.1 * RATE < sound.size < 4 * RATE
    assert max(abs(sound[0]), abs(sound[-1])) < 50
    if name not in SPOKEN:
        assert np.abs(np.diff(sound)).max() < 1500
        assert np.abs(sound).max() == pytest.approx(32_767 * 10 ** (SOFT_DBFS.get(name, USUAL_DBFS) / 20), rel=0.02)


@pytest.mark.parametrize("name", sorted(NOTES.keys() - {"alarm", "failed"}))
def test_what_is_no_alarm_is_over_in_a_moment(name: str) -> None:
    assert samples(name).size < 0.4 * RATE


@pytest.mark.parametrize("name", sorted(NOTES))
def test_it_sounds_as_it_is_written_and_in_tune(name: str) -> None:
    notes = [hz for hz, _ in NOTES[name] if hz]
    assert pitches(name) == pytest.approx(notes, abs=3)
    semitones = [12 * np.log2(hz / 261.626) for hz in notes]
    assert semitones == pytest.approx([round(each) for each in semitones], abs=0.05)
    assert {round(each) % 12 for each in semitones} <= C_MAJOR


@pytest.mark.parametrize("name", sorted(NOTES))
def test_up_is_that_it_goes_on_and_down_that_something_is_gone(name: str) -> None:
    steps = np.diff(pitches(name))
    if name in RISING:
        assert (steps > 20).all()
    elif name in FALLING:
        assert (steps < -20).all()
    else:
        assert (np.abs(steps) < 3).all(), "one pitch: attention"


@pytest.mark.parametrize(("one", "other"), [("muted", "unmuted"), ("offline", "online")])
def test_what_undoes_another_is_that_backwards(one: str, other: str) -> None:
    assert pitches(one) == pytest.approx(pitches(other)[::-1], abs=3)


def test_no_two_are_alike() -> None:
    for one, other in combinations(sorted(NOTES), 2):
        short = min(samples(one).size, samples(other).size)
        a, b = samples(one)[:short], samples(other)[:short]
        alike = abs(a @ b) / np.sqrt((a @ a) * (b @ b))
        assert alike < 0.8, (one, other)


def test_what_sounds_while_somebody_begins_to_talk_is_softer() -> None:
    loudness = {name: np.abs(samples(name)).max() for name in NOTES}
    others = min(peak for name, peak in loudness.items() if name not in ("heard", "thinking"))
    assert loudness["thinking"] < loudness["heard"] < 0.7 * others


def test_a_failure_is_told_in_words() -> None:
    tones = sum(length for _, length in NOTES["failed"])
    sound = np.frombuffer(earcon("failed"), "<i2").astype(int)
    words = sound[(tones + 150) * RATE // 1000 :]
    assert 1.5 * RATE < words.size < 2.5 * RATE
    assert 32_767 * 10 ** (-12 / 20) < np.abs(words).max() < 32_767 * 10 ** (-6 / 20)


def test_a_tone_has_its_pitch_and_peak() -> None:
    sound = np.frombuffer(tone(1000, Ms(1000), dbfs=-6.0), "<i2").astype(float)
    assert sound.size == RATE
    assert np.argmax(np.abs(np.fft.rfft(sound))) == 1000
    assert sound.max() == pytest.approx(32_767 * 10 ** (-6 / 20), rel=0.01)
