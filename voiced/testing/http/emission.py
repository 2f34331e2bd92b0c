"""An answer on its way out: its bytes in order, with the pauses between them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from voiced.testing.http.chat_answer import sse
from voiced.testing.http.script import Pause

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Emission:
    """An answer: its pieces in order, with the pauses between them. `streamed`: its length is not told ahead."""

    content_type: str
    pieces: Iterable[bytes | Pause]
    streamed: bool = True


def whole(body: Any) -> Emission:
    """JSON."""
    return of_bytes(json.dumps(body, ensure_ascii=False).encode(), JSON)


def of_bytes(data: bytes, content_type: str) -> Emission:
    """Bytes whose length is told ahead, in two pieces."""
    return Emission(content_type, halves(data), streamed=False)


def halves(data: bytes) -> tuple[bytes, bytes]:
    return data[: len(data) // 2], data[len(data) // 2 :]


def named_event(event: dict[str, Any]) -> bytes:
    """One server-sent event of the kind that has a name, as Responses and threads have it."""
    return f"event: {event['type']}\n".encode() + sse(event)
