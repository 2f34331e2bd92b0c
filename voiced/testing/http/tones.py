"""Speech for tests: every text sounds of three tones of its own, as long as saying it takes."""

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
_STEP_HZ: Final = 100
_LOWEST_HZ: Final = (300, 2000, 3700)
_TONES: Final = 16
"""In each of three bands: 4096 voices."""

_AMPLITUDE: Final = 3_000
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


def tones_of(text: str) -> tuple[int, int, int]:
    """The three tones of `text`, in Hz."""
    digest = hashlib.sha256(text.encode()).digest()
    low, middle, high = (first + digest[place] % _TONES * _STEP_HZ for place, first in enumerate(_LOWEST_HZ))
    return low, middle, high


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
    voices: dict[tuple[int, int, int], str] = {}
    for text in texts:
        if voices.setdefault(tones_of(text), text) != text:
            raise ValueError(f"{text!r} and {voices[tones_of(text)]!r} sound the same; choose other words")
    found: list[Sounded] = []
    samples = np.frombuffer(tape[: len(tape) // 2 * 2], dtype="<i2").astype(np.float64)
    hop = _FRAME // 2
    for at in range(0, len(samples) - _FRAME + 1, hop):
        voice = _voice(samples[at : at + _FRAME], voices)
        start, end = at * 1000 // RATE, (at + _FRAME) * 1000 // RATE
        if voice is None:
            continue
        if found and found[-1].text == voice and start <= found[-1].end_ms:
            found[-1] = Sounded(voice, found[-1].start_ms, end)
        else:
            found.append(Sounded(voice, start, end))
    return found


def _voice(frame: NDArray[np.float64], voices: dict[tuple[int, int, int], str]) -> str | None:
    """Whose tones make up this frame."""
    energy = float(np.mean(frame * frame))
    if energy < _QUIETEST**2 or not voices:
        return None
    spectrum = np.abs(np.fft.rfft(frame)) ** 2 * 2 / len(frame) ** 2  # of each tone: its share of `energy`
    step = RATE // len(frame)
    shares = {text: [float(spectrum[hz // step]) / energy for hz in tones] for tones, text in voices.items()}
    best = max(shares, key=lambda text: min(shares[text]))
    return best if min(shares[best]) > 0.2 and sum(shares[best]) > 0.75 else None
