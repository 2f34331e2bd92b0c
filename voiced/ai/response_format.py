"""The form that an answer is asked for in: JSON, or the fields of a pydantic model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from voiced.ai import strict_schema
from voiced.ai.strict_schema import Schema
from voiced.errors import AnswerUnusable, RequestRejected, ToolSchemaError

T = TypeVar("T")

_NOWHERE: Final = ("structured", "enhanced", "template", "standard")
"""Kinds that some documents describe, and no server has."""

_KNOWN: Final = ("text", "json_object", "json_schema")

MOST_MISTAKES: Final = 5
"""Told of one answer."""


def check_response_format(value: object, what: str) -> None:
    """Raises RequestRejected for a `response_format` that no server has. `what` names the helper: "chat"."""
    if not isinstance(value, Mapping):
        raise RequestRejected(
            f"{what}: response_format must be a mapping: write {{'type': 'json_object'}}, or one with json_schema; for "
            "a pydantic model there is parse()"
        )
    kind = value.get("type")
    if kind in _NOWHERE:
        raise RequestRejected(
            f"{what}: response_format {kind!r}: no server has it: use json_schema, as parse() does for a pydantic model"
        )
    if not isinstance(kind, str) or not kind:
        raise RequestRejected(f"{what}: response_format has no type: write one of {', '.join(_KNOWN)}")


@dataclass(frozen=True, slots=True)
class Structure(Generic[T]):
    """What an answer must hold. `schema` is strict."""

    name: str
    schema: Schema
    _adapter: TypeAdapter[T] = field(repr=False)

    @property
    def chat_format(self) -> dict[str, Any]:
        """`response_format` of chat completions."""
        return {"type": "json_schema", "json_schema": {"name": self.name, "schema": self.schema, "strict": True}}

    @property
    def responses_format(self) -> dict[str, Any]:
        """`text.format` of Responses."""
        return {"type": "json_schema", "name": self.name, "schema": self.schema, "strict": True}

    def read(self, text: str, what: str) -> T:
        """What the text of an answer holds. Raises AnswerUnusable, which tells each mistake and not what was said."""
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            told = [f"{'.'.join(map(str, each['loc'])) or 'all of it'}: {each['msg']}" for each in found]
            more = f" and {len(told) - MOST_MISTAKES} more" if len(told) > MOST_MISTAKES else ""
            raise AnswerUnusable(
                f"{what}: the answer does not fit {self.name}: {'; '.join(told[:MOST_MISTAKES])}{more}: ask again, or "
                "ask a model that keeps to schemas"
            ) from None


def structure(kind: type[T], what: str) -> Structure[T]:
    """How `kind`, a pydantic model, is asked for. Raises RequestRejected where it has no strict schema."""
    name = getattr(kind, "__name__", str(kind))
    try:
        adapter: TypeAdapter[T] = strict_schema.adapter_for(kind)
        schema = strict_schema.strict_schema(adapter)
        strict_schema.check_size(schema, "its fields")
    except ToolSchemaError as error:
        raise RequestRejected(f"{what}: {name} has no strict schema: {error}") from error
    if schema.get("type") != "object":
        raise RequestRejected(f"{what}: {name} is no object: put it into a field of a pydantic model")
    return Structure(re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64], schema, adapter)


def json_of(text: str, finish_reason: str, refusal: str, what: str) -> Any:
    """What an answer holds as JSON. Raises AnswerUnusable as `check_whole`, and where it is no JSON."""
    check_whole(finish_reason, refusal, what)
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise AnswerUnusable(f"{what}: the answer is no JSON: ask with json=True, or parse()") from None


def check_whole(finish_reason: str, refusal: str, what: str) -> None:
    """Raises AnswerUnusable where the model refused, or where its answer is only a part.

    `code` of it is "refusal", "length" or "content_filter".
    """
    if refusal:
        raise AnswerUnusable(f"{what}: the model refuses to answer this: ask for something else", code="refusal")
    if finish_reason == "length":
        raise AnswerUnusable(
            f"{what}: the answer was cut off before its end: allow more tokens, or ask for less", code="length"
        )
    if finish_reason == "content_filter":
        raise AnswerUnusable(
            f"{what}: the server's filter stopped the answer: ask for something else", code="content_filter"
        )
