"""From phrases to the JSGF grammar that a recogniser listens with.

The grammar is a minimal automaton, one rule for each state: what sentences share at their beginning or end is there
once. A recogniser that follows states searches several times less than one that expands a rule wherever it is used.

    public <s7> = louder <s0> | turn <s5> | set <s6>;
    <s0> = <NULL>;
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from voiced.brains.offline.engines import Grammar
from voiced.brains.offline.phrases import InOrder, OneOf, Phrase, Value, Word

HEADER: Final = "#JSGF V1.0 UTF-8 en;\ngrammar voiced;\n"

END: Final = "<NULL>"

Arcs = tuple[tuple[str, int], ...]


def grammar_of(phrases: Iterable[Phrase]) -> Grammar:
    """A grammar of all that the phrases accept; of nothing where there is none."""
    possible = _Possible()
    start = possible.state()
    for phrase in phrases:
        possible.end(possible.add(phrase, start))
    states = _minimal(possible.deterministic(start))
    rules = [
        f"{'public ' if index == len(states) - 1 else ''}<s{index}> = {_alternatives(final, arcs)};\n"
        for index, (final, arcs) in enumerate(states)
    ]
    words = sorted({word for _, arcs in states for word, _ in arcs})
    return Grammar(HEADER + "".join(rules), tuple(words))


def automaton_of(jsgf: str) -> list[tuple[bool, Arcs]]:
    """The states of a grammar that `grammar_of` made: whether a sentence may end there, (word, next state)…

    The last one is the start; an arc leads to an earlier state. Raises ValueError for any other text.
    """
    states: list[tuple[bool, Arcs]] = []
    for rule in jsgf.removeprefix(HEADER).splitlines():
        name, _, right = rule.removeprefix("public ").removesuffix(";").partition(" = ")
        if name != f"<s{len(states)}>":
            raise ValueError("it is no grammar of one rule for each state")
        alternatives = right.split(" | ")
        arcs = [option.split(" <s") for option in alternatives if option not in (END, "<VOID>")]
        states.append((END in alternatives, tuple((word, int(target.removesuffix(">"))) for word, target in arcs)))
    return states


def _alternatives(final: bool, arcs: Arcs) -> str:
    return " | ".join([*(f"{word} <s{target}>" for word, target in arcs), *([END] if final else [])]) or "<VOID>"


class _Possible:
    """An automaton with silent steps, as phrases are put together."""

    def __init__(self) -> None:
        self._arcs: list[list[tuple[str, int]]] = []
        self._silent: list[list[int]] = []
        self._ends: set[int] = set()

    def state(self) -> int:
        self._arcs.append([])
        self._silent.append([])
        return len(self._arcs) - 1

    def end(self, state: int) -> None:
        self._ends.add(state)

    def add(self, phrase: Phrase, start: int) -> int:
        """Returns the state after the phrase."""
        match phrase:
            case Word():
                end = self.state()
                self._arcs[start].append((phrase.text, end))
                return end
            case InOrder():
                for part in phrase.parts:
                    start = self.add(part, start)
                return start
            case OneOf():
                end = self.state()
                for option in phrase.options:
                    beginning = self.state()
                    self._silent[start].append(beginning)
                    self._silent[self.add(option, beginning)].append(end)
                return end
            case Value():
                return self.add(phrase.phrase, start)
            case _:
                return self.add(phrase.value, start)

    def deterministic(self, start: int) -> list[tuple[bool, dict[str, int]]]:
        """At most one arc for each word; the first state is the start."""
        first = self._reached((start,))
        numbers = {first: 0}
        sets = [first]
        states: list[tuple[bool, dict[str, int]]] = []
        for states_here in _growing(sets):
            by_word: dict[str, set[int]] = {}
            for state in states_here:
                for word, target in self._arcs[state]:
                    by_word.setdefault(word, set()).add(target)
            arcs = {}
            for word, targets in by_word.items():
                after = self._reached(targets)
                if after not in numbers:
                    numbers[after] = len(sets)
                    sets.append(after)
                arcs[word] = numbers[after]
            states.append((not self._ends.isdisjoint(states_here), arcs))
        return states

    def _reached(self, states: Iterable[int]) -> frozenset[int]:
        """All states that silence leads to, without those from which only silence goes on."""
        waiting = list(states)
        seen = set(waiting)
        while waiting:
            for target in self._silent[waiting.pop()]:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(state for state in seen if self._arcs[state] or state in self._ends)


def _growing(items: list[frozenset[int]]) -> Iterator[frozenset[int]]:
    """Each item, also those that are added meanwhile."""
    index = 0
    while index < len(items):
        yield items[index]
        index += 1


def _minimal(states: list[tuple[bool, dict[str, int]]]) -> list[tuple[bool, Arcs]]:
    """The same with equal states put together; targets before those that lead to them, the start last.

    Sentences are finite, so there are no loops, and equal states are found from the end.
    """
    known: dict[tuple[bool, Arcs], int] = {}
    number: dict[int, int] = {}
    waiting = [0]
    while waiting:
        state = waiting[-1]
        final, arcs = states[state]
        missing = [target for target in arcs.values() if target not in number]
        if missing:
            waiting.extend(missing)
            continue
        waiting.pop()
        if state not in number:
            key = (final, tuple(sorted((word, number[target]) for word, target in arcs.items())))
            number[state] = known.setdefault(key, len(known))
    return list(known)
