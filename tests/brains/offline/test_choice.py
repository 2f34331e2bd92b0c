"""From the settings to engines: what is not installed, not known or has no model is told with what to do."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from voiced import installing
from voiced.brains.offline.choice import POCKETSPHINX, recogniser_of, voice_of
from voiced.brains.offline.settings import OfflineSettings
from voiced.config import load_config
from voiced.errors import ConfigError

EXTRAS = ("faster-whisper", "piper", "sherpa-onnx")
HASH = "0" * 64


def test_by_default_nothing_needs_to_be_fetched() -> None:
    settings = OfflineSettings()
    choices = recogniser_of(settings, {}), voice_of(settings, {})
    assert [choice.model for choice in choices] == [None, None]
    assert [choice.at_first.name for choice in choices] == ["pocketsphinx", "espeak-ng"]


@pytest.mark.parametrize(
    ("choose", "settings"),
    [
        (recogniser_of, OfflineSettings(recogniser="faster-whisper")),
        (recogniser_of, OfflineSettings(recogniser="sherpa-onnx")),
        (voice_of, OfflineSettings(voice="piper")),
        (voice_of, OfflineSettings(voice="sherpa-onnx")),
    ],
)  # fmt: skip
def test_an_engine_that_is_not_there_names_the_extra_or_its_model(choose: object, settings: OfflineSettings) -> None:
    name = settings.recogniser if choose is recogniser_of else settings.voice
    installed = importlib.util.find_spec(name.replace("-", "_")) is not None
    missing = "needs a model: set offline" if installed else re.escape(installing.an_extra(name))
    with pytest.raises(ConfigError, match=missing):
        recogniser_of(settings, {}) if choose is recogniser_of else voice_of(settings, {})


def test_the_extras_that_errors_name_are_there() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert set(EXTRAS) <= set(project["project"]["optional-dependencies"])


def test_an_unknown_engine_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text('[offline]\nvoice = "festival"\n')
    with pytest.raises(ConfigError, match=r"voiced.toml:2: offline\.voice.*espeak.*piper.*sherpa-onnx"):
        load_config(file, environ={})


def test_a_model_is_given_as_a_list_in_the_settings(tmp_path: Path) -> None:
    address = f"https://example.org/en.onnx#sha256={HASH}"
    file = tmp_path / "voiced.toml"
    file.write_text(f'[offline]\nvoice_model = ["{address}"]\n')
    assert load_config(file, environ={}).config.offline.voice_model == (address,)
    file.write_text('[offline]\nvoice_model = ["https://example.org/en.onnx"]\n')
    with pytest.raises(ConfigError, match="needs the hash"):
        load_config(file, environ={})


def test_the_recogniser_makes_way_for_the_sound() -> None:
    assert POCKETSPHINX.nice > 0


def test_what_espeak_is_told_comes_from_the_settings() -> None:
    engine = voice_of(OfflineSettings(espeak_voice="en-us+f3", words_per_minute=200, pitch=60, level=80), {}).engine
    assert engine.options == {"voice": "en-us+f3", "words_per_minute": 200, "pitch": 60, "level": 80}
