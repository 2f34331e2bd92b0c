"""Why a client's message is refused, in the words of the real server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voiced.testing.loopback.events import Event


class Rejection(Exception):
    """The server answers with an `error` event; the session goes on unchanged."""

    def __init__(
        self,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind

    def event(self, client_event_id: str | None = None) -> Event:
        """The `error` event; `client_event_id` is what the client called the message at fault."""
        return {
            "type": "error",
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": client_event_id,
            },
        }


def missing(param: str) -> Rejection:
    return Rejection(f"Missing required parameter: '{param}'.", "missing_required_parameter", param)


def unknown(param: str) -> Rejection:
    return Rejection(f"Unknown parameter: '{param}'.", "unknown_parameter", param)


def wrong_type(param: str, expected: str, value: Any) -> Rejection:
    got = _JSON_NAMES.get(type(value), "an unknown type")
    return Rejection(f"Invalid type for '{param}': expected {expected}, but got {got} instead.", "invalid_type", param)


def wrong_value(param: str, value: Any, supported: Sequence[Any]) -> Rejection:
    return Rejection(f"Invalid value: '{value}'. Supported values are: {_listed(supported)}.", "invalid_value", param)


def too_long(param: str, limit: int, length: int) -> Rejection:
    return Rejection(
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead.",
        "string_above_max_length",
        param,
    )


def above(param: str, kind: str, limit: float, value: float) -> Rejection:
    """`kind` is "integer" or "decimal"."""
    return Rejection(
        f"Invalid '{param}': {kind} above maximum value. Expected a value <= {limit}, but got {value} instead.",
        f"{kind}_above_max_value",
        param,
    )


def below(param: str, kind: str, limit: float, value: float) -> Rejection:
    """`kind` is "integer" or "decimal"."""
    return Rejection(
        f"Invalid '{param}': {kind} below minimum value. Expected a value >= {limit}, but got {value} instead.",
        f"{kind}_below_min_value",
        param,
    )


def item_not_found(item_id: str, param: str = "item_id") -> Rejection:
    return Rejection(f"Item with item_id '{item_id}' not found.", "item_not_found", param)


def _listed(values: Sequence[Any]) -> str:
    *head, last = [f"'{value}'" for value in values]
    if not head:
        return last
    comma = "," if len(head) > 1 else ""
    return f"{', '.join(head)}{comma} and {last}"


_JSON_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a decimal number",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
