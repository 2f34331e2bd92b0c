"""Reads what came out of a loudspeaker at 24 kHz."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiced.audio import RATE
from voiced.playout.jitter_buffer import DECLICK
from voiced.testing.loopback import position_of

Sound = npt.NDArray[np.int16]

PAUSE_MS = 40
"""A shorter silence lies within a sound: the zero crossings of a slow sweep, a fade."""


def passages(tape: Sound) -> list[tuple[int, int]]:
    """Where it sounds: (first sample, one after the last) of each stretch between pauses."""
    loud = np.flatnonzero(tape)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > PAUSE_MS * RATE // 1000)
    starts = [loud[0], *loud[breaks + 1]]
    ends = [*loud[breaks], loud[-1]]
    return [(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def ms(samples: int) -> float:
    return samples * 1000 / RATE


def place_ms(tape: Sound, start: int) -> int:
    """Which millisecond of coded audio is heard at `start`."""
    return position_of(tape[start : start + RATE // 10].tobytes()) * 1000 // RATE


def is_whole(heard: Sound, pcm: bytes) -> bool:
    """Whether `pcm` was heard from its first sample to its last, and after it only the slope that avoids a click."""
    sent = np.frombuffer(pcm, "<i2")
    sent = sent[np.flatnonzero(sent)[0] :]
    return 0 <= heard.size - sent.size <= DECLICK and np.array_equal(heard[: sent.size], sent)
