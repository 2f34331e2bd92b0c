"""What may be said to a question that a tool has put, for a recogniser that must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voiced.brains.offline.wording import words_of
from voiced.conversation.events import Sentence, ToolSpec

YES_OR_NO: Final = (
    "yes", "yes please", "yeah", "sure", "okay", "go ahead", "do it", "please do",
    "no", "no thanks", "no thank you", "don't", "don't do it", "stop", "cancel", "never mind", "not now",
)  # fmt: skip
"""Where the question names no choices."""

ALWAYS: Final = ("cancel", "never mind")
"""Whoever is asked may get out of it."""


def answers_to(choices: Sequence[str]) -> ToolSpec:
    """A tool in form alone, whose sentences are the answers; `choices` as they are spoken, none for yes or no."""
    said = [" ".join(words_of(choice)) for choice in choices] if choices else list(YES_OR_NO)
    distinct = dict.fromkeys(filter(None, [*said, *ALWAYS]))
    return ToolSpec("answer", "", {"type": "object", "properties": {}}, tuple(map(Sentence, distinct)))
