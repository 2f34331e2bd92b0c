"""What may be said, as a tree of words that both a recogniser's grammar and the matching of text are made from.

A meaning is a sum: each word may add to it, and which words were said therefore says what was meant. "twenty five
minutes" is 20 * 60 + 5 * 60 + 0; "quarter to nine" is -15 + 9 * 60; the fourth name of a list adds 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never


@dataclass(frozen=True, slots=True)
class Word:
    """One word, `[a-z']+`, and what it adds to the meaning of the slot that it is in."""

    text: str
    adds: int = 0


@dataclass(frozen=True, slots=True)
class InOrder:
    """One after the other; with no parts it is silence. `adds`: to the meaning, beside what the parts add."""

    parts: tuple[Phrase, ...] = ()
    adds: int = 0


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of the options, the first that fits."""

    options: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What can fill a slot. `meant`: from the sum of the words to the value in JSON. `example`: words that fill it."""

    phrase: Phrase
    meant: Callable[[int], Any] = field(repr=False)
    example: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that goes into an argument."""

    argument: str
    value: Value


Phrase = Word | InOrder | OneOf | Value | Slot

NOTHING = InOrder()


def in_order(*parts: Phrase | str, adds: int = 0) -> Phrase:
    """The parts one after the other; a str is one or more words."""
    flat: list[Phrase] = []
    for part in parts:
        if isinstance(part, str):
            flat.extend(Word(text) for text in part.split())
        elif isinstance(part, InOrder):
            flat.extend(part.parts)
            adds += part.adds
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 and not adds else InOrder(tuple(flat), adds)


def one_of(*options: Phrase | str) -> Phrase:
    """Any of the options, each once; a str is one or more words."""
    flat: dict[Phrase, None] = {}
    for option in options:
        phrase = in_order(option)
        flat.update(dict.fromkeys(phrase.options if isinstance(phrase, OneOf) else (phrase,)))
    return next(iter(flat)) if len(flat) == 1 else OneOf(tuple(flat))


def optional(*parts: Phrase | str) -> Phrase:
    """The parts, or nothing."""
    return one_of(in_order(*parts), NOTHING)


@dataclass(frozen=True, slots=True)
class Reading:
    """How words were understood: the sum so far, and the arguments."""

    total: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)


def readings(phrase: Phrase, words: Sequence[str]) -> Reading | None:
    """How the phrase reads all of `words`; None where it does not. The first option that fits wins."""
    return _Reader(words).ends(phrase, 0).get(len(words))


class _Reader:
    """Reads one utterance. What a phrase makes of the words from a place on is worked out once."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._known: dict[tuple[int, int], dict[int, Reading]] = {}

    def ends(self, phrase: Phrase, start: int) -> dict[int, Reading]:
        """Where the phrase may end if it begins at `start`, the preferred reading for each."""
        if isinstance(phrase, Word):  # most of them fail: keep it cheap
            fits = start < len(self._words) and self._words[start] == phrase.text
            return {start + 1: Reading(phrase.adds)} if fits else {}
        key = (id(phrase), start)
        if key not in self._known:
            self._known[key] = self._ends(phrase, start)
        return self._known[key]

    def _ends(self, phrase: InOrder | OneOf | Value | Slot, start: int) -> dict[int, Reading]:
        match phrase:
            case InOrder():
                return self._in_order(phrase, start)
            case OneOf():
                ends: dict[int, Reading] = {}
                for option in phrase.options:
                    for end, reading in self.ends(option, start).items():
                        ends.setdefault(end, reading)
                return ends
            case Value():
                return self.ends(phrase.phrase, start)
            case Slot():
                return {
                    end: Reading(0, {phrase.argument: phrase.value.meant(reading.total)})
                    for end, reading in self.ends(phrase.value, start).items()
                }
            case _:
                assert_never(phrase)

    def _in_order(self, phrase: InOrder, start: int) -> dict[int, Reading]:
        ends = {start: Reading(phrase.adds)}
        for part in phrase.parts:
            further: dict[int, Reading] = {}
            for middle, before in ends.items():
                for end, after in self.ends(part, middle).items():
                    further.setdefault(
                        end, Reading(before.total + after.total, {**before.arguments, **after.arguments})
                    )
            ends = further
            if not ends:
                break
        return ends


def sayings(phrase: Phrase, *, values: bool = False) -> Iterator[tuple[str, ...]]:
    """All that may be said, lazily. Unless `values`, each slot is filled with its example alone."""
    match phrase:
        case Word():
            yield (phrase.text,)
        case InOrder(parts=()):
            yield ()
        case InOrder():
            first, rest = phrase.parts[0], InOrder(phrase.parts[1:])
            for beginning in sayings(first, values=values):
                for end in sayings(rest, values=values):
                    yield (*beginning, *end)
        case OneOf():
            yield from itertools.chain.from_iterable(sayings(option, values=values) for option in phrase.options)
        case Value():
            yield from sayings(phrase.phrase, values=True) if values else (tuple(phrase.example.split()),)
        case Slot():
            yield from sayings(phrase.value, values=values)
        case _:
            assert_never(phrase)


def always(phrase: Phrase) -> frozenset[str]:
    """The arguments that are filled whatever is said."""
    match phrase:
        case Word() | Value():
            return frozenset()
        case InOrder():
            return frozenset[str]().union(*map(always, phrase.parts))
        case OneOf():
            return frozenset.intersection(*map(always, phrase.options))
        case Slot():
            return frozenset((phrase.argument,))
        case _:
            assert_never(phrase)
