"""Audio in which every stretch tells where in the reply it stands: a slow sweep."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 24_000
"""Hz of all audio that the server speaks and hears: PCM16, little-endian, mono."""

BYTES_PER_MS: Final = RATE * 2 // 1000

START_HZ: Final = 200.0
RISE_HZ_PER_S: Final = 100.0
"""Slow enough to listen to, and a tone is nowhere the same twice."""

LONGEST_S: Final = 100
"""The sweep then reaches 10.2 kHz; above 12 kHz a tone at 24 kHz would fold back."""

AMPLITUDE: Final = 8_000

MS_PER_CHARACTER: Final = 65
"""About fifteen characters a second, as people speak."""


def sweep(samples: int) -> bytes:
    """The first `samples` of the sweep, PCM16 at `RATE`.

    Raises ValueError beyond `LONGEST_S`; give the reply its own audio then.
    """
    if samples > LONGEST_S * RATE:
        raise ValueError(f"the sweep is {LONGEST_S} s long; pass Say(pcm=…) for longer speech")
    return _tone(0, samples).tobytes()


@functools.lru_cache(maxsize=64)
def spoken(text: str) -> bytes:
    """The sweep for as long as saying `text` takes: `MS_PER_CHARACTER`, at least 400 ms, at most `LONGEST_S`."""
    ms = min(max(400, len(text) * MS_PER_CHARACTER), LONGEST_S * 1000)
    return sweep(ms * RATE // 1000)


def position_of(pcm: bytes) -> int:
    """Which sample of the sweep `pcm` (PCM16 at `RATE`, at least 10 ms) begins with, whatever its gain.

    Raises ValueError when it is not part of the sweep.
    """
    heard = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64)
    heard = heard[: RATE // 4]  # a quarter of a second settles it
    if len(heard) < RATE // 100:
        raise ValueError("position_of needs at least 10 ms of audio")
    loudness = float(np.linalg.norm(heard))
    if loudness == 0.0:
        raise ValueError("silence is not part of the sweep")
    first, last = _where_the_pitch_fits(heard)
    reference = _tone(first, last - first + len(heard)).astype(np.float64)
    match = np.correlate(reference, heard, mode="valid")
    energy = np.convolve(reference * reference, np.ones(len(heard)), mode="valid")
    likeness = match / (np.sqrt(np.maximum(energy, 1.0)) * loudness)
    best = int(np.argmax(likeness))
    if likeness[best] < 0.9:
        raise ValueError("this audio is not part of the sweep")
    return first + best


def _where_the_pitch_fits(heard: NDArray[np.float64]) -> tuple[int, int]:
    """First and last sample at which a stretch of this pitch can begin: the search around it is short."""
    bins = 1 << 14
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), n=bins))
    hz = float(np.argmax(spectrum)) * RATE / bins
    middle = (hz - START_HZ) / RISE_HZ_PER_S - len(heard) / RATE / 2
    # Half a cycle more or less in the stretch is as well as its pitch is known.
    slack = RATE / len(heard) / 2 / RISE_HZ_PER_S + 0.1
    end = LONGEST_S * RATE - len(heard)
    first = min(max(0, int((middle - slack) * RATE)), end)
    return first, min(max(first, int((middle + slack) * RATE)), end)


def _tone(first: int, samples: int) -> NDArray[np.int16]:
    seconds = np.arange(first, first + samples) / RATE
    phase = 2 * np.pi * (START_HZ + RISE_HZ_PER_S / 2 * seconds) * seconds
    return np.round(AMPLITUDE * np.sin(phase)).astype("<i2")
