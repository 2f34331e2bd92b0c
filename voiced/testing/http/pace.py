"""When each service says what it has to say."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Timing of answers, in seconds of the loop's clock; the defaults answer at once, as fast as the socket takes it.

    `transcription_s`, `chat_s`, `speech_s`, `embeddings_s`, `models_s`: from the end of the request to the first byte
    of the answer.
    `piece_s`: from one piece of a chat answer, or of a streamed transcript, to the next.
    `chunk_ms`: milliseconds of sound in one chunk of speech. A chunk ends where it likes: within a sample as well.
    `speed`: how many times faster than real time speech is made; the real server manages a few.
    `ragged`: bytes of a stream that are written at a time, 0 for whole pieces. Lines and characters arrive in parts.
    """

    transcription_s: float = 0.0
    chat_s: float = 0.0
    speech_s: float = 0.0
    embeddings_s: float = 0.0
    models_s: float = 0.0
    piece_s: float = 0.0
    chunk_ms: int = 100
    speed: float = math.inf
    ragged: int = 0

    def __post_init__(self) -> None:
        if self.chunk_ms < 1 or self.speed <= 0:
            raise ValueError("chunk_ms must be at least 1 and speed more than 0")
        answers = (self.transcription_s, self.chat_s, self.speech_s, self.embeddings_s, self.models_s)
        if min(*answers, self.piece_s, self.ragged) < 0:
            raise ValueError("a wait, or ragged, is below 0")

    @property
    def chunk_s(self) -> float:
        """Seconds from one chunk of speech to the next."""
        return self.chunk_ms / 1000 / self.speed
