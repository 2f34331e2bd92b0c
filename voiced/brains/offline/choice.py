"""From the settings to the engines that they ask for, with the models that those need."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voiced import installing
from voiced.brains.offline.models import Model, cache_folder
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.offline.worker_process import Engine
from voiced.errors import ConfigError

ENGINES: Final = "voiced.brains.offline.engines"

RECOGNISER_NICE: Final = 5
"""Whatever it costs to listen, the sound goes first."""

USUAL_WORDS_PER_MINUTE: Final = 165
"""What models of voices do by themselves, about."""

SLOW: Final = 6.0
"""Patience with large models: Whisper hears half a minute at once, however little was said."""

POCKETSPHINX: Final = Engine(
    "pocketsphinx", f"{ENGINES}.pocketsphinx:PocketsphinxRecogniser", nice=RECOGNISER_NICE
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, the model that it needs, and who stands in until that is there."""

    engine: Engine
    model: Model | None = None
    stand_in: Engine | None = None

    @property
    def at_first(self) -> Engine:
        """What can be started without fetching anything."""
        if self.stand_in is not None and self.model is not None and not self.model.there:
            return self.stand_in
        return self.engine


def recogniser_of(settings: OfflineSettings, environ: Mapping[str, str]) -> Choice:
    """Raises ConfigError where it is not installed, or has no model."""
    match settings.recogniser:
        case "pocketsphinx":
            return Choice(POCKETSPHINX)
        case "faster-whisper":
            factory = "faster_whisper:WhisperRecogniser"
        case "sherpa-onnx":
            factory = "sherpa_onnx:SherpaRecogniser"
    name = settings.recogniser
    _must_be_installed("recogniser", name)
    model = _model("recogniser", name, settings.recogniser_model, environ)
    options = {"model": str(model.folder), "threads": settings.threads}
    return Choice(Engine(name, f"{ENGINES}.{factory}", options, RECOGNISER_NICE, SLOW), model, POCKETSPHINX)


def voice_of(settings: OfflineSettings, environ: Mapping[str, str]) -> Choice:
    """Raises ConfigError where it is not installed, or has no model."""
    espeak = Engine("espeak-ng", f"{ENGINES}.espeak:EspeakVoice", _espeak_options(settings))
    match settings.voice:
        case "espeak":
            return Choice(espeak)
        case "piper":
            factory = "piper:PiperVoice"
        case "sherpa-onnx":
            factory = "sherpa_onnx:SherpaVoice"
    name = settings.voice
    _must_be_installed("voice", name)
    model = _model("voice", name, settings.voice_model, environ)
    options = {
        "model": str(model.folder),
        "threads": settings.threads,
        "speaker": settings.speaker,
        "speed": settings.words_per_minute / USUAL_WORDS_PER_MINUTE,
    }
    return Choice(Engine(name, f"{ENGINES}.{factory}", options, patience=SLOW), model, espeak)


def _espeak_options(settings: OfflineSettings) -> dict[str, Any]:
    return {
        "voice": settings.espeak_voice,
        "words_per_minute": settings.words_per_minute,
        "pitch": settings.pitch,
        "level": settings.level,
    }


def _must_be_installed(what: str, extra: str) -> None:
    if importlib.util.find_spec(extra.replace("-", "_")) is None:
        raise ConfigError(f"offline.{what} is {extra}, which is not installed: {installing.an_extra(extra)}")


def _model(what: str, name: str, places: tuple[str, ...], environ: Mapping[str, str]) -> Model:
    if not places:
        raise ConfigError(f"offline.{what} is {name}, which needs a model: set offline.{what}_model")
    return Model(places, cache_folder(environ))
