"""From the sentences that a tool declares (hassil's templates) to phrases."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference, TextChunk
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

from voiced.brains.offline.phrases import Phrase, Slot, Value, always, in_order, one_of, sayings
from voiced.brains.offline.values import duration, number, time
from voiced.brains.offline.wording import words_of
from voiced.conversation.events import Sentence, ToolSpec

PERCENT: Final = (0, 100)
"""The range of a number whose schema gives none."""

MOST_JOINED: Final = 200
"""Variants of a word that is put together of parts, such as light[s]."""

MOST_ORDERS: Final = 4
"""Parts of a permutation; more have too many orders."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence that can't be used, or not as it is meant; `template` is as the tool declares it."""

    tool: str
    template: str
    reason: str

    def __str__(self) -> str:
        return f'{self.tool}: the sentence "{self.template}" {self.reason}'


class TemplateError(Exception):
    """What is wrong with a template, as the end of a sentence that begins with "the sentence …"."""


@dataclass(frozen=True, slots=True)
class Request:
    """A way to ask for a tool."""

    tool: ToolSpec
    sentence: Sentence
    phrase: Phrase

    def arguments(self, said: Mapping[str, Any]) -> str:
        """The tool's arguments as JSON text: what was said, what the sentence decides, null for the rest."""
        properties = _properties(self.tool)
        spelled = {name: str(value) if _is_text(properties[name], value) else value for name, value in said.items()}
        return json.dumps({**self._unsaid(), **self.sentence.arguments, **spelled}, ensure_ascii=False)

    def _unsaid(self) -> dict[str, None]:
        return {name: None for name, schema in _properties(self.tool).items() if _takes_null(schema)}


class Templates:
    """Reads templates of any number of tools; values that several use are made once, so that grammars share them."""

    def __init__(self) -> None:
        self._values: dict[tuple[object, ...], Value] = {}
        self.problems: list[Problem] = []

    def requests(self, tool: ToolSpec) -> Iterator[Request]:
        """Each usable sentence of the tool. What is wrong with the others goes to `problems`."""
        for sentence in tool.sentences:
            try:
                yield Request(tool, sentence, self._phrase(tool, sentence))
            except TemplateError as error:
                self.problems.append(Problem(tool.name, sentence.template, str(error)))

    def _phrase(self, tool: ToolSpec, sentence: Sentence) -> Phrase:
        for argument in sentence.arguments:
            _schema(tool, argument)
        try:
            parsed = parse_sentence(sentence.template)
        except (ParseError, AssertionError, ValueError, IndexError) as error:
            raise TemplateError("can't be read: a bracket is missing, or there is one too many") from error
        phrase = self._read(parsed.expression, tool, sentence)
        if () in itertools.islice(sayings(phrase), 1000):
            raise TemplateError("may be empty; not all of it can be optional")
        given = always(phrase) | sentence.arguments.keys()
        missing = [name for name in _required(tool) if name not in given]
        if missing:
            raise TemplateError(f"does not always give {', '.join(missing)}, which the tool needs")
        return phrase

    def _read(self, expression: Expression, tool: ToolSpec, sentence: Sentence) -> Phrase:
        match expression:
            case TextChunk():
                return in_order(*words_of(expression.text))
            case ListReference():
                return Slot(expression.slot_name, self._value(expression, tool, sentence))
            case RuleReference():
                raise TemplateError(f"refers to <{expression.rule_name}>; there are no rules, write it out")
            case Permutation(items=items) if len(items) > MOST_ORDERS:
                raise TemplateError(f"has {len(items)} parts in any order; at most {MOST_ORDERS} can be")
            case Permutation(items=items):
                orders = itertools.permutations([self._read(item, tool, sentence) for item in items])
                return one_of(*(in_order(*order) for order in orders))
            case Alternative(items=items):
                return one_of(*(self._read(item, tool, sentence) for item in items))
            case Group(items=items):
                return in_order(*(self._joined(parts, tool, sentence) for parts in _clusters(items)))
            case _:
                raise TemplateError("can't be read")

    def _joined(self, parts: Sequence[Expression], tool: ToolSpec, sentence: Sentence) -> Phrase:
        """Parts with no blank between them: light[s] is two whole words."""
        if len(parts) == 1:
            return self._read(parts[0], tool, sentence)
        slots: dict[str, Phrase] = {}

        def spelled(expression: Expression) -> Iterator[str]:
            match expression:
                case TextChunk():
                    yield expression.text
                case Alternative(items=items):
                    for item in items:
                        yield from spelled(item)
                case Group(items=items) if not isinstance(expression, Permutation):
                    for texts in itertools.product(*(list(spelled(item)) for item in items)):
                        yield "".join(texts)
                case _:  # a slot or the like is a word of its own
                    mark = f"\0{len(slots)}\0"
                    slots[mark] = self._read(expression, tool, sentence)
                    yield mark

        texts = ["".join(texts) for texts in _few(itertools.product(*(list(spelled(part)) for part in parts)))]
        return one_of(
            *(
                in_order(*(slots.get(piece) or in_order(*words_of(piece)) for piece in re.split("(\0\\d+\0)", text)))
                for text in texts
            )
        )

    def _value(self, reference: ListReference, tool: ToolSpec, sentence: Sentence) -> Value:
        name, argument = reference.list_name, reference.slot_name
        schema = _schema(tool, argument)
        if (limits := reference.get_inline_range()) is not None:
            low, high, step = limits
            if step != 1 or low > high:
                raise TemplateError(f"has the range {name}; write it as 1..20")
            return self._once(("number", low, high), lambda: number(low, high))
        if name in tool.lists:
            return self._own(name, tool.lists[name], tool, sentence)
        choices = _choices(schema)
        if name == argument and choices:
            return self._own(name, {str(choice).replace("_", " "): choice for choice in choices}, tool, sentence)
        match name:
            case "number":
                low, high = _limits(schema)
                if low > high:
                    raise TemplateError(f"puts a number into {argument}, whose schema allows none")
                return self._once(("number", low, high), lambda: number(low, high))
            case "duration":
                return self._once(("duration",), duration)
            case "time":
                return self._once(("time",), time)
        known = ", ".join(sorted({"number", "duration", "time", *tool.lists}))
        raise TemplateError(f"has the unknown list {name}; there are {known}")

    def _own(self, name: str, meanings: Mapping[str, Any], tool: ToolSpec, sentence: Sentence) -> Value:
        key = ("list", name, *((spoken, json.dumps(value, default=str)) for spoken, value in meanings.items()))
        return self._once(key, lambda: self._names(name, meanings, tool, sentence))

    def _names(self, name: str, meanings: Mapping[str, Any], tool: ToolSpec, sentence: Sentence) -> Value:
        """Names that have no word in Latin letters are left out, and told."""
        options: list[Phrase] = []
        unspeakable = []
        values = list(meanings.values())
        for index, spoken in enumerate(meanings):
            phrase = self._name(spoken, tool, sentence)
            if phrase is None:
                unspeakable.append(spoken)
            else:
                options.append(in_order(phrase, adds=index))
        if not options:
            raise TemplateError(f"uses the list {name}, in which nothing can be said")
        if unspeakable:
            some = ", ".join(map(repr, unspeakable[:3]))
            reason = f"uses the list {name}, in which {len(unspeakable)} can't be said, such as {some}"
            self.problems.append(Problem(tool.name, sentence.template, reason))
        return Value(one_of(*options), values.__getitem__, " ".join(next(sayings(options[0]))))

    def _name(self, spoken: str, tool: ToolSpec, sentence: Sentence) -> Phrase | None:
        """A name may be a template too; one that only looks like it is taken as it is. None: no word in it."""
        phrase: Phrase = in_order(*words_of(spoken))
        if any(bracket in spoken for bracket in "([|"):
            try:
                expression = parse_sentence(spoken).expression
            except (ParseError, AssertionError, ValueError, IndexError):
                pass
            else:
                phrase = self._read(expression, dataclasses.replace(tool, lists={}, parameters={}), sentence)
        return None if () in itertools.islice(sayings(phrase), 1000) else phrase

    def _once(self, key: tuple[object, ...], make: Callable[[], Value]) -> Value:
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]


