"""Phrases that a tool declares, filled in with its arguments: `spoken`, `confirm`, `filler`."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, Final

from voiced.errors import ToolSchemaError

LONGEST: Final = 500
"""Characters of a template: a phrase, no speech."""


def check(what: str, template: object, fields: Collection[str]) -> None:
    """Raises ToolSchemaError unless the template named `what` uses none but `fields`; "" is no template."""
    if not isinstance(template, str):
        raise ToolSchemaError(f'{what} is {template!r}; write a string, such as {what}="..."')
    if len(template) > LONGEST:
        raise ToolSchemaError(f"{what} has {len(template)} characters; {LONGEST} are allowed")
    if template and not template.strip():
        raise ToolSchemaError(f"{what} is blank; write a phrase, or leave it out")
    try:
        used = list(_fields(template))
    except ValueError as error:
        raise ToolSchemaError(f'{what}="{template}": {error}; a brace by itself is written twice') from error
    for name in used:
        if name not in fields:
            known = f"known are {', '.join(fields)}" if fields else "there are no arguments"
            raise ToolSchemaError(f'{what}="{template}": there is no {{{name}}}; {known}')


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The phrase. Raises whatever the values' own formatting raises, and LookupError and AttributeError."""
    return _Spoken().vformat(template, (), values)


def _fields(template: str) -> Iterator[str]:
    for _, field, spec, _ in Formatter().parse(template):
        if field is not None:
            yield field.replace("[", ".").partition(".")[0]
            yield from _fields(spec or "")


class _Spoken(Formatter):
    """Formats values so that they can be said, where the template does not say how."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return str(format(value, format_spec)) if format_spec else spoken(value)


def spoken(value: object) -> str:
    """A value in words, as far as that goes: an Enum is its value, 5.0 is 5, a list is "a, b and c"."""
    match value:
        case enum.Enum():
            return spoken(value.value).replace("_", " ")
        case float() if value.is_integer():
            return str(int(value))
        case list() | tuple() | set() | frozenset():
            return _listed([spoken(each) for each in value])
        case None:
            return "nothing"
        case _:
            return format(value)


def _listed(words: Sequence[str]) -> str:
    *first, last = words or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last
