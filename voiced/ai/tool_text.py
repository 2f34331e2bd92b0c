"""What a function returned, as text for a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pydantic_core import PydanticSerializationError, to_json

from voiced.errors import ToolError


def as_text(value: object, max_bytes: int) -> str:
    """A str as it is, None as "done", anything else as JSON.

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
