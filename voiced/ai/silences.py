"""Where in a stretch of PCM it is quiet, and where there is something to be heard."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voiced.ai.wav_file import PcmFormat

FRAME_MS: Final = 20
"""What is looked at as one."""

SILENCE_DB: Final = -60.0
"""Below full scale. What is quieter is nothing, however quiet the rest is."""

NEAR_DB: Final = 6.0
"""A frame that is so little louder than the quietest one belongs to a pause like it."""

RANGE_DB: Final = 40.0
"""What is so much below the loudest frame is not speech in it."""

_FLOOR: Final = 1e-6
"""-120 dB: of digital silence there is no logarithm."""


def quiet_place(pcm: bytes, format_: PcmFormat) -> int:
    """The byte in the middle of the longest pause: the best place to cut. Of equals the last; 0 <= it <= len(pcm)."""
    levels = levels_db(pcm, format_)
    if not levels.size:
        return len(pcm) // format_.block * format_.block
    quiet = levels <= max(float(levels.min()) + NEAR_DB, SILENCE_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    longest = lengths.size - 1 - int(lengths[::-1].argmax())
    middle = (int(starts[longest]) + int(ends[longest])) * _frame(format_) // 2
    return middle // format_.block * format_.block


def loud_part(pcm: bytes, format_: PcmFormat) -> tuple[float, float] | None:
    """From when to when there may be speech, in seconds; None where it is silent throughout."""
    levels = levels_db(pcm, format_)
    if not levels.size:
        return None
    loud = np.flatnonzero(levels > max(float(levels.max()) - RANGE_DB, SILENCE_DB))
    if not loud.size:
        return None
    seconds = len(pcm) / format_.bytes_per_s
    return int(loud[0]) * FRAME_MS / 1000, min(seconds, (int(loud[-1]) + 1) * FRAME_MS / 1000)


def levels_db(pcm: bytes, format_: PcmFormat) -> NDArray[np.floating[Any]]:
    """The loudness of each whole frame, of all channels together, in dB below full scale."""
    samples = _samples(pcm[: len(pcm) // _frame(format_) * _frame(format_)], format_)
    frames = samples.reshape(-1, _frame(format_) // (format_.bits // 8))
    if not frames.size:
        return np.empty(0, np.float32)
    power = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    levels: NDArray[np.floating[Any]] = 20 * np.log10(np.maximum(np.sqrt(power), _FLOOR))
    return levels


def _frame(format_: PcmFormat) -> int:
    """Bytes of one."""
    return format_.rate * FRAME_MS // 1000 * format_.block


def _samples(pcm: bytes, format_: PcmFormat) -> NDArray[np.floating[Any]]:
    """Between -1 and 1."""
    if format_.floating:
        floats = np.frombuffer(pcm, "<f4" if format_.bits == 32 else "<f8").astype(np.float32)
        return np.nan_to_num(floats, posinf=1.0, neginf=-1.0).clip(-4.0, 4.0)
    match format_.bits:
        case 8:
            return (np.frombuffer(pcm, np.uint8).astype(np.float32) - 128) / 128
        case 24:
            parts = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
            whole = np.zeros((len(parts), 4), np.uint8)
            whole[:, 1:] = parts
            return whole.view("<i4")[:, 0].astype(np.float32) / 2**31
        case bits:
            return np.frombuffer(pcm, "<i2" if bits == 16 else "<i4").astype(np.float32) / 2.0 ** (bits - 1)
