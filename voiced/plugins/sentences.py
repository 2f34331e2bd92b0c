"""The sentences that a tool declares, checked when its plugin is loaded, so that its author reads what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from voiced import api
from voiced.ai import strict_schema as schema
from voiced.ai.parameters import Parameter, mistakes_of
from voiced.conversation.events import Sentence
from voiced.errors import ToolSchemaError

if TYPE_CHECKING:
    from hassil.expression import Expression, ListReference

SENTENCE_LIMIT = 100
CHARACTER_LIMIT = 500
WORD_LIMIT = 1000
DEPTH_LIMIT = 20
"""Of one tool, one sentence, one list, brackets within brackets: what is larger makes recognition slow
and bad for everybody."""

LARGEST_NUMBER = 1000
NUMBERS = (0, 100)
"""What `number` takes where the argument has no limits."""

_SAMPLES: Mapping[str, Sequence[object]] = {
    "duration": (1, 60, 3600, 86400),
    "time": ("07:00", "18:30"),
}
"""What the lists that voiced knows give; an argument must take one of these."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_NUMBER_SLOT = re.compile(r"\{number(?::(\w+))?\}")
_MARKS = re.compile(r"[][(){}<>|;\\]")
_SILENT = "it can be said with no word; leave something outside of [ ]"
_EXAMPLE = 'sentences=["turn on the {room}"]'

Lists = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Said:
    """What goes into the ToolSpec. `lists` has the tool's own, and those of the arguments that have a choice."""

    sentences: tuple[Sentence, ...] = ()
    lists: Lists = field(default_factory=dict)


def read(options: api.ToolOptions, parameters: Mapping[str, Parameter]) -> Said:
    """Check what `@tool(sentences=..., lists=..., local=...)` was given. Raises ToolSchemaError, with what to write."""
    own = _own_lists(options.lists)
    if isinstance(options.sentences, str) or not isinstance(options.sentences, Sequence):
        raise ToolSchemaError(f"sentences is {options.sentences!r}; write a list, such as {_EXAMPLE}")
    if len(options.sentences) > SENTENCE_LIMIT:
        raise ToolSchemaError(f"it has {len(options.sentences)} sentences; {SENTENCE_LIMIT} are allowed")
    if options.local and not options.sentences:
        raise ToolSchemaError("local=True is about its sentences, and it has none; write some, or leave it out")
    lists = {**_choices(parameters), **own}
    sentences = []
    used: set[str] = set()
    for given in options.sentences:
        sentence = _as_sentence(given)
        try:
            used |= _check(sentence, lists, parameters)
            sentences.append(_with_ranges(sentence, parameters))
        except ToolSchemaError as error:
            raise ToolSchemaError(f'sentence "{sentence.template}": {error}') from error
    return Said(tuple(sentences), {name: words for name, words in lists.items() if name in used})


def _as_sentence(given: object) -> Sentence:
    match given:
        case str():
            return Sentence(given)
        case api.Sentence(template=str()):
            return Sentence(given.template, given.arguments)
        case _:
            raise ToolSchemaError(f'{given!r} is no sentence; write a string, or sentence("louder", by=15)')


# Lists.


def _own_lists(given: object) -> Lists:
    if not isinstance(given, Mapping):
        raise ToolSchemaError(f'lists is {given!r}; write a mapping, such as lists={{"room": ["kitchen", "hall"]}}')
    return {name: _own_list(name, words) for name, words in given.items()}


def _own_list(name: object, words: object) -> dict[str, Any]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolSchemaError(f"the list's name {name!r} must be letters, digits and _")
    if name == "number" or name in _SAMPLES:
        raise ToolSchemaError(f"the list {name} is there already; give yours another name")
    if isinstance(words, str) or not isinstance(words, Mapping | Sequence):
        raise ToolSchemaError(f'the list {name} is {words!r}; write its words, such as ["kitchen", "hall"]')
    if not words:
        raise ToolSchemaError(f"the list {name} is empty: nobody could say the sentences that use it")
    if len(words) > WORD_LIMIT:
        raise ToolSchemaError(f"the list {name} has {len(words)} values; {WORD_LIMIT} are allowed")
    pairs = words.items() if isinstance(words, Mapping) else [(word, word) for word in words]
    return {_spoken(name, word): _json_form(f"the list {name}: {word!r}", value) for word, value in pairs}


