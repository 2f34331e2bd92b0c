"""From the device's times to the ledger's events."""

from __future__ import annotations

from voiced.audio import RATE, Samples
from voiced.conversation.events import ItemId, ItemPlayed, PlayoutDrained
from voiced.playout.clock import PlayoutClock
from voiced.playout.jitter_buffer import Span

A, B = ItemId("a"), ItemId("b")


def span(item: ItemId, end: int, rendered: int, last: bool = False) -> Span:
    return Span(item, Samples(end), Samples(rendered), last)


def test_nothing_was_played_before_its_time_at_the_converter() -> None:
    clock = PlayoutClock()
    clock.handed((span(A, 240, 240),), 1.0)
    assert clock.due(1.0 + 239 / RATE) == []
    assert clock.due(1.0 + 240 / RATE) == [ItemPlayed(A, Samples(240))]


def test_it_tells_each_100_ms_and_the_end() -> None:
    clock = PlayoutClock()
    for number in range(25):
        clock.handed((span(A, 240, 240 * (number + 1), last=number == 24),), number * 0.01)
    told = [event for tick in range(30) for event in clock.due(tick * 0.01)]
    assert told == [
        ItemPlayed(A, Samples(240)),
        ItemPlayed(A, Samples(2640)),
        ItemPlayed(A, Samples(5040)),
        PlayoutDrained(A, Samples(6000)),
    ]


def test_an_item_that_runs_dry_is_told_to_its_last_sample() -> None:
    clock = PlayoutClock()
    for number in range(15):
        clock.handed((span(A, 240, 240 * (number + 1)),), number * 0.01)
    told = [event for tick in range(30) for event in clock.due(tick * 0.01)]
    assert told == [ItemPlayed(A, Samples(240)), ItemPlayed(A, Samples(2640)), ItemPlayed(A, Samples(3600))]


def test_an_item_that_ends_while_the_device_still_holds_it_drains_later() -> None:
    clock = PlayoutClock()
    clock.handed((span(A, 240, 240),), 5.0)
    assert clock.finished(A, Samples(240)) == []
    assert clock.due(6.0) == [PlayoutDrained(A, Samples(240))]


def test_an_item_that_was_heard_drains_at_once() -> None:
    clock = PlayoutClock()
    clock.handed((span(A, 240, 240),), 5.0)
    clock.due(6.0)
    assert clock.finished(A, Samples(240)) == [PlayoutDrained(A, Samples(240))]
    assert clock.finished(B, Samples(0)) == [PlayoutDrained(B, Samples(0))]


def test_of_a_flushed_item_nothing_more_is_told() -> None:
    clock = PlayoutClock()
    clock.handed((span(A, 100, 100), span(B, 240, 140)), 5.0)
    clock.forget((A,))
    assert clock.due(6.0) == [ItemPlayed(B, Samples(140))]
