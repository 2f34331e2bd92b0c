"""Speech for tests: every text sounds of four tones of its own, as long as saying it takes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from voiced.testing.loopback.coded_audio import MS_PER_CHARACTER, RATE

SHORTEST_MS: Final = 200

FRAME_MS: Final = 20
"""A whole number of periods of every tone, so that the tones do not disturb each other."""

_FRAME: Final = RATE * FRAME_MS // 1000
_STEP_HZ: Final = 1000 // FRAME_MS
_LOWEST_HZ: Final = (300, 2000, 3700, 5400)
_TONES: Final = 32
"""In each of four bands: a million voices."""

_AMPLITUDE: Final = 2_500
_QUIETEST: Final = 20.0
"""Root mean square of a frame; below is silence."""


@dataclass(frozen=True, slots=True)
class Sounded:
    """`text` is on the tape from `start_ms` to `end_ms`, to `FRAME_MS` exact."""

    text: str
    start_ms: int
    end_ms: int


def length_ms(text: str) -> int:
    """How long `text` sounds: `MS_PER_CHARACTER` of each character, at least `SHORTEST_MS`, in whole frames."""
    return max(SHORTEST_MS, len(text) * MS_PER_CHARACTER) // FRAME_MS * FRAME_MS


def tones_of(text: str) -> tuple[int, ...]:
    """The four tones of `text`, in Hz."""
    digest = hashlib.sha256(text.encode()).digest()
    return tuple(lowest + digest[place] % _TONES * _STEP_HZ for place, lowest in enumerate(_LOWEST_HZ))


@functools.lru_cache(maxsize=64)
def spoken(text: str) -> bytes:
    """`text` as sound, PCM16 at 24 kHz."""
    seconds = np.arange(_FRAME) / RATE
    wave: NDArray[np.float64] = np.sum([np.sin(2 * np.pi * hz * seconds) for hz in tones_of(text)], axis=0)
    return np.round(_AMPLITUDE * wave).astype("<i2").tobytes() * (length_ms(text) // FRAME_MS)


def recognise(tape: bytes, texts: Iterable[str]) -> Sequence[Sounded]:
    """Which of `texts` sound on `tape` (PCM16 at 24 kHz), in order and whatever their loudness.

    What is none of them, such as an earcon or noise, is left out. Raises ValueError when two of the texts have the same
    tones: choose other words.
    """
    voices: dict[tuple[int, ...], str] = {}
    for text in texts:
        if voices.setdefault(tones_of(text), text) != text:
            raise ValueError(f"{text!r} and {voices[tones_of(text)]!r} sound the same; choose other words")
    found: list[Sounded] = []
    samples = np.frombuffer(tape[: len(tape) // 2 * 2], dtype="<i2").astype(np.float64)
    for at in range(0, len(samples) - _FRAME + 1, _FRAME // 2):
        voice = voices.get(_tones_in(samples[at : at + _FRAME]))
        start, end = at * 1000 // RATE, (at + _FRAME) * 1000 // RATE
        if voice is None:
            continue
        if found and found[-1].text == voice and start <= found[-1].end_ms:
            found[-1] = Sounded(voice, found[-1].start_ms, end)
        else:
            found.append(Sounded(voice, start, end))
    return found


def _tones_in(frame: NDArray[np.float64]) -> tuple[int, ...]:
    """The tones of which this frame is made, in Hz; none when it is made of something else."""
    energy = float(np.mean(frame * frame))
    if energy < _QUIETEST**2:
        return ()
    shares = np.abs(np.fft.rfft(frame)) ** 2 * 2 / len(frame) ** 2 / energy  # of each tone
    bands = [shares[lowest // _STEP_HZ : lowest // _STEP_HZ + _TONES] for lowest in _LOWEST_HZ]
    loudest = [float(band.max()) for band in bands]
    if min(loudest) < 0.15 or sum(loudest) < 0.75:
        return ()
    return tuple(lowest + int(band.argmax()) * _STEP_HZ for lowest, band in zip(_LOWEST_HZ, bands, strict=True))
