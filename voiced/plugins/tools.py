"""A tool as the host runs it: JSON text in, a function called with checked arguments, text out."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from voiced.api import ToolContext, ToolError, ToolOptions
from voiced.conversation.events import ToolSpec
from voiced.errors import ToolSchemaError
from voiced.plugins import docstrings, schema, sentences
from voiced.plugins.parameters import Parameter, mistakes_of, read_parameter

_log = structlog.get_logger()

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
DESCRIPTION_LIMIT = 1024
"""Characters; OpenAI's limit for a function's description."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One function that the model may call. `where` is its file, line and name, for people."""

    spec: ToolSpec
    where: str
    function: Callable[..., Any]
    timeout_s: float | None
    is_async: bool
    _parameters: Mapping[str, Parameter]
    _context_parameter: str | None

    def arguments(self, text: str, context: ToolContext) -> dict[str, Any]:
        """The function's keyword arguments, from the JSON text as the model wrote it.

        Raises ToolError with each mistake, and what is expected instead.
        """
        given = _json_object(text)
        arguments: dict[str, Any] = {}
        mistakes = [f"{name}: there is no such argument" for name in given if name not in self._parameters]
        for name, parameter in self._parameters.items():
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
            raise ToolError(
                f"Not done, the arguments are wrong. {'; '.join(mistakes)}. "
                f"Call {self.spec.name} again with arguments that fit: {json.dumps(self.spec.parameters['properties'])}"
            )
        if self._context_parameter:
            arguments[self._context_parameter] = context
        return arguments


def describe_tool(function: Callable[..., Any], options: ToolOptions) -> Tool:
    """Read signature, type hints and docstring. Raises ToolSchemaError with file, function and what to write."""
    where = _where(function)
    try:
        return _describe(function, options, where)
    except ToolSchemaError as error:
        raise ToolSchemaError(f"{where}: {error}") from error


def as_text(value: object, max_bytes: int) -> str:
    """What a tool returned, for the model: a str as it is, None as "done", anything else as JSON.

    Raises ToolError where it has no JSON form. What is longer than `max_bytes` of UTF-8 is cut, and says so.
    """
    if value is None:
        return "done"
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
    elif isinstance(value, Iterator) or inspect.isawaitable(value):
        raise ToolError(_no_json(value))
    else:
        try:
            text = to_json(value, inf_nan_mode="null")
        except (PydanticSerializationError, ValueError) as error:
            raise ToolError(_no_json(value)) from error
    if len(text) <= max_bytes:
        return text.decode()
    shown = text[:max_bytes].decode("utf-8", "ignore")
    return f"{shown}\n[Cut here: the answer has {len(text)} bytes, these are the first {max_bytes}. Ask for less.]"


def _no_json(value: object) -> str:
    return f"The tool ran, but what it returned ({type(value).__name__}) can't be turned into text."


def _describe(function: Callable[..., Any], options: ToolOptions, where: str) -> Tool:
    name = options.name or function.__name__
    if not _NAME.fullmatch(name):
        raise ToolSchemaError(f"the name {name!r} must be 1 to 64 of a-z, A-Z, 0-9, _ and -; write @tool(name=...)")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolSchemaError("a tool returns its answer at once; return a list instead of using yield")
    docstring = docstrings.parse(function.__doc__)
    if not docstring.text:
        raise ToolSchemaError(
            'write a docstring; it tells the model what the tool does, such as """Tell the time in a city."""'
        )
    hints = _hints(function)
    context_parameter = next((n for n, hint in hints.items() if hint is ToolContext), None)
    parameters = {
        parameter.name: read_parameter(parameter, hints, docstring.arguments.get(parameter.name, ""))
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != context_parameter
    }
    if unknown := sorted(docstring.arguments.keys() - parameters.keys() - {context_parameter}):
        raise ToolSchemaError(f"the docstring describes {', '.join(unknown)}, which the function does not have")
    said = sentences.read(options, parameters)
    return Tool(
        ToolSpec(
            name,
            _short(docstring.text, where),
            _object({n: p.schema for n, p in parameters.items()}),
            said.sentences,
            said.lists,
            options.local,
        ),
        where,
        function,
        options.timeout_s,
        inspect.iscoroutinefunction(function),
        parameters,
        context_parameter,
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


def _object(properties: dict[str, schema.Schema]) -> schema.Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _short(description: str, where: str) -> str:
    if len(description) <= DESCRIPTION_LIMIT:
        return description
    _log.warning("description of a tool is cut", where=where, characters=len(description), limit=DESCRIPTION_LIMIT)
    return description[: DESCRIPTION_LIMIT - 1] + "…"


def _where(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function).__code__
    return f"{Path(code.co_filename)}:{code.co_firstlineno} {function.__qualname__}"


def _json_object(text: str) -> dict[str, Any]:
    try:
        given = from_json(text or "{}", allow_inf_nan=False)
    except ValueError as error:
        raise ToolError(
            f"Not done, the arguments are not valid JSON: {error}. Call again with a JSON object."
        ) from error
    if not isinstance(given, dict):
        raise ToolError('Not done, the arguments must be one JSON object, such as {"name": "value"}. Call again.')
    return given
