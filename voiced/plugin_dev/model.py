"""The stand-in for the model: it calls the tool whose sentence somebody said, and says what the tool returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from voiced.brains.offline.answers import speakable
from voiced.brains.offline.engines import Grammar
from voiced.brains.offline.expected import answers_to
from voiced.brains.offline.matching import Understanding
from voiced.conversation.events import ToolSpec
from voiced.testing.loopback import CallTool, Item, Reply, Say, Turn

CALL: Final = "/call"
"""What begins a text that names a tool and its arguments."""

KEPT_WORDS: Final = 1000
"""Results whose words are kept."""


class Model:
    """Answers as `voiced.testing.loopback.Script` wants it. Called in the server's thread; the rest in any.

    `voice` makes sound of a text, PCM16 at 24 kHz. `choices`: what may be answered to the question that a tool has put,
    None where there is none.
    """

    def __init__(self, voice: Callable[[str], bytes], choices: Callable[[], tuple[str, ...] | None]) -> None:
        self.tools: tuple[ToolSpec, ...] = ()
        self._voice = voice
        self._choices = choices
        self._words: dict[str, str] = {}
        self._understood: tuple[tuple[ToolSpec, ...], Understanding] = ((), Understanding(()))

    def learns(self, call: str, words: str) -> None:
        """The result of this call in the words that its tool has for it."""
        self._words[call] = words
        if len(self._words) > KEPT_WORDS:
            del self._words[next(iter(self._words))]

    def reply(self, turn: Turn) -> Reply:
        """What it does next."""
        if told := turn.params.get("instructions"):
            return self._say(str(told).partition("\n")[2])
        if results := _results(turn.items):
            return self._say(" ".join(filter(None, map(self._worded, results))) or "Done.")
        text = turn.transcript.strip()
        if text.startswith(CALL):
            name, _, arguments = text.removeprefix(CALL).strip().partition(" ")
            return CallTool(name, arguments.strip() or "{}")
        if match := self.understanding().match(text):
            return CallTool(match.tool, match.arguments)
        return self._say(self._not_understood())

    def understanding(self) -> Understanding:
        """The sentences of the tools of now."""
        tools = self.tools
        if self._understood[0] != tools:
            self._understood = (tools, Understanding(tools))
        return self._understood[1]

    def grammar(self) -> Grammar:
        """All that may be said now, for a recogniser that must know."""
        choices = self._choices()
        answers = () if choices is None else (answers_to(choices),)
        return Understanding((*answers, *self.tools)).grammar

    def _say(self, text: str) -> Say:
        return Say(text, self._voice(text))

    def _worded(self, result: Item) -> str:
        return self._words.get(result.call_id or "") or speakable(result.output or "")

    def _not_understood(self) -> str:
        examples = list(self.understanding().examples.values())[:3]
        if not examples:
            return f"No tool has a sentence. Type {CALL}, the name of a tool, and its arguments."
        return f"I am no real model and know the sentences of tools alone, such as: {', or: '.join(examples)}."


def _results(items: Sequence[Item]) -> list[Item]:
    """What tools returned since the user said something last; the pictures among it come as the user's."""
    results: list[Item] = []
    for item in reversed(items):
        if item.type == "function_call_output":
            results.insert(0, item)
        elif item.type == "message" and not any(part.type == "input_image" for part in item.content):
            break
    return results
