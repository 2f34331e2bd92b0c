"""A voice that sounds like a person: Piper (the extra `piper`), with a model of one's choice.

piper-tts is under the GPL, version 3, voiced is not: it is loaded in a worker's process only. Import this module
nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import piper

from voiced.brains.offline.engines import EngineError


class PiperVoice:
    """`engines.Voice` over Piper.

    `model`: a folder with one .onnx and its .onnx.json. `speed`: 1 is the model's own. Raises EngineError.
    """

    def __init__(self, model: str, speaker: int = 0, speed: float = 1.0, threads: int = 2) -> None:
        files = sorted(Path(model).rglob("*.onnx"))
        if len(files) != 1 or not files[0].with_name(f"{files[0].name}.json").exists():
            raise EngineError(f"{model} needs one .onnx and its .onnx.json of a Piper voice")
        del threads  # onnxruntime's sessions are made by piper, which lets it decide
        try:
            self._voice = piper.PiperVoice.load(files[0])
        except Exception as error:  # whatever onnxruntime and json raise of a broken file
            raise EngineError(f"{files[0].name} is no Piper voice: {type(error).__name__}") from error
        speakers = self._voice.config.num_speakers
        if speaker >= max(speakers, 1):
            raise EngineError(f"offline.speaker is {speaker}, but the voice has {speakers}; the first one is 0")
        self._how = piper.SynthesisConfig(speaker_id=speaker if speakers > 1 else None, length_scale=1 / speed)

    @property
    def rate(self) -> int:
        return int(self._voice.config.sample_rate)

    def speak(self, text: str) -> Iterator[bytes]:
        """As the protocol says; a chunk is a sentence."""
        if text.strip():
            for chunk in self._voice.synthesize(text, self._how):
                if sound := chunk.audio_int16_bytes:
                    yield sound
