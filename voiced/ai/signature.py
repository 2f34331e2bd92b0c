"""A Python function as a model sees it: its signature, type hints and docstring as a strict schema."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from voiced.ai import docstrings, strict_schema
from voiced.ai.parameters import Parameter, mistakes_of, read_parameter
from voiced.ai.strict_schema import Schema
from voiced.errors import ToolError, ToolSchemaError

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")

DESCRIPTION_LIMIT: Final = 1024
"""Characters; OpenAI's limit for a function's description."""

SHOWN_SCHEMA: Final = 2000
"""Characters of the schema that a model is reminded of."""


class Wrong(Exception):
    """`mistakes`: what is wrong with the arguments, one line each."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))


@dataclass(frozen=True, slots=True)
class Signature:
    """`schema`: strict, of all arguments. `context`: the parameter that the model is not told of, None for none."""

    name: str
    description: str
    schema: Schema
    parameters: Mapping[str, Parameter] = field(repr=False)
    defaults: Mapping[str, Any] = field(repr=False)
    context: str | None = None

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the function gets for the object that a model wrote. Raises Wrong."""
        arguments: dict[str, Any] = {}
        mistakes = [f"{name}: there is no such argument" for name in given if name not in self.parameters]
        for name, parameter in self.parameters.items():
            if not parameter.required and (name not in given or (given[name] is None and not parameter.takes_null)):
                continue
            if name not in given:
                mistakes.append(f"{name}: is missing")
                continue
            try:
                arguments[name] = parameter.value_of(given[name])
            except ValidationError as error:
                mistakes += mistakes_of(name, error)
        if mistakes:
            raise Wrong(*mistakes)
        return arguments


def read_signature(function: Callable[..., Any], *, name: str = "", context: object = None) -> Signature:
    """`name`: instead of the function's own. `context`: the type hint of the parameter that is not the model's.

    Raises ToolSchemaError, which says what to write instead.
    """
    named = name or getattr(function, "__name__", "")
    nameless = not name and not named.isidentifier()
    check_name(named, "define it with def, and give it one" if nameless else "write @tool(name=...)")
    docstring = docstrings.parse(function.__doc__)
    if not docstring.text:
        raise ToolSchemaError(
            'write a docstring; it tells the model what the tool does, such as """Tell the time in a city."""'
        )
    if len(docstring.text) > DESCRIPTION_LIMIT:
        raise ToolSchemaError(
            f"the docstring has {len(docstring.text)} characters before its Args; models take {DESCRIPTION_LIMIT}: "
            "shorten it, or move what an argument means below Args:"
        )
    hints = _hints(function)
    apart = next((n for n, hint in hints.items() if hint is context), None) if context is not None else None
    signature = inspect.signature(function)
    parameters = {
        parameter.name: read_parameter(parameter, hints, docstring.arguments.get(parameter.name, ""))
        for parameter in signature.parameters.values()
        if parameter.name != apart
    }
    if unknown := sorted(docstring.arguments.keys() - parameters.keys() - {apart}):
        raise ToolSchemaError(f"the docstring describes {', '.join(unknown)}, which the function does not have")
    strict = strict_schema.object_of({n: p.schema for n, p in parameters.items()})
    strict_schema.check_size(strict)
    defaults = {n: p.default for n, p in signature.parameters.items() if n in parameters and p.default is not p.empty}
    return Signature(named, docstring.text, strict, parameters, defaults, apart)


def check_name(name: object, fix: str) -> None:
    """Raises ToolSchemaError where no model can call it that."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolSchemaError(f"the name {name!r} must be 1 to 64 of a-z, A-Z, 0-9, _ and -; {fix}")


def where(function: Callable[..., Any]) -> str:
    """Its file, line and name, for people."""
    code = inspect.unwrap(function).__code__
    return f"{Path(code.co_filename)}:{code.co_firstlineno} {function.__qualname__}"


def json_object(text: str) -> dict[str, Any]:
    """The arguments as a model wrote them. Raises ToolError, which is for the model."""
    try:
        given = from_json(text.encode("utf-8", "surrogatepass") or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise ToolError(
            f"Not done, the arguments are not valid JSON: {error}. Call again with a JSON object."
        ) from error
    if not isinstance(given, dict):
        raise ToolError('Not done, the arguments must be one JSON object, such as {"name": "value"}. Call again.')
    return given


def told(wrong: Wrong, name: str, schema: Mapping[str, Any]) -> ToolError:
    """For the model: what is wrong with its arguments, and what is expected instead."""
    expected = json.dumps(schema["properties"])[:SHOWN_SCHEMA]
    return ToolError(
        f"Not done, the arguments are wrong. {wrong}. Call {name} again with arguments that fit: {expected}"
    )


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolSchemaError(
            f"the type hint {error.name!r} is not known; import it outside of `if TYPE_CHECKING`, at module level"
        ) from error
    except (AttributeError, SyntaxError, TypeError) as error:
        raise ToolSchemaError(f"the type hints can't be read: {error}") from error
    hints.pop("return", None)
    return hints
