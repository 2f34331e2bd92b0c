"""Earcons are short, and neither click nor shout."""

from __future__ import annotations

import numpy as np
import pytest

from voiced.audio import RATE, Ms
from voiced.playout.earcons import NOTES, SPOKEN, earcon, tone


@pytest.mark.parametrize("name", sorted(NOTES))
def test_an_earcon_begins_and_ends_softly(name: str) -> None:
    sound = np.frombuffer(earcon(name), "<i2").astype(int)
    assert 0.1 * RATE < sound.size < 4 * RATE
    assert max(abs(sound[0]), abs(sound[-1])) < 50
    if name not in SPOKEN:
        assert np.abs(np.diff(sound)).max() < 1500
        assert np.abs(sound).max() < 32_767 * 10 ** (-19 / 20)


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