def _clusters(items: Sequence[Expression]) -> Iterator[list[Expression]]:
    """Items of a sequence, those together that have no blank between them."""
    cluster: list[Expression] = []
    apart = True
    for item in items:
        pieces: list[Expression] = [item]
        if isinstance(item, TextChunk):
            pieces = [TextChunk(piece) for piece in re.split(r"(\s+)", item.text) if piece]
        for piece in pieces:
            blank = isinstance(piece, TextChunk) and piece.text.isspace()
            if not blank and apart and cluster:
                yield cluster
                cluster = []
            if not blank:
                cluster.append(piece)
            apart = blank
    if cluster:
        yield cluster


def _few(texts: Iterator[tuple[str, ...]]) -> list[tuple[str, ...]]:
    few = list(itertools.islice(texts, MOST_JOINED + 1))
    if len(few) > MOST_JOINED:
        raise TemplateError(f"joins parts to words in more than {MOST_JOINED} ways; put blanks between them")
    return few


def _properties(tool: ToolSpec) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    return properties


def _schema(tool: ToolSpec, argument: str) -> Mapping[str, Any]:
    properties = _properties(tool)
    if argument not in properties:
        known = ", ".join(properties) or "none"
        raise TemplateError(f"fills {argument}, which is no argument of the tool; there are: {known}")
    schema: Mapping[str, Any] = properties[argument]
    return schema


def _required(tool: ToolSpec) -> list[str]:
    """Arguments that a call must have and that can't be null."""
    properties = _properties(tool)
    required = tool.parameters.get("required", ())
    return [name for name in required if name in properties and not _takes_null(properties[name])]


def _takes_null(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type", ())
    return kinds == "null" or (isinstance(kinds, list) and "null" in kinds) or any(map(_takes_null, _any_of(schema)))


def _is_text(schema: Mapping[str, Any], value: object) -> bool:
    """Whether a number must be given as text."""
    kinds = {inner.get("type") for inner in (schema, *_any_of(schema))}
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and "string" in kinds
        and kinds.isdisjoint(("integer", "number"))
    )


def _any_of(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    choices: Sequence[Mapping[str, Any]] = schema.get("anyOf", ())
    return choices


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    """The values of an enum, but for null."""
    own = [choice for choice in schema.get("enum", ()) if choice is not None]
    return own + [choice for inner in _any_of(schema) for choice in _choices(inner)]


def _limits(schema: Mapping[str, Any]) -> tuple[int, int]:
    """The whole numbers that the schema allows; PERCENT for an end that it leaves open."""
    for inner in (schema, *_any_of(schema)):
        low, high = inner.get("minimum"), inner.get("maximum")
        if low is None and "exclusiveMinimum" in inner:
            low = math.floor(inner["exclusiveMinimum"]) + 1
        if high is None and "exclusiveMaximum" in inner:
            high = math.ceil(inner["exclusiveMaximum"]) - 1
        if low is not None or high is not None:
            low = PERCENT[0] if low is None else math.ceil(low)
            return low, max(PERCENT[1], low + PERCENT[1]) if high is None else math.floor(high)
    return PERCENT
