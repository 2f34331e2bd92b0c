"""What went over the sockets, both ways, with the time of each event."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Final

from voiced.testing.loopback.events import Event

MAX_ENTRIES: Final = 20_000
"""The oldest are forgotten: about six minutes of 20 ms appends."""

MAX_TEXT: Final = 65_536
"""Characters kept of one string: all that a test looks at, and not the images."""

AUDIO_DELTAS: Final = ("response.output_audio.delta", "response.audio.delta")
_AUDIO_FIELD: Final = {"input_audio_buffer.append": "audio"} | dict.fromkeys(AUDIO_DELTAS, "delta")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `connection` counts from 1, `at` is `time.monotonic()` in seconds.

    Audio is left out of `event`; `audio_bytes` tells how much there was. Texts are cut after `MAX_TEXT` characters.
    """

    connection: int
    type: str
    event: Event
    at: float
    audio_bytes: int = 0


class Journal:
    """The last `MAX_ENTRIES` events that were received, and as many that were sent."""

    def __init__(self) -> None:
        self.received: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self.sent: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._seen: Counter[tuple[str, int | None]] = Counter()
        self._changed = asyncio.Event()

    def note_received(self, connection: int, event: Event) -> None:
        self._note(self.received, connection, event)

    def note_sent(self, connection: int, event: Event) -> None:
        self._note(self.sent, connection, event)

    async def wait_for(self, kind: str, timeout_s: float, *, count: int = 1, connection: int | None = None) -> Entry:
        """The `count`-th event of type `kind` in either direction, at once when it has been already.

        Raises TimeoutError after `timeout_s` seconds, LookupError when it is so old that it was forgotten.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._seen[kind, connection] < count:
                    await self._changed.wait()
        except TimeoutError:
            recent = ", ".join(entry.type for entry in list(self.received)[-5:]) or "nothing"
            raise TimeoutError(
                f"{kind!r} came {self._seen[kind, connection]} times within {timeout_s} s, not {count}; "
                f"the last events received were: {recent}"
            ) from None
        kept = [
            entry
            for entry in (*self.received, *self.sent)
            if entry.type == kind and connection in (None, entry.connection)
        ]
        index = count - 1 - (self._seen[kind, connection] - len(kept))
        if index < 0:
            raise LookupError(f"{kind!r} number {count} is older than the journal; wait for it earlier")
        return kept[index]

    def _note(self, entries: deque[Entry], connection: int, event: Event) -> None:
        at = time.monotonic()
        kind = event.get("type")
        if not isinstance(kind, str):
            return
        field = _AUDIO_FIELD.get(kind)
        audio_bytes = 0
        if field is not None:
            audio = event.get(field)
            audio_bytes = _decoded_length(audio) if isinstance(audio, str) else 0
            event = {key: value for key, value in event.items() if key != field}
        entries.append(Entry(connection, kind, shortened(event), at, audio_bytes))
        self._seen[kind, connection] += 1
        self._seen[kind, None] += 1
        self._changed.set()
        self._changed = asyncio.Event()


class Timeline:
    """Times for a benchmark, in seconds of `time.monotonic()`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def arrivals(self, kind: str) -> list[float]:
        """When the client's events of type `kind` arrived: `input_audio_buffer.append`, `response.cancel`, …"""
        return [entry.at for entry in self._journal.received if entry.type == kind]

    def departures(self, kind: str) -> list[float]:
        """When the server's events of type `kind` were handed to the socket."""
        return [entry.at for entry in self._journal.sent if entry.type == kind]

    def audio(self, response_id: str | None = None) -> list[float]:
        """When each audio delta, of one response or of all, was handed to the socket."""
        return [
            entry.at
            for entry in self._journal.sent
            if entry.type in AUDIO_DELTAS and response_id in (None, entry.event["response_id"])
        ]

    def first_audio(self) -> dict[str, float]:
        """Response id → when its first audio delta was handed to the socket."""
        first: dict[str, float] = {}
        for entry in self._journal.sent:
            if entry.type in AUDIO_DELTAS:
                first.setdefault(entry.event["response_id"], entry.at)
        return first


def shortened(value: Any) -> Any:
    """Each text in a JSON value cut after `MAX_TEXT` characters."""
    if isinstance(value, dict):
        return {key: shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shortened(member) for member in value]
    return value[:MAX_TEXT] if isinstance(value, str) else value


def _decoded_length(encoded: str) -> int:
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")
