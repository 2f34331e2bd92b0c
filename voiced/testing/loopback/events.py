"""What a session hands to its socket: events, pauses and closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
"""One JSON object of the protocol."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A running answer pauses for `seconds` before its next event."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """The server closes the WebSocket with `code` and `reason`."""

    code: int
    reason: str = ""


Output = Event | Close
Step = Event | Wait
