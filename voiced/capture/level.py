"""How loud a block is."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

SILENCE_DBFS: Final = -100.0
"""Digital zero is this, and nothing is less."""


def rms_dbfs(pcm: bytes) -> float:
    """Level of PCM16: root of the mean square in dB of full scale. 0 is a full square wave, -3 a full sine."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(samples.dot(samples)) / max(1, samples.size) / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power else SILENCE_DBFS
