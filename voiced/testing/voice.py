"""A voice that means nothing: speech to a voice detector, for users whose words a script knows."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from voiced.audio import RATE

PITCH_HZ: Final = 130.0
SYLLABLES_HZ: Final = 4.0
FORMANTS: Final = ((600.0, 200.0, 1.0), (1100.0, 250.0, 0.7), (2500.0, 350.0, 0.35))
"""(middle and width in Hz, gain) of the resonances that make a buzz a vowel."""

HARMONICS: Final = 30
PEAK: Final = 9000


@functools.cache
def babble(seconds: float) -> bytes:
    """A vowel that comes and goes, PCM16 at 24 kHz. webrtcvad takes half a second of it for speech, and for no less."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * PITCH_HZ * time + 1.6 * np.sin(2 * np.pi * 1.5 * time)
    signal = np.zeros_like(time)
    for number in range(1, HARMONICS):
        hz = number * PITCH_HZ
        gain = sum(loud * np.exp(-(((hz - middle) / width) ** 2)) for middle, width, loud in FORMANTS)
        signal += gain * np.sin(number * phase)
    signal *= 0.6 + 0.4 * np.sin(2 * np.pi * SYLLABLES_HZ * time)
    pcm: bytes = np.rint(signal * (PEAK / np.abs(signal).max())).astype("<i2").tobytes()
    return pcm
