"""Plausible token counts for `response.done`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from voiced.testing.loopback.conversation import Item
from voiced.testing.loopback.events import Event

CHARACTERS_PER_TEXT_TOKEN: Final = 4
MS_PER_INPUT_AUDIO_TOKEN: Final = 100
MS_PER_OUTPUT_AUDIO_TOKEN: Final = 50
IMAGE_TOKENS: Final = 255
"""Of any image; the real number depends on its size."""

CACHE_BLOCK: Final = 64
"""Cached tokens are counted in blocks of this many."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        return self.text + self.audio + self.image

    def cached_from(self, earlier: Tokens) -> Tokens:
        """What of this prompt is still cached from an `earlier` one."""
        pairs = ((self.text, earlier.text), (self.audio, earlier.audio))
        return Tokens(*(min(pair) // CACHE_BLOCK * CACHE_BLOCK for pair in pairs))

    def by_modality(self) -> Event:
        return {"text_tokens": self.text, "audio_tokens": self.audio, "image_tokens": self.image}


def text_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TEXT_TOKEN)


def prompt_tokens(config: dict[str, Any], items: Iterable[Item]) -> Tokens:
    """Of the instructions, the tools and the conversation."""
    text = text_tokens(config.get("instructions") or "")
    text += text_tokens(json.dumps(config["tools"])) if config.get("tools") else 0
    audio = image = 0
    for item in items:
        text += text_tokens((item.arguments or "") + (item.output or ""))
        for part in item.content:
            text += text_tokens(part.text or "")
            per_token = MS_PER_INPUT_AUDIO_TOKEN if item.role == "user" else MS_PER_OUTPUT_AUDIO_TOKEN
            audio += part.audio_ms // per_token
            image += IMAGE_TOKENS if part.image_url else 0
    return Tokens(text, audio, image)


def output_tokens(items: Iterable[Item]) -> Tokens:
    """Of what the model said: text, transcripts, arguments and audio."""
    text = audio = 0
    for item in items:
        text += text_tokens(item.text + (item.arguments or ""))
        audio += item.audio_ms // MS_PER_OUTPUT_AUDIO_TOKEN
    return Tokens(text, audio)


def usage(prompt: Tokens, cached: Tokens, output: Tokens, reasoning: bool) -> Event:
    """The `usage` object; `reasoning` models also count `reasoning_tokens`."""
    details: Event = {"text_tokens": output.text, "audio_tokens": output.audio}
    if reasoning:
        details["reasoning_tokens"] = 0
    return {
        "total_tokens": prompt.total + output.total,
        "input_tokens": prompt.total,
        "output_tokens": output.total,
        "input_token_details": prompt.by_modality()
        | {"cached_tokens": cached.total, "cached_tokens_details": cached.by_modality()},
        "output_token_details": details,
    }
