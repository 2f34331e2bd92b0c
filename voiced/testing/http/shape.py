"""The judgement of a JSON body by its shape, as HTTP says it."""

from __future__ import annotations

from typing import Any

from voiced.testing.http.refusal import Refusal
from voiced.testing.loopback.checks import Check
from voiced.testing.loopback.rejection import Rejection


def judged(shape: Check, body: Any) -> dict[str, Any]:
    """`body`, an object that is as `shape` wants it. Raises `Refusal`."""
    try:
        shape(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    found: dict[str, Any] = body
    return found
