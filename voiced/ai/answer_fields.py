"""Fields of an answer, taken as what they should be. Whatever is something else is a ValueError or a TypeError."""

from __future__ import annotations

import math
from typing import Any

from voiced.ai.sendable import sendable


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def filled(value: Any) -> str:
    """A text that is not empty, and that can be sent back."""
    if not text(value).encode():
        raise ValueError("an empty text")
    return text(value)


def text_of(value: object) -> str:
    """A text that can be sent back, in which what is no UTF-8 is a ?; anything else as none."""
    return sendable(value) if isinstance(value, str) else ""


def whole(value: Any) -> int:
    """A number as an integer; 0 where there is none."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return int(value)


def known(value: Any) -> int | None:
    """The same, and None where there is none."""
    return None if value is None else whole(value)


def fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return float(value)


def mapping(value: Any) -> dict[str, Any]:
    """Empty where there is none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError("no mapping")
    return dict(value)
