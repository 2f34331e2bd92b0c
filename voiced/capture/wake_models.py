"""The models that know wake words: pymicro-wakeword's own, and those in a folder of one's own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from voiced import installing
from voiced.capture.wake_settings import WakeSettings
from voiced.errors import ConfigError

STRICTEST: Final = 0.99
"""Mean probability that sensitivity 0 asks for. It comes in steps of 1/256: above this hardly any word is one."""

LAXEST: Final = 0.4
"""What sensitivity 1 asks for. At 0, 0.5, 0.75 and 1, of 24 words with noise 5 dB below them 10, 15, 21 and 23 are
heard; in an hour of talk four models together find 0, 1, 5 and 12 that nobody said."""

STEP_MS: Final = 10
"""Models are trained on features of so much sound each, and the library knows no other length."""

FEATURES: Final = 40


class Words:
    """One stream of sound in which some words are looked for; `sensitivity` as in the settings."""

    def __init__(self, models: Iterable[Path], sensitivity: float) -> None:
        from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

        self._features = MicroWakeWordFeatures()
        loaded = {path.stem: MicroWakeWord.from_config(path, _library()) for path in models}
        self._models = {
            word: (model, _probability_needed(model.probability_cutoff, sensitivity)) for word, model in loaded.items()
        }

    def in_(self, pcm: bytes) -> list[str]:
        """The words that the last second of the stream ends with, now that `pcm` was added: PCM16 at 16 kHz.

        A word is there for up to 1.3 s, in every piece of 30 ms or more.
        """
        found: dict[str, None] = {}
        for features in self._features.process_streaming(pcm):
            for word, (model, needed) in self._models.items():
                if (model.process_streaming_prob(features) or 0.0) > needed:
                    found[word] = None
        return list(found)

    def begin(self) -> None:
        """What comes next does not follow what was: 0.5 ms of work for each word.

        Models and features know the last seconds. With those of another time before it, every third word is missed,
        and a word of then is found again.
        """
        self._features.reset()
        for model, _ in self._models.values():
            model.reset()


def models_for(settings: WakeSettings) -> tuple[Path, ...]:
    """The description of each word's model, which was seen to load.

    Raises ConfigError where the library is not installed, where a word is not known, or its model is missing or none.
    """
    there = {**_of_the_library(), **_of_ones_own(settings.models)}
    unknown = [word for word in settings.words if word not in there]
    if unknown:
        raise ConfigError(
            f"wake.words names {unknown[0]!r}, which no model knows; there are {', '.join(sorted(there))}"
            " (the folder wake.models can bring others)"
        )
    models = tuple(there[word] for word in dict.fromkeys(settings.words))
    for path in models:
        _must_load(path)
    return models


def _probability_needed(usual: float, sensitivity: float) -> float:
    """`usual` in the middle, and on a straight line to either end."""
    end = LAXEST if sensitivity > 0.5 else STRICTEST
    return usual + (end - usual) * abs(2 * sensitivity - 1)


def _of_the_library() -> dict[str, Path]:
    try:
        import pymicro_wakeword
    except (ImportError, OSError) as error:  # OSError: a wheel whose library does not load here
        raise ConfigError(
            f'the wake word is not installed: {installing.an_extra("wake")} (or leave "wake" out of listen.modes)'
        ) from error
    folder = Path(pymicro_wakeword.__file__).parent / "models"
    return {model.value: folder / f"{model.value}.json" for model in pymicro_wakeword.Model}


def _of_ones_own(folder: str) -> dict[str, Path]:
    if not folder:
        return {}
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ConfigError(f"wake.models is {folder!r}, and no such folder can be read: make it, or leave it empty")
    return {found.stem: found for found in path.glob("*.json")}


def _must_load(path: Path) -> None:
    """Before the library loads it: a file that is no model makes it crash with the whole process."""
    weights = _weights_of(path)
    try:
        fits = _fits(weights)
    except OSError as error:
        raise ConfigError(
            f'the wake word\'s library does not load here ({error}): leave "wake" out of listen.modes'
        ) from error
    if not fits:
        raise ConfigError(f"{weights} is not a model that microWakeWord made, or only a part of one: {_remedy(path)}")


def _weights_of(path: Path) -> Path:
    """The .tflite that a description names."""
    try:
        described: Any = json.loads(path.read_text(encoding="utf-8"))
        weights = path.parent / str(described["model"])
        about = described["micro"]
        wrong = described["wake_word"] is None or not 0 < about["probability_cutoff"] < 1
        wrong = wrong or not about["sliding_window_size"] >= 1 or about.get("feature_step_size", STEP_MS) != STEP_MS
    except FileNotFoundError:
        raise ConfigError(f"the wake word's model {path} is missing: {_remedy(path)}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} does not describe a microWakeWord model ({error!r}): {_remedy(path)}") from error
    if wrong:
        raise ConfigError(
            f"{path} describes a model that can't be used: probability_cutoff must lie between 0 and 1, "
            f"sliding_window_size be 1 or more, and feature_step_size {STEP_MS}"
        )
    if not weights.is_file():
        raise ConfigError(f"the wake word's model {weights} is missing: {_remedy(path)}")
    return weights


def _remedy(path: Path) -> str:
    if path in _of_the_library().values():
        return installing.a_library("pymicro-wakeword", "--force-reinstall", "--no-deps")
    return "fetch it again, or take the word out of wake.words"


def _fits(weights: Path) -> bool:
    """Whether TensorFlow Lite makes something of it that takes features and gives one probability."""
    from pymicro_wakeword.wakeword import TfLiteWakeWord

    lib = TfLiteWakeWord(_library()).lib
    model = lib.TfLiteModelCreateFromFile(str(weights.resolve()).encode())
    if not model:
        return False
    interpreter = lib.TfLiteInterpreterCreate(model, None)
    try:
        if not interpreter or lib.TfLiteInterpreterAllocateTensors(interpreter) != 0:
            return False
        taken = lib.TfLiteInterpreterGetInputTensor(interpreter, 0)
        given = lib.TfLiteInterpreterGetOutputTensor(interpreter, 0)
        shape = [lib.TfLiteTensorDim(taken, axis) for axis in range(lib.TfLiteTensorNumDims(taken))]
        one_byte_each = lib.TfLiteTensorByteSize(taken) == math.prod(shape) and lib.TfLiteTensorByteSize(given) == 1
        return len(shape) == 3 and shape[2] == FEATURES and one_byte_each
    finally:
        if interpreter:
            lib.TfLiteInterpreterDelete(interpreter)
        lib.TfLiteModelDelete(model)


def _library() -> Path:
    """TensorFlow Lite, as the wheel brings it. Raises OSError where it does not."""
    import pymicro_wakeword

    for found in (Path(pymicro_wakeword.__file__).parent / "lib").glob("*tensorflowlite_c.*"):
        return found
    raise OSError("pymicro-wakeword has no TensorFlow Lite with it")
