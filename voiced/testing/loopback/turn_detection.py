"""Who speaks when, by the time of the audio and not of the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import webrtcvad

from voiced.testing.loopback.coded_audio import BYTES_PER_MS

FRAME_MS: Final = 20
FRAME_BYTES: Final = FRAME_MS * BYTES_PER_MS

ONSET_FRAMES: Final = 3
"""Of the last `WINDOW_FRAMES`; a click is shorter."""

WINDOW_FRAMES: Final = 5

QUIET_RMS: Final = 100.0
"""Of 32768, about -50 dBFS. webrtcvad alone goes on saying speech for half a second after its end."""

EAGERNESS_MS: Final = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""Silence after which a semantic VAD ends the turn at the latest; this one always takes that long."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """`audio_start_ms` from the start of the session's audio, prefix padding included."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """`audio_end_ms` from the start of the session's audio, the closing silence included."""

    audio_end_ms: int


class TurnDetector:
    """Finds speech in what is appended; `settings` is a checked `turn_detection` object."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.prefix_ms: int = settings.get("prefix_padding_ms", 300)
        self.silence_ms: int = settings.get("silence_duration_ms") or EAGERNESS_MS[settings.get("eagerness", "auto")]
        self._vad = webrtcvad.Vad(min(3, int(settings.get("threshold", 0.5) * 4)))
        self._rest = b""
        self._recent: deque[bool] = deque(maxlen=WINDOW_FRAMES)
        self._quiet_ms = 0
        self.speaking = False

    def hear(self, pcm: bytes, start_ms: int) -> Iterator[SpeechStarted | SpeechStopped]:
        """What `pcm` (PCM16 at 24 kHz, `start_ms` into the session's audio) brings about."""
        end_ms = start_ms - len(self._rest) // BYTES_PER_MS
        audio = self._rest + pcm
        whole = len(audio) // FRAME_BYTES * FRAME_BYTES
        self._rest = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            end_ms += FRAME_MS
            self._recent.append(self._is_speech(audio[start : start + FRAME_BYTES]))
            if self.speaking:
                self._quiet_ms = 0 if self._recent[-1] else self._quiet_ms + FRAME_MS
                if self._quiet_ms >= self.silence_ms:
                    self.reset()
                    yield SpeechStopped(end_ms)
            elif sum(self._recent) >= ONSET_FRAMES:
                self.speaking = True
                self._quiet_ms = 0
                yield SpeechStarted(max(0, end_ms - WINDOW_FRAMES * FRAME_MS - self.prefix_ms))

    def reset(self) -> None:
        """Forget what was heard: it was committed or cleared."""
        self.speaking = False
        self._recent.clear()

    def _is_speech(self, frame: bytes) -> bool:
        samples = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        if float(np.sqrt(np.mean(samples * samples))) < QUIET_RMS:
            return False
        return bool(self._vad.is_speech(_at_16k(samples), 16_000))


def _at_16k(samples: np.typing.NDArray[np.float32]) -> bytes:
    """Two samples for each three: good enough to tell speech from silence."""
    threes = samples.reshape(-1, 3)
    twos = np.stack([threes[:, 0], (threes[:, 1] + threes[:, 2]) / 2], axis=1)
    return twos.astype("<i2").tobytes()
