"""When the server says what it has to say."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Timing of replies; the defaults answer at once and as fast as the socket takes it.

    `first_delta_delay_s`: seconds from `response.created` to the first output.
    `chunk_ms`: milliseconds of audio in one delta.
    `speed`: how many times faster than real time audio is generated; the real server manages a few.
    `late_deltas`: deltas that still come after a cancel; 14 were seen in a published recording.
    `transcription_delay_s`: seconds from the commit to the first piece of the user's transcript.
    `late_transcription`: the user's transcript comes only after the reply's `response.done`.
    """

    first_delta_delay_s: float = 0.0
    chunk_ms: int = 200
    speed: float = math.inf
    late_deltas: int = 14
    transcription_delay_s: float = 0.0
    late_transcription: bool = False

    def __post_init__(self) -> None:
        if self.chunk_ms < 1 or self.speed <= 0:
            raise ValueError("chunk_ms must be at least 1 and speed more than 0")

    @property
    def chunk_s(self) -> float:
        """Seconds from one audio delta to the next."""
        return self.chunk_ms / 1000 / self.speed
