"""Examples as a model learns from them, made of pairs, conversations and what the old way had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from voiced.errors import RequestRejected

Example = tuple[str, str] | Mapping[str, Any] | list[Mapping[str, Any]]
"""A pair of what is said and what shall be answered, a whole example, or its messages; of the old way prompt and
completion.
"""

_ENDS_OF_PROMPTS = ("###", "->")
_ENDS_OF_COMPLETIONS = ("###", "END")
"""Marks that the old way needed, since prompts and completions were one text."""


def as_chat(examples: Iterable[Example], system: str) -> list[dict[str, Any]]:
    """Each as {"messages": [...]}; `system`: goes before those that have no such message. Raises RequestRejected."""
    found = []
    for number, example in enumerate(examples, 1):
        whole = _whole(example, number)
        if system and not any(_is_system(message) for message in whole["messages"]):
            whole["messages"] = [{"role": "system", "content": system}, *whole["messages"]]
        found.append(whole)
    return found


def _whole(example: Any, number: int) -> dict[str, Any]:
    match example:
        case {"messages": list(messages)}:
            return {**dict(example), "messages": list(messages)}
        case {"prompt": str(prompt), "completion": str(completion)}:
            return _pair(_without(prompt, _ENDS_OF_PROMPTS), _without(completion, _ENDS_OF_COMPLETIONS))
        case [str(said), str(answered)]:
            return _pair(said, answered)
        case [dict(), *_]:
            return {"messages": list(example)}
        case _:
            raise RequestRejected(
                f"fine_tuning: example {number}: give (what is said, what shall be answered), a list of messages, an "
                "object with messages, or one with prompt and completion"
            )


def _pair(said: str, answered: str) -> dict[str, Any]:
    asked = [{"role": "user", "content": said}] if said else []
    return {"messages": [*asked, {"role": "assistant", "content": answered}]}


def _without(text: str, ends: tuple[str, ...]) -> str:
    text = text.strip()
    for end in ends:
        text = text.removesuffix(end).rstrip()
    return text


def _is_system(message: object) -> bool:
    return isinstance(message, Mapping) and message.get("role") in ("system", "developer")
