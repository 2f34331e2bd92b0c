"""What an answer used, as the server tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from voiced.usage import Usage

IMAGE_TOKENS: Final = 3000
"""Of a picture that nobody counted; one in high detail is half of that with most models."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens. `cached`: the part of the prompt that the server had read before, which costs less. `reasoning`: the part
    of the completion that was thought and not said. `estimated`: the server told nothing; it is rather too much.
    """

    prompt: int = 0
    completion: int = 0
    total: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False
    audio_in: int = 0
    audio_out: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.total + other.total,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
            self.estimated or other.estimated,
            self.audio_in + other.audio_in,
            self.audio_out + other.audio_out,
        )

    def of(self, model: str) -> Usage:
        """For the budget."""
        return Usage(
            model,
            text_in=self.prompt - self.audio_in,
            audio_in=self.audio_in,
            cached_text_in=min(self.cached, self.prompt - self.audio_in),
            text_out=self.completion - self.audio_out,
            audio_out=self.audio_out,
        )


def read_usage(usage: object) -> TokenUsage | None:
    """From the `usage` of an answer of chat, completions or Responses; None where it tells nothing."""
    prompt = _count(usage, "prompt_tokens") or _count(usage, "input_tokens")
    completion = _count(usage, "completion_tokens") or _count(usage, "output_tokens")
    if not prompt and not completion:
        return None
    heard = getattr(usage, "prompt_tokens_details", None) or getattr(usage, "input_tokens_details", None)
    said = getattr(usage, "completion_tokens_details", None) or getattr(usage, "output_tokens_details", None)
    cached = (
        _count(heard, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens") or _count(usage, "cached_tokens")
    )
    return TokenUsage(
        prompt,
        completion,
        max(_count(usage, "total_tokens"), prompt + completion),
        min(cached, prompt),
        min(_count(said, "reasoning_tokens"), completion),
        audio_in=min(_count(heard, "audio_tokens"), prompt),
        audio_out=min(_count(said, "audio_tokens"), completion),
    )


def estimated(prompt: int, completion: int) -> TokenUsage:
    """Of a server that tells nothing, or an answer that was cut off."""
    return TokenUsage(prompt, completion, prompt + completion, estimated=True)


def most_tokens(value: Any) -> int:
    """How many tokens the texts in a request can be at most: no token is less than a byte of UTF-8.

    >>> most_tokens({"content": [{"type": "text", "text": "Grüße"}]})
    26
    """
    match value:
        case str() if value.startswith("data:"):
            return IMAGE_TOKENS
        case str():
            return len(value.encode("utf-8", "replace"))
        case dict():
            return sum(most_tokens(key) + most_tokens(member) for key, member in value.items())
        case list() | tuple():
            return sum(map(most_tokens, value))
        case _:
            return 1


def _count(fields: object, name: str) -> int:
    value = getattr(fields, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