def _spoken(name: str, word: object) -> str:
    if not isinstance(word, str):
        raise ToolSchemaError(f"the list {name}: {word!r} can't be said; write it in words")
    try:
        part = _part(_parse(word))
    except ToolSchemaError as error:
        raise ToolSchemaError(f"the list {name}: {word!r}: {error}") from error
    if part.ever:
        raise ToolSchemaError(f"the list {name}: {word!r} must not use another list")
    if part.may_be_silent:
        raise ToolSchemaError(f"the list {name}: {word!r} can't be said; write it in words")
    return word


def _choices(parameters: Mapping[str, Parameter]) -> Lists:
    """The values of each argument that is an Enum or Literal, as one says them."""
    return {
        name: {_words(value): value for value in values}
        for name, parameter in parameters.items()
        if (values := schema.choices(parameter.schema))
        and all(isinstance(value, str) and _has_letters(value) and not _MARKS.search(value) for value in values)
    }


def _words(value: str) -> str:
    return value.replace("_", " ").replace("-", " ")


def _has_letters(text: str) -> bool:
    return any(character.isalpha() for character in text)


# Sentences.


@dataclass(frozen=True, slots=True)
class _Part:
    """What a part of a sentence does. `always`: the arguments that it gives in whatever way it is said."""

    always: frozenset[str] = frozenset()
    ever: frozenset[str] = frozenset()
    may_be_silent: bool = True


def _check(sentence: Sentence, lists: Lists, parameters: Mapping[str, Parameter]) -> set[str]:
    """Gives the names of the lists that it uses. Raises ToolSchemaError."""
    expression = _parse(sentence.template)
    part = _part(expression)
    if part.may_be_silent:
        raise ToolSchemaError(_SILENT)
    slots = list(_slots(expression))
    for argument in [slot.slot_name for slot in slots] + list(sentence.arguments):
        if argument not in parameters:
            raise ToolSchemaError(f"the function has no argument {argument!r}")
    if twice := sorted(part.ever & sentence.arguments.keys()):
        raise ToolSchemaError(f"{', '.join(twice)} is fixed and in {{ }} as well")
    for slot in slots:
        _check_slot(slot, lists, parameters[slot.slot_name])
    for name, value in sentence.arguments.items():
        if not (value is None and not parameters[name].required):
            _must_fit(parameters[name], name, _json_form(name, value), f"{name}={value!r}")
    for name, parameter in parameters.items():
        if parameter.required and name not in part.always and name not in sentence.arguments:
            raise ToolSchemaError(
                f"{name} is required and not always given; write {{list:{name}}} outside of [ ] in each "
                f"alternative, or sentence(..., {name}=...), or give {name} a default"
            )
    return {slot.list_name for slot in slots} & lists.keys()


def _parse(template: str) -> Expression:
    from hassil.parse_expression import parse_sentence  # here, for it takes 30 ms
    from hassil.parser import ParseError

    if len(template) > CHARACTER_LIMIT:
        raise ToolSchemaError(f"it has {len(template)} characters; {CHARACTER_LIMIT} are allowed")
    if not template.strip():
        raise ToolSchemaError(_SILENT)
    try:
        return parse_sentence(template).expression
    except (ParseError, AssertionError, RecursionError) as error:  # "[]" is an AssertionError
        raise ToolSchemaError(
            "its brackets can't be read; (a|b) is one of these, [a] may be left out, {list:argument} is filled in, "
            "and each that is opened must be closed"
        ) from error


