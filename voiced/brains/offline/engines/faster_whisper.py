"""A recogniser of free speech: Whisper in CTranslate2 (the extra `faster-whisper`), with a model of one's choice."""

from __future__ import annotations

import math
from pathlib import Path

import faster_whisper
import numpy as np

from voiced.brains.offline.engines import EngineError, Grammar, Heard

NO_SPEECH = 0.6
"""From this probability on a segment is what Whisper makes up from noise; its own threshold."""


class WhisperRecogniser:
    """`engines.Recogniser` over Whisper, which decodes when the utterance is over; it needs no grammar.

    `model`: a folder with model.bin, as CTranslate2 converts it. Raises EngineError.
    """

    def __init__(self, model: str, threads: int = 2) -> None:
        if not (Path(model) / "model.bin").exists():
            raise EngineError(f"{model} has no model.bin; give a Whisper model that is converted for CTranslate2")
        try:
            self._model = faster_whisper.WhisperModel(
                model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except Exception as error:  # whatever CTranslate2 and tokenizers raise of a broken file
            raise EngineError(f"{model} is no Whisper model: {type(error).__name__}") from error
        self._sound: list[bytes] | None = None

    def expect(self, grammar: Grammar) -> None:
        """It listens for everything."""

    def begin(self) -> None:
        self._sound = []

    def feed(self, pcm: bytes) -> None:
        if self._sound is None:
            raise EngineError("no utterance has begun")
        self._sound.append(pcm)

    def end(self) -> Heard:
        """Its confidence is the mean probability of a token."""
        if self._sound is None:
            raise EngineError("no utterance has begun")
        samples = np.frombuffer(b"".join(self._sound), "<i2").astype(np.float32) / 32768
        self._sound = None
        found, _ = self._model.transcribe(
            samples, language="en", beam_size=5, condition_on_previous_text=False, without_timestamps=True
        )
        segments = [segment for segment in found if segment.no_speech_prob < NO_SPEECH]
        text = " ".join(segment.text.strip() for segment in segments).strip()
        if not text:
            return Heard("", 1.0)
        tokens = sum(len(segment.tokens) for segment in segments) or 1
        mean = sum(segment.avg_logprob * len(segment.tokens) for segment in segments) / tokens
        return Heard(text, min(1.0, math.exp(mean)))
