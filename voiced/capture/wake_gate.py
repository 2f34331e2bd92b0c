"""Whether it is worth while to listen for a wake word."""

from __future__ import annotations

from collections import deque
from typing import Final

from voiced.audio import FRAME_MS
from voiced.capture.level import Background, rms_dbfs

TOGETHER: Final = 100 // FRAME_MS
"""Frames whose loudness is taken together: noise that wavers is not louder than itself."""

ABOVE_DB: Final = 6.0
"""Whatever is so much louder than the background may be somebody far away, whom the VAD does not take for speech: in a
quiet room it alone found 4 of 8 words at -18 dB, and loudness 8. With 4 dB the gate hardly closes beside a fan."""

AFTER: Final = 500 // FRAME_MS
"""Frames for which it stays open: a model is sure of a word up to 300 ms after its end."""


class WakeGate:
    """One stream of frames; `open` must get each once, in order. 10 µs per frame (x86-64)."""

    def __init__(self) -> None:
        self._background = Background()
        self._recent: deque[bytes] = deque(maxlen=TOGETHER)
        self._open_for = 0  # frames

    def open(self, pcm: bytes, speech: bool) -> bool:
        """A frame (20 ms of PCM16 at 24 kHz), and whether the VAD takes it for speech."""
        self._recent.append(pcm)
        level = rms_dbfs(b"".join(self._recent))
        loud = level > self._background.follow(level) + ABOVE_DB
        self._open_for = AFTER if speech or loud else max(0, self._open_for - 1)
        return self._open_for > 0
