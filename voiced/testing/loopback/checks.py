"""Small checks that combine into the shape of a client event."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from voiced.testing.loopback import rejection
from voiced.testing.loopback.rejection import Rejection

Check = Callable[[Any, str], None]
"""Takes a JSON value and its path ("session.tools[0].name"); raises `Rejection` where the real server would refuse."""


def string(max_length: int | None = None, pattern: str | None = None) -> Check:
    """A string of at most `max_length` characters that matches `pattern` as a whole."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise rejection.wrong_type(path, "a string", value)
        if max_length is not None and len(value) > max_length:
            raise rejection.too_long(path, max_length, len(value))
        if pattern is not None and not re.fullmatch(pattern, value):
            raise Rejection(
                f"Invalid '{path}': string does not match pattern. "
                f"Expected a string that matches the pattern '^{pattern}$'.",
                "invalid_value",
                path,
            )

    return check


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise rejection.wrong_type(path, "a boolean", value)


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number from `low` to `high`, both included."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise rejection.wrong_type(path, "an integer", value)
        if low is not None and value < low:
            raise rejection.below(path, "integer", low, value)
        if high is not None and value > high:
            raise rejection.above(path, "integer", high, value)

    return check


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`, both included."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise rejection.wrong_type(path, "a decimal number", value)
        if value < low:
            raise rejection.below(path, "decimal", low, value)
        if value > high:
            raise rejection.above(path, "decimal", high, value)

    return check


def one_of(*values: str | int) -> Check:
    """One of `values`, and of the same JSON type."""

    def check(value: Any, path: str) -> None:
        if not any(value == known and type(value) is type(known) for known in values):
            raise rejection.wrong_value(path, value, values)

    return check


def anything(value: Any, path: str) -> None:
    """Any JSON value."""


def any_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise rejection.wrong_type(path, "an object", value)


def nullable(inner: Check) -> Check:
    """What `inner` takes, or null."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def either(text: Check, other: Check) -> Check:
    """`text` judges strings and `other` everything else."""

    def check(value: Any, path: str) -> None:
        (text if isinstance(value, str) else other)(value, path)

    return check


def array(inner: Check) -> Check:
    """A list; `inner` judges each member."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise rejection.wrong_type(path, "an array", value)
        for index, member in enumerate(value):
            inner(member, f"{path}[{index}]")

    return check


def obj(fields: Mapping[str, Check], *required: str) -> Check:
    """An object with no other keys than `fields`, of which `required` must be there."""

    def check(value: Any, path: str) -> None:
        any_object(value, path)
        for name in required:
            if name not in value:
                raise rejection.missing(_join(path, name))
        for name in value:
            if name not in fields:
                raise rejection.unknown(_join(path, name))
        for name, member in value.items():
            fields[name](member, _join(path, name))

    return check


def tagged(tag: str, shapes: Mapping[str, Check]) -> Check:
    """An object whose string `tag` selects which of `shapes` judges it."""

    def check(value: Any, path: str) -> None:
        any_object(value, path)
        if tag not in value:
            raise rejection.missing(_join(path, tag))
        one_of(*shapes)(value[tag], _join(path, tag))
        shapes[value[tag]](value, path)

    return check


def metadata(value: Any, path: str) -> None:
    """At most 16 pairs of strings, 64 and 512 characters long."""
    any_object(value, path)
    if len(value) > 16:
        raise Rejection(
            f"Invalid '{path}': too many properties. Expected an object with at most 16 properties, "
            f"but got an object with {len(value)} properties instead.",
            "object_above_max_properties",
            path,
        )
    for key, member in value.items():
        string(64)(key, path)
        string(512)(member, _join(path, key))


def pcm16(value: Any, path: str, max_bytes: int | None = None) -> bytes:
    """The bytes of base64 PCM16 audio: whole samples, at most `max_bytes` of them."""
    string()(value, path)
    try:
        pcm = base64.b64decode(value, validate=True)
    except ValueError:
        raise Rejection(
            f"Invalid '{path}'. Expected base64-encoded audio bytes, but got an invalid value.",
            "invalid_value",
            path,
        ) from None
    if len(pcm) % 2:
        raise Rejection(
            f"Invalid '{path}'. Expected PCM16 audio of whole 2-byte samples, but got {len(pcm)} bytes.",
            "invalid_value",
            path,
        )
    if max_bytes is not None and len(pcm) > max_bytes:
        raise Rejection(
            f"Invalid '{path}': at most {max_bytes} bytes of audio per event, but got {len(pcm)} bytes.",
            "string_above_max_length",
            path,
        )
    return pcm


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
