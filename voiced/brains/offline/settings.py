"""Settings of the offline brain."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from voiced.brains.offline.model_address import ModelFile
from voiced.errors import ConfigError
from voiced.settings import Settings, setting

_MODEL = (
    "A folder; or what to fetch into the cache once: addresses of files, or of one .tar.bz2 or .tar.gz, each with "
    "#sha256=… at its end."
)


class OfflineSettings(Settings):
    """Offline: the brain that needs no network. It understands the sentences that tools declare."""

    recogniser: Literal["pocketsphinx", "faster-whisper", "sherpa-onnx"] = setting(
        "pocketsphinx",
        "Who listens. pocketsphinx is always there and knows only the sentences; faster-whisper and sherpa-onnx write "
        "down free speech, and need the extra of that name and a model.",
    )
    recogniser_model: tuple[str, ...] = setting(
        (), f"For faster-whisper and sherpa-onnx (a streaming zipformer). {_MODEL}"
    )
    voice: Literal["espeak", "piper", "sherpa-onnx"] = setting(
        "espeak",
        "Who speaks. espeak is always there; piper and sherpa-onnx sound like a person, and need the extra of that "
        "name and a model.",
    )
    voice_model: tuple[str, ...] = setting((), f"For piper (.onnx and .onnx.json) and sherpa-onnx (VITS). {_MODEL}")
    espeak_voice: str = setting(
        "en-us", "Accent and, after a +, variant: en-us+f3 is a woman.", pattern=r"^[A-Za-z][A-Za-z0-9_+-]*$"
    )
    speaker: int = setting(0, "Which voice of a model that has several (piper, sherpa-onnx).", ge=0, le=10_000)
    words_per_minute: int = setting(
        165, "How fast it talks; for piper and sherpa-onnx 165 is what their model does.", ge=80, le=450
    )
    pitch: int = setting(50, "How high espeak talks.", ge=0, le=100)
    level: int = setting(
        100, "Loudness of espeak; 100 is -21 dBFS, about as loud as the replies of a cloud.", unit="%", ge=0, le=200
    )
    threads: int = setting(
        2, "Threads of faster-whisper, piper and sherpa-onnx; more than there are cores is slower.", ge=1, le=64
    )
    hang_s: float = setting(
        10.0,
        "An engine that owes an answer and gives no sign for so long is killed and started again; one with a model "
        "may take six times as long.",
        unit="s",
        ge=0.5,
        le=120,
    )

    @field_validator("recogniser_model", "voice_model")
    @classmethod
    def _is_a_folder_or_addresses(cls, model: tuple[str, ...]) -> tuple[str, ...]:
        addresses = [place for place in model if "://" in place]
        if addresses and len(addresses) < len(model):
            raise ValueError("give one folder, or addresses, not both")
        if len(model) > 1 and not addresses:
            raise ValueError("give one folder")
        try:
            for address in addresses:
                ModelFile.at(address)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return model
