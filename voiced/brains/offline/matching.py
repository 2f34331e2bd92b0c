"""From the words that were said to the tool that they ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from voiced.brains.offline.engines import Grammar
from voiced.brains.offline.grammar import grammar_of
from voiced.brains.offline.phrases import (
    InOrder,
    OneOf,
    Phrase,
    Slot,
    Value,
    Word,
    in_order,
    optional,
    readings,
    sayings,
)
from voiced.brains.offline.small_talk import SMALL_TALK
from voiced.brains.offline.templates import Problem, Request, Templates
from voiced.brains.offline.wording import words_of
from voiced.conversation.events import ToolSpec

COURTESY: Final = optional("please")
"""What may come after every sentence. Not before: a recogniser takes any noise before the first word for it."""

COMPARED: Final = 50
"""Ways to say a sentence that are looked for in the sentences of other tools."""


@dataclass(frozen=True, slots=True)
class Match:
    """A tool call that was asked for: `arguments` is JSON text, `text` the words as spoken."""

    tool: str
    arguments: str = field(repr=False)
    text: str = field(repr=False)


class Understanding:
    """All sentences of some tools. Pure; build a new one when the tools change.

    `grammar`: what a recogniser should listen for; all that it accepts `match` accepts too, but for `SMALL_TALK`.
    `problems`: sentences that can't be used, or not wholly, in the order of the tools. `examples`: by the name of each
    tool that can be asked for, a sentence that does; in the order of the tools.
    """

    def __init__(self, tools: Iterable[ToolSpec]) -> None:
        templates = Templates()
        self._requests: list[tuple[Request, Phrase]] = []
        self._by_word: dict[str, list[int]] = {}
        for tool in tools:
            for request in templates.requests(tool):
                self._add(request, templates.problems)
        self.problems: tuple[Problem, ...] = tuple(templates.problems)
        self.grammar: Grammar = grammar_of(
            itertools.chain((phrase for _, phrase in self._requests), SMALL_TALK if self._requests else ())
        )
        self.examples: dict[str, str] = {}
        for request, _ in reversed(self._requests):
            self.examples[request.tool.name] = " ".join(next(sayings(request.phrase)))
        self.examples = dict(reversed(self.examples.items()))

    def match(self, text: str) -> Match | None:
        """What `text`, however written, asks for: the first sentence that accepts all of it, or None."""
        words = words_of(text)
        while words[:1] == ("please",):
            words = words[1:]
        for index in self._by_word.get(words[0], ()) if words else ():
            request, phrase = self._requests[index]
            reading = readings(phrase, words)
            if reading is not None:
                return Match(request.tool.name, request.arguments(reading.arguments), " ".join(words))
        return None

    def _add(self, request: Request, problems: list[Problem]) -> None:
        for words in itertools.islice(sayings(request.phrase), COMPARED):
            earlier = self.match(" ".join(words))
            if earlier is not None and earlier.tool != request.tool.name:
                reason = f'means {earlier.tool} where it is said as "{" ".join(words)}", which {earlier.tool} had first'
                problems.append(Problem(request.tool.name, request.sentence.template, reason))
                break
        phrase = in_order(request.phrase, COURTESY)
        for word in sorted(beginnings(phrase)):
            self._by_word.setdefault(word, []).append(len(self._requests))
        self._requests.append((request, phrase))


def beginnings(phrase: Phrase) -> frozenset[str]:
    """The words that the phrase may begin with; "" if it may be silent."""
    match phrase:
        case Word():
            return frozenset((phrase.text,))
        case InOrder():
            first: frozenset[str] = frozenset(("",))
            for part in phrase.parts:
                if "" not in first:
                    break
                first = (first - {""}) | beginnings(part)
            return first
        case OneOf():
            return frozenset[str]().union(*map(beginnings, phrase.options))
        case Value():
            return beginnings(phrase.phrase)
        case Slot():
            return beginnings(phrase.value)
