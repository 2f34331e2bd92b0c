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
    pauses = _pauses(pcm, format_)
    if not pauses.size:
        return len(pcm) // format_.block * format_.block
    lengths = pauses[:, 1] - pauses[:, 0]
    return _middle(pauses[len(pauses) - 1 - int(lengths[::-1].argmax())], format_)


def first_pause(pcm: bytes, format_: PcmFormat, least_s: float) -> int | None:
    """The byte in the middle of the first pause that is so long and has sound before it; None where there is none."""
    for pause in _pauses(pcm, format_):
        if pause[0] > 0 and (pause[1] - pause[0]) * FRAME_MS >= least_s * 1000:
            return _middle(pause, format_)
    return None


def loud_part(pcm: bytes, format_: PcmFormat) -> tuple[float, float] | None:
    """From when to when there may be speech, in seconds; None where it is silent throughout."""
    levels = levels_db(pcm, format_)
    if not levels.size:
        return None
    loud = np.flatnonzero(levels > max(float(levels.max()) - RANGE_DB, SILENCE_DB))
    if not loud.size:
        return None
    first, last = int(loud[0]), int(loud[-1])
    end = len(pcm) / format_.bytes_per_s if last == levels.size - 1 else (last + 1) * FRAME_MS / 1000
    return first * FRAME_MS / 1000, end


def levels_db(pcm: bytes, format_: PcmFormat) -> NDArray[np.floating[Any]]:
    """The loudness of each whole frame, of all channels together, in dB below full scale."""
    samples = _samples(pcm[: len(pcm) // _frame(format_) * _frame(format_)], format_)
    frames = samples.reshape(-1, _frame(format_) // (format_.bits // 8))
    if not frames.size:
        return np.empty(0, np.float32)
    power = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    levels: NDArray[np.floating[Any]] = 20 * np.log10(np.maximum(np.sqrt(power), _FLOOR))
    return levels


def _pauses(pcm: bytes, format_: PcmFormat) -> NDArray[np.intp]:
    """The first frame of each, and the one behind its last: shape (pauses, 2)."""
    levels = levels_db(pcm, format_)
    if not levels.size:
        return np.empty((0, 2), np.intp)
    quiet = levels <= max(float(levels.min()) + NEAR_DB, SILENCE_DB)
    return np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0])))).reshape(-1, 2)


def _middle(pause: NDArray[np.intp], format_: PcmFormat) -> int:
    return int(pause.sum()) * _frame(format_) // 2 // format_.block * format_.block


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
