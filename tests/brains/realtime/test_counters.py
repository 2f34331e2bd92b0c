"""What is counted stays small, whatever the server invents."""

from __future__ import annotations

from voiced.brains.realtime.counters import Counters
from voiced.brains.realtime.wire import RateLimit


def test_names_are_counted_but_not_without_end() -> None:
    counters = Counters()
    for number in range(1000):
        counters.unknown(f"event.{number}")
        counters.limited(RateLimit(f"limit {number}", 1, 1, 0.0))
    counters.unknown("event.0")
    assert len(counters.unknown_events) == 32
    assert counters.unknown_events["event.0"] == 2
    assert len(counters.rate_limits) == 32
