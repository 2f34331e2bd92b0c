"""Files of JSON objects, one a line, judged line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

NAMED: Final = 5
"""Problems that an error lists; it counts the others."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`line`: from 1; 0 for what concerns the whole file. `what`: for a person, with nothing that somebody said."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


def parsed(line: bytes) -> dict[str, Any]:
    """The object on a line. Raises ValueError that says what is wrong with it, and quotes nothing of it."""
    if not line.strip():
        raise ValueError("it is empty: take it out")
    try:
        value = json.loads(line.rstrip(b"\r\n").decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (from its character {error.colno} on)") from None
    except (ValueError, RecursionError):  # NaN, numbers of thousands of digits, thousands of brackets
        raise ValueError("it is no JSON that a server reads") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object: write {...}")
    return value


def dumped(objects: Iterable[object]) -> bytes:
    """Each on a line. Raises ValueError or TypeError for what has no JSON form."""
    return b"".join(json.dumps(each, ensure_ascii=False, allow_nan=False).encode() + b"\n" for each in objects)


def listed(problems: Sequence[Problem]) -> str:
    """For an error: the first of them, and how many more there are."""
    named = "; ".join(map(str, problems[:NAMED]))
    more = len(problems) - NAMED
    return f"{named}; and {more} more" if more > 0 else named


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
