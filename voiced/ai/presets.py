"""The providers that have a name of their own here, and what each of them offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from voiced.ai.endpoint import OPENAI

Helper = Literal[
    "chat", "responses", "completions", "images", "transcription", "translation", "speech", "embeddings", "moderations",
    "files", "vector_stores", "batches", "fine_tuning", "assistants", "models", "realtime",
]  # fmt: skip
"""What a provider may be asked for."""

HELPERS: Final[tuple[Helper, ...]] = get_args(Helper)

_CHAT: Final = frozenset[Helper]({"chat", "models"})


@dataclass(frozen=True, slots=True)
class Preset:
    """`base_url`: empty where it is everybody's own. `variable`: where its key is; empty: it needs none. `models`: by
    helper; of the others there is none that stays.
    """

    base_url: str
    variable: str
    helpers: frozenset[Helper] = frozenset(HELPERS)
    models: Mapping[Helper, str] = field(default_factory=dict)


PRESETS: Final[Mapping[str, Preset]] = {
    "openai": Preset(
        OPENAI,
        "OPENAI_API_KEY",
        models={
            "chat": "gpt-5.4-mini",
            "responses": "gpt-5.4-mini",
            "completions": "gpt-3.5-turbo-instruct",
            "images": "gpt-image-2",
            "transcription": "gpt-transcribe",
            "translation": "whisper-1",
            "speech": "gpt-4o-mini-tts",
            "embeddings": "text-embedding-3-small",
            "moderations": "omni-moderation-latest",
            "fine_tuning": "gpt-4.1-mini-2025-04-14",
            "assistants": "gpt-4.1-mini",
            "realtime": "gpt-realtime-2.1",
        },
    ),
    # Its models are the names that one gave to deployments.
    "azure": Preset("", "AZURE_OPENAI_API_KEY"),
    "deepseek": Preset("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", _CHAT | {"completions"}),
    "kimi": Preset("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", _CHAT | {"files", "batches"}),
    "spark": Preset("https://spark-api-open.xf-yun.com/v1", "SPARK_API_KEY", frozenset({"chat"})),
    "qwen": Preset(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        _CHAT | {"embeddings", "files", "batches"},
    ),
    "openrouter": Preset(
        "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", _CHAT | {"responses", "completions", "embeddings"}
    ),
    "ollama": Preset("http://127.0.0.1:11434/v1", "", _CHAT | {"responses", "completions", "embeddings"}),
    "speaches": Preset(
        "http://127.0.0.1:8000/v1", "", frozenset({"transcription", "translation", "speech", "embeddings", "models"})
    ),
}
"""Addresses as the providers publish them in November 2026."""


def variable_of(name: str) -> str:
    """Where the key of a provider is: "my-server" has MY_SERVER_API_KEY.

    >>> variable_of("kimi"), variable_of("my-server")
    ('MOONSHOT_API_KEY', 'MY_SERVER_API_KEY')
    """
    preset = PRESETS.get(name)
    if preset is not None and preset.variable:
        return preset.variable
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper()) + "_API_KEY"
