"""One argument of a tool: what checks it, and what the model is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from voiced.ai import strict_schema as schema
from voiced.errors import ToolSchemaError


@dataclass(frozen=True, slots=True)
class Parameter:
    """`schema` is strict, and takes null where the function has a default."""

    adapter: TypeAdapter[Any]
    required: bool
    takes_null: bool
    schema: schema.Schema

    def value_of(self, given: object) -> Any:
        """What the function gets for a value that has a JSON form. Raises ValidationError."""
        return self.adapter.validate_json(to_json(given))


def read_parameter(parameter: inspect.Parameter, hints: Mapping[str, Any], text: str) -> Parameter:
    """`text`: what the docstring says of it. Raises ToolSchemaError."""
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ToolSchemaError(f"{parameter}: the model names each argument; write it without * and /")
    if parameter.name not in hints:
        raise ToolSchemaError(f"{parameter.name}: give it a type hint, such as {parameter.name}: str")
    required = parameter.default is parameter.empty
    try:
        adapter = schema.adapter_for(hints[parameter.name])
        strict = schema.describe(schema.strict_schema(adapter), before=text)
        takes_null = schema.accepts_null(strict)
        if not required and parameter.default is not None:
            strict = schema.describe(strict, after=f"Default {_json(parameter.default)}")
    except ToolSchemaError as error:
        raise ToolSchemaError(f"{parameter.name}: {error}") from error
    return Parameter(adapter, required, takes_null, strict if required else schema.nullable(strict))


def mistakes_of(name: str, error: ValidationError) -> list[str]:
    """What is wrong with a value for the argument `name`, one line each, with its place."""
    return [
        f"{'.'.join([name, *(str(part) for part in mistake['loc'])])}: {mistake['msg']}"
        for mistake in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _json(default: object) -> str:
    try:
        return to_json(default).decode()
    except PydanticSerializationError as error:
        raise ToolSchemaError(
            f"the default {default!r} has no JSON form; write limits as Annotated[int, Field(ge=0)] = 5"
        ) from error
