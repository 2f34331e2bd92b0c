"""PCM as WAV files that a transcription server takes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.resample import Resampler

MOST_BYTES: Final = 24 * 2**20
"""A file may have 25 MB; this leaves room for the rest of the request."""

SMALL_RATE: Final = 16_000
"""Hz that recognition works at anyway: what is too long at 24 kHz is sent at this."""

_SEARCH_S: Final = 20
"""Before the longest possible end of a part a quiet place is looked for in so much sound."""

_QUIET_MS: Final = 100


def wav(pcm: bytes, rate: int = RATE) -> bytes:
    """`pcm` (PCM16, mono) with the header that says so."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return b"".join(
        [struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE"), fmt, struct.pack("<4sI", b"data", len(pcm)), pcm]
    )


def files(pcm: bytes, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
    """`pcm` (PCM16, 24 kHz) as one WAV file, or where that is too long as several, cut where it is quiet.

    Long sound is resampled, which takes a while: in a thread, please.
    """
    pcm = pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
    rate = RATE
    if len(pcm) > most_bytes:
        rate = SMALL_RATE
        pcm = Resampler(RATE, rate).process(pcm)
    start = 0
    while len(pcm) - start > most_bytes:
        end = _quiet_place(pcm, start, start + most_bytes // SAMPLE_BYTES * SAMPLE_BYTES, rate)
        yield wav(pcm[start:end], rate)
        start = end
    yield wav(pcm[start:], rate)


def _quiet_place(pcm: bytes, start: int, latest: int, rate: int) -> int:
    """A byte in the last part before `latest`, in the middle of its quietest stretch."""
    window = rate * _QUIET_MS // 1000
    earliest = max(start + (latest - start) // 2, latest - _SEARCH_S * rate * SAMPLE_BYTES)
    earliest -= (earliest - start) % SAMPLE_BYTES
    samples = np.frombuffer(pcm[earliest:latest], "<i2").astype(np.float64)
    count = samples.size // window
    if not count:
        return latest
    energy = (samples[: count * window].reshape(count, window) ** 2).sum(axis=1)
    return earliest + (int(energy.argmin()) * window + window // 2) * SAMPLE_BYTES
