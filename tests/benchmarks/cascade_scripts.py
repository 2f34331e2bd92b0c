"""What is asked and answered where the cascade is measured, and when the servers say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from voiced.testing.http import Asked, CallTool, Pace, Pause, Reply, Say

Subject = Literal["floor", "cascade", "sequential"]
SUBJECTS: Final[tuple[Subject, ...]] = ("floor", "cascade", "sequential")

ScriptName = Literal["one sentence", "three sentences", "with a tool", "many sentences"]

PACE: Final = Pace(transcription_s=0.15, chat_s=0.2, speech_s=0.12, speed=8)
"""A third to a half of what the cloud takes, to save time: what is added to it does not depend on it."""

WORD_S: Final = 0.015
"""From one word of an answer to the next, as quick models write."""

STT_MODEL: Final = "whisper-1"
CHAT_MODEL: Final = "gpt-5.4-mini"
TTS_MODEL: Final = "tts-1"
VOICE: Final = "coral"

QUESTION: Final = "What will the weather be like tomorrow?"
TOOL_OUTPUT: Final = "sunny, 21 degrees, light wind"
TOOL: Final = "weather"
TOOL_DESCRIPTION: Final = "Tell the weather."
TOOL_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"day": {"type": "string"}},
    "required": ["day"],
    "additionalProperties": False,
}

SENTENCES: Final[dict[ScriptName, Sequence[str]]] = {
    "one sentence": ("It will be sunny.",),
    "three sentences": (
        "Tomorrow it will be sunny.",
        "The wind comes from the west and is light, so a jacket is enough.",
        "In the evening a few clouds may come up, but it stays dry.",
    ),
    "with a tool": ("It will be sunny and warm.", "Only in the evening some wind may come up."),
    "many sentences": tuple(f"This is sentence number {number} of a long story." for number in range(1, 13)),
}


@dataclass(frozen=True, slots=True)
class _Word(Say):
    """A word that tells when it leaves."""

    leaves: Callable[[], None] | None = field(default=None, repr=False)

    def cut(self) -> Sequence[str]:
        if self.leaves is not None:
            self.leaves()
        return (self.text,)


def words(name: ScriptName, ends: Callable[[], None], follows: Callable[[], None]) -> Reply:
    """An answer word by word. `ends`: called when the first sentence's last word leaves; `follows`: at the next word.

    With pauses, not with a pace of the server, so that an answer that is not streamed comes as late as it is whole.
    """
    before = len(SENTENCES[name][0].split())
    outputs: list[Say | Pause] = []
    for number, word in enumerate(" ".join(SENTENCES[name]).split(), 1):
        leaves = {before: ends, before + 1: follows}.get(number)
        outputs += [Pause(WORD_S), _Word(f" {word}", leaves=leaves)] if number > 1 else [_Word(word, leaves=leaves)]
    return outputs


def reply(name: ScriptName, asked: Asked, ends: Callable[[], None], follows: Callable[[], None]) -> Reply:
    """The model's part."""
    if name == "with a tool" and not asked.tool_outputs:
        return CallTool(TOOL, '{"day": "tomorrow"}')
    return words(name, ends, follows)


def first_sentence_s(name: ScriptName) -> float:
    """From the end of a chat request to the end of its answer's first sentence."""
    return PACE.chat_s + WORD_S * (len(SENTENCES[name][0].split()) - 1)


def whole_chat_s(name: ScriptName) -> float:
    """From the end of a chat request to the end of its answer."""
    return PACE.chat_s + WORD_S * (len(" ".join(SENTENCES[name]).split()) - 1)


def calls(name: ScriptName) -> int:
    """Chat requests before the one that is answered with words."""
    return int(name == "with a tool")
