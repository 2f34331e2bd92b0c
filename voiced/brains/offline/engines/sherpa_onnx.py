"""sherpa-onnx (the extra `sherpa-onnx`): free speech written down as it comes, and voices, each with its model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sherpa_onnx

from voiced.brains.offline.engines import RECOGNISER_RATE, EngineError, Grammar, Heard

TAIL_S = 0.66
"""Silence after the utterance, so that the last word leaves the encoder's window."""


class SherpaRecogniser:
    """`engines.Recogniser` over a streaming transducer (zipformer); it needs no grammar.

    `model`: a folder with encoder, decoder and joiner as .onnx, and tokens.txt. Raises EngineError.
    """

    def __init__(self, model: str, threads: int = 2) -> None:
        folder = Path(model)
        parts = {part: str(_one(folder, f"{part}*.onnx")) for part in ("encoder", "decoder", "joiner")}
        try:
            self._recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
                tokens=str(_one(folder, "tokens.txt")),
                num_threads=threads,
                sample_rate=RECOGNISER_RATE,
                decoding_method="modified_beam_search",
                **parts,
            )
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"{model} is no streaming transducer: {type(error).__name__}") from error
        self._stream: Any = None

    def expect(self, grammar: Grammar) -> None:
        """It listens for everything."""

    def begin(self) -> None:
        self._stream = self._recogniser.create_stream()

    def feed(self, pcm: bytes) -> None:
        if self._stream is None:
            raise EngineError("no utterance has begun")
        self._hear(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768)

    def end(self) -> Heard:
        """Its confidence is the mean probability of a token."""
        if self._stream is None:
            raise EngineError("no utterance has begun")
        self._hear(np.zeros(int(TAIL_S * RECOGNISER_RATE), np.float32))
        self._stream.input_finished()
        self._hear(None)
        result = self._recogniser.get_result_all(self._stream)
        self._stream = None
        text = result.text.strip()
        if not text:
            return Heard("", 1.0)
        scores = list(result.ys_probs)
        return Heard(text, min(1.0, math.exp(sum(scores) / len(scores))) if scores else 1.0)

    def _hear(self, samples: Any) -> None:
        if samples is not None:
            self._stream.accept_waveform(RECOGNISER_RATE, samples)
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)


class SherpaVoice:
    """`engines.Voice` over a VITS model.

    `model`: a folder with one .onnx, tokens.txt, and espeak-ng-data or lexicon.txt. `speed`: 1 is the model's own.
    Raises EngineError.
    """

    def __init__(self, model: str, speaker: int = 0, speed: float = 1.0, threads: int = 2) -> None:
        folder = Path(model)
        data, lexicon = folder / "espeak-ng-data", folder / "lexicon.txt"
        vits = sherpa_onnx.OfflineTtsVitsModelConfig(
            model=str(_one(folder, "*.onnx")),
            tokens=str(_one(folder, "tokens.txt")),
            data_dir=str(data) if data.is_dir() else "",
            lexicon=str(lexicon) if lexicon.exists() else "",
        )
        config = sherpa_onnx.OfflineTtsConfig(
            model=sherpa_onnx.OfflineTtsModelConfig(vits=vits, num_threads=threads, provider="cpu")
        )
        if not config.validate():
            raise EngineError(f"{model} is no VITS voice: it needs espeak-ng-data or lexicon.txt beside the .onnx")
        try:
            self._voice = sherpa_onnx.OfflineTts(config)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"{model} is no VITS voice: {type(error).__name__}") from error
        if speaker >= max(self._voice.num_speakers, 1):
            raise EngineError(
                f"offline.speaker is {speaker}, but the voice has {self._voice.num_speakers}; the first one is 0"
            )
        self._speaker = speaker
        self._speed = speed

    @property
    def rate(self) -> int:
        return int(self._voice.sample_rate)

    def speak(self, text: str) -> Iterator[bytes]:
        """As the protocol says; all of it is one chunk."""
        if not text.strip():
            return
        sound = self._voice.generate(text, sid=self._speaker, speed=self._speed)
        samples = np.asarray(sound.samples, np.float32)
        if samples.size:
            yield (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()


def _one(folder: Path, pattern: str) -> Path:
    """The file; of several the one in int8, which is faster and as good."""
    found = sorted(folder.rglob(pattern))
    if not found:
        raise EngineError(f"{folder} has no {pattern}")
    return next((path for path in found if "int8" in path.name), found[0])