def _part(expression: Expression, depth: int = 0) -> _Part:
    from hassil.expression import Alternative, Group, ListReference, TextChunk

    if depth > DEPTH_LIMIT:
        raise ToolSchemaError(f"it has more than {DEPTH_LIMIT} brackets within each other")
    match expression:
        case TextChunk():
            return _Part(may_be_silent=not _has_letters(expression.text))
        case ListReference():
            argument = frozenset([expression.slot_name])
            return _Part(argument, argument, may_be_silent=False)
        case Group():
            parts = [_part(item, depth + 1) for item in expression.items]
            ever = frozenset[str]().union(*(part.ever for part in parts))
            if isinstance(expression, Alternative):
                always = frozenset.intersection(*(part.always for part in parts))
                return _Part(always, ever, any(part.may_be_silent for part in parts))
            if sum(len(part.ever) for part in parts) > len(ever):
                raise ToolSchemaError("it gives one argument twice")
            always = frozenset[str]().union(*(part.always for part in parts))
            return _Part(always, ever, all(part.may_be_silent for part in parts))
        case _:
            raise ToolSchemaError("<...> has no meaning here; write what it stands for")


def _slots(expression: Expression) -> Iterator[ListReference]:
    from hassil.expression import Group, ListReference

    if isinstance(expression, ListReference):
        yield expression
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from _slots(item)


def _check_slot(slot: ListReference, lists: Lists, parameter: Parameter) -> None:
    name, argument = slot.list_name, slot.slot_name
    if slot.is_capture:
        raise ToolSchemaError("@ has no meaning here; write {list:argument}")
    if name in lists:
        for words, value in lists[name].items():
            _must_fit(parameter, argument, value, f"{words!r} of the list {name}")
    elif given := _SAMPLES.get(name):
        if not any(_fits(parameter, value) for value in given):
            _must_fit(parameter, argument, given[0], f"a {name}, such as {given[0]},")
    elif numbers := _numbers(name, argument, parameter):
        if not any(_fits(parameter, number) for number in numbers):
            _must_fit(parameter, argument, numbers[0], f"a number, such as {numbers[0]},")
    else:
        known = ", ".join(["duration", "time", "number", *lists])
        raise ToolSchemaError(f"there is no list {name!r}; known are {known}; others belong into lists=...")


def _numbers(name: str, argument: str, parameter: Parameter) -> range | None:
    if name == "number":
        low, high = _limits(parameter)
        if low > high:
            raise ToolSchemaError(f"a number for {argument} must be from 0 to {LARGEST_NUMBER}; its type allows none")
    elif match := _RANGE.fullmatch(name):
        low, high = int(match[1]), int(match[2])
        if low > high or high > LARGEST_NUMBER:
            raise ToolSchemaError(f"{name} must rise, up to {LARGEST_NUMBER}")
    else:
        return None
    return range(low, high + 1)


def _limits(parameter: Parameter) -> tuple[int, int]:
    low, high = schema.whole_limits(parameter.adapter)
    least = NUMBERS[0] if low is None else max(0, low)
    return least, NUMBERS[1] if high is None else min(LARGEST_NUMBER, high)


def _with_ranges(sentence: Sentence, parameters: Mapping[str, Parameter]) -> Sentence:
    """`{number:x}` with the limits of x, where they are not the usual ones: the strict schema does not have them."""

    def replace(slot: re.Match[str]) -> str:
        argument = slot[1] or "number"
        limits = _limits(parameters[argument])
        return slot[0] if limits == NUMBERS else f"{{{limits[0]}..{limits[1]}:{argument}}}"

    arguments = {name: to_jsonable_python(value) for name, value in sentence.arguments.items()}
    return Sentence(_NUMBER_SLOT.sub(replace, sentence.template), arguments)


# Values.


def _json_form(place: str, value: object) -> Any:
    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError) as error:
        raise ToolSchemaError(f"{place}: {value!r} has no JSON form") from error


def _fits(parameter: Parameter, value: object) -> bool:
    try:
        parameter.value_of(value)
    except ValidationError:
        return False
    return True


def _must_fit(parameter: Parameter, argument: str, value: object, what: str) -> None:
    try:
        parameter.value_of(value)
    except ValidationError as error:
        raise ToolSchemaError(f"{what} does not fit: {'; '.join(mistakes_of(argument, error))}") from error
