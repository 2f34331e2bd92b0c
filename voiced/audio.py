"""Words for sound: rates, frames, and the arithmetic between bytes, samples and milliseconds.

Inside voiced every sound is PCM16, little-endian, mono, at `RATE` (24 kHz, what Realtime speaks). Only the two
device edges know another rate, and the VAD, which wants 16 kHz. Frames are opaque bytes to the conversation core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType

Ms = NewType("Ms", int)
"""Milliseconds."""

Samples = NewType("Samples", int)
"""Samples at `RATE`."""

RATE: Final = 24_000
"""Hz of every sound inside voiced."""

VAD_RATE: Final = 16_000
"""Hz of what the voice-activity detector and the wake word get."""

SAMPLE_BYTES: Final = 2

FRAME_MS: Final = Ms(20)
"""Length of a captured frame; webrtcvad takes 10, 20 or 30."""

FRAME_SAMPLES: Final = Samples(RATE * FRAME_MS // 1000)
FRAME_BYTES: Final = FRAME_SAMPLES * SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class Frame:
    """`FRAME_MS` of near-end sound and whether the VAD took it for speech.

    `pcm`: `FRAME_BYTES` bytes, PCM16 at `RATE`. `captured_at`: seconds on the loop's clock at which its last
    sample reached the microphone.
    """

    pcm: bytes
    speech: bool
    captured_at: float = 0.0

    def __repr__(self) -> str:  # PCM never prints
        return f"Frame({len(self.pcm)} bytes, speech={self.speech}, captured_at={self.captured_at:.3f})"


def samples_of(pcm: bytes | memoryview) -> Samples:
    """How many samples `pcm` (PCM16) holds. A trailing odd byte does not count."""
    return Samples(len(pcm) // SAMPLE_BYTES)


def to_ms(samples: int, rate: int = RATE) -> Ms:
    """Whole milliseconds in `samples`, rounded down: a truncation mark must never lie beyond the sound."""
    return Ms(samples * 1000 // rate)


def to_samples(ms: int, rate: int = RATE) -> Samples:
    """Samples in `ms`."""
    return Samples(ms * rate // 1000)
