"""How loud a block is, and the background behind it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from voiced.audio import FRAME_MS

SILENCE_DBFS: Final = -100.0
"""Digital zero is this, and nothing is less."""

QUIETEST_DBFS: Final = -70.0
"""Below it is no room, but a muted or virtual microphone."""

FALLS: Final = 0.3
"""Of the way to a quieter frame, per frame: one odd frame does not make the background."""

RISES_DB: Final = 3.0 * FRAME_MS / 1000
"""Per frame: 3 dB/s; slower than syllables, and a fan that starts is background after some seconds."""


def rms_dbfs(pcm: bytes) -> float:
    """Level of PCM16: root of the mean square in dB of full scale. 0 is a full square wave, -3 a full sine."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(samples.dot(samples)) / max(1, samples.size) / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power else SILENCE_DBFS


class Background:
    """Follows the quietest moments of a stream of frames."""

    def __init__(self) -> None:
        self._dbfs: float | None = None

    def follow(self, level: float) -> float:
        """The next frame's level -> the background's, in dBFS; `QUIETEST_DBFS` at least."""
        floor = level if self._dbfs is None else self._dbfs
        floor = floor + FALLS * (level - floor) if level < floor else min(level, floor + RISES_DB)
        self._dbfs = max(QUIETEST_DBFS, floor)
        return self._dbfs
