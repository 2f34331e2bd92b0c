"""Which models there are, and what each of them takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from voiced.ai.models import SHUTDOWN
from voiced.testing.http.refusal import Refusal, no_such_model
from voiced.testing.loopback.rejection import Rejection

Stage = Literal[
    "transcription", "chat", "speech", "embeddings", "models",
    "responses", "completions", "images", "translation", "moderations", "files", "uploads", "vector_stores", "batches",
    "fine_tuning", "assistants", "threads", "realtime",
]  # fmt: skip

CREATED: Final = 1_700_000_000
"""Unix time at which all models were made; the real server has one for each."""

MODELS: Final = (
    "whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-transcribe-diarize",
    "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.2",
    "gpt-5.1", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "o3", "o4-mini",
    "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15",
    "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002",
    "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.6-flare",
    "omni-moderation-latest", "omni-moderation-2024-09-26",
    "gpt-realtime-2.1", "gpt-realtime-2.1-mini",
    "gpt-3.5-turbo-instruct", "davinci-002", "babbage-002",
)  # fmt: skip
"""What is there by default."""

_OF_TRANSCRIPTION: Final = re.compile(r"whisper|transcribe")
_OF_SPEECH: Final = re.compile(r"(^|-)tts(-|$)")
_OF_EMBEDDINGS: Final = re.compile(r"embedding")
_OF_OTHERS: Final[Sequence[tuple[re.Pattern[str], Stage]]] = (
    (re.compile(r"realtime"), "realtime"),
    (re.compile(r"-instruct|^(davinci|babbage)-"), "completions"),
    (re.compile(r"moderation"), "moderations"),
    (re.compile(r"image|^dall-e-"), "images"),
)


@dataclass(slots=True)
class Catalogue:
    """The models of a server."""

    models: Sequence[str] = MODELS

    def add(self, model: str) -> None:
        """There is one more, such as a fine-tuned one."""
        if model not in self.models:
            self.models = (*self.models, model)

    def remove(self, model: str) -> None:
        """Raises `Refusal` when there is no such model, and for one that is everybody's."""
        if model not in self.models:
            raise no_such_model(model)
        if not is_fine_tuned(model):
            message = "You have insufficient permissions for this operation. Only fine-tuned models can be deleted."
            raise Refusal(403, Rejection(message, "insufficient_permissions"))
        self.models = tuple(each for each in self.models if each != model)

    def listing(self) -> dict[str, Any]:
        return {"object": "list", "data": [_described(model) for model in self.models]}

    def description(self, model: str) -> dict[str, Any]:
        """Raises `Refusal` when there is no such model."""
        if model not in self.models:
            raise no_such_model(model)
        return _described(model)

    def judge(self, model: Any, stage: Stage) -> None:
        """Raises `Refusal` when there is no such model, or when it is for something else."""
        if not isinstance(model, str) or not model:
            raise Refusal(400, Rejection("you must provide a model parameter"))
        if model not in self.models:
            raise no_such_model(model)
        if model in MODELS and stage != _stage_of(model):
            if stage == "chat":
                message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
                raise Refusal(404, Rejection(message, None, "model"))
            if stage == "completions":
                message = (
                    "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use "
                    "v1/chat/completions?"
                )
                raise Refusal(404, Rejection(message, None, "model"))
            if stage == "embeddings":
                raise Refusal(403, Rejection("You are not allowed to generate embeddings from this model"))
            raise Refusal(400, Rejection(f"Invalid model {model}.", "invalid_value", "model"))


def is_fine_tuned(model: str) -> bool:
    """Whether it is somebody's own.

    >>> is_fine_tuned("ft:gpt-4.1-mini-2025-04-14:acme:lamps:A1b2C3"), is_fine_tuned("gpt-4.1-mini")
    (True, False)
    """
    return model.startswith("ft:")


def efforts(model: str) -> Sequence[str]:
    """The `reasoning_effort` values of `model`; none for a model that does not reason."""
    if re.match(r"o\d", model):
        return ("low", "medium", "high")
    version = re.match(r"gpt-5(?:\.(\d+))?(?!.*chat)", model)
    if version is None:
        return ()
    match int(version[1] or 0):
        case 0:
            return ("minimal", "low", "medium", "high")
        case 1:
            return ("none", "low", "medium", "high")
        case 2 | 3 | 4 | 5:
            return ("none", "low", "medium", "high", "xhigh")
        case _:
            return ("none", "low", "medium", "high", "xhigh", "max")


def thinks(model: str, effort: str | None) -> bool:
    """Whether `model` reasons, when this is its `reasoning_effort`; from 5.1 to 5.4 the default is "none"."""
    if not efforts(model):
        return False
    by_default_not = re.match(r"gpt-5\.[1-4](?!\d)", model) is not None
    return effort != "none" and not (effort is None and by_default_not)


def tools_need_no_thought(model: str) -> bool:
    """Whether `model` takes function tools in chat completions only with effort "none"."""
    version = re.match(r"gpt-5\.(\d+)", model)
    return version is not None and int(version[1]) >= 4 and bool(efforts(model))


def _stage_of(model: str) -> Stage:
    for pattern, stage in _OF_OTHERS:
        if pattern.search(model):
            return stage
    if _OF_TRANSCRIPTION.search(model):
        return "transcription"
    if _OF_EMBEDDINGS.search(model):
        return "embeddings"
    return "speech" if _OF_SPEECH.search(model) else "chat"


def _described(model: str) -> dict[str, Any]:
    shutdown = SHUTDOWN.get(model)
    return {
        "id": model,
        "object": "model",
        "created": CREATED,
        "owned_by": "user" if is_fine_tuned(model) else "system",
        "shutdown_date": shutdown and shutdown.isoformat(),
    }
