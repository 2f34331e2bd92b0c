"""What the Realtime brain has seen since it started, for status and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from voiced.brains.realtime.wire import RateLimit

_MOST_NAMES: Final = 32
"""A server that makes up names must not fill the memory."""


@dataclass(slots=True)
class Counters:
    """Counts over all sessions; `rate_limits` and `unknown_events` are by name and bounded."""

    connections: int = 0
    lost: int = 0
    messages_in: int = 0
    messages_out: int = 0
    characters_in: int = 0
    characters_out: int = 0
    malformed: int = 0
    refused: int = 0
    benign: int = 0
    transcriptions_failed: int = 0
    unknown_events: dict[str, int] = field(default_factory=dict)
    rate_limits: dict[str, RateLimit] = field(default_factory=dict)

    def sent(self, text: str) -> None:
        self.messages_out += 1
        self.characters_out += len(text)

    def received(self, message: str | bytes) -> None:
        self.messages_in += 1
        self.characters_in += len(message)

    def unknown(self, name: str) -> None:
        if name in self.unknown_events or len(self.unknown_events) < _MOST_NAMES:
            self.unknown_events[name] = self.unknown_events.get(name, 0) + 1

    def limited(self, limit: RateLimit) -> None:
        if limit.name in self.rate_limits or len(self.rate_limits) < _MOST_NAMES:
            self.rate_limits[limit.name] = limit
