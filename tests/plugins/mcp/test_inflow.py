"""How much a server may send."""

from __future__ import annotations

import pytest

from voiced.plugins.builtin.mcp.inflow import MESSAGE_BYTES, WINDOW_ITEMS, WINDOW_LINES, WINDOW_S, Inflow, Lost


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "flood",
    [b"\n" * (WINDOW_LINES + 1), b"[" * (WINDOW_ITEMS + 1), b"0," * (WINDOW_ITEMS + 1), b"x" * (2 * MESSAGE_BYTES + 1)],
)
def test_too_much_at_one_time_is_the_end(flood: bytes) -> None:
    inflow = Inflow(Clock())
    half = len(flood) // 2
    inflow.count(flood[:half])
    with pytest.raises(Lost):
        inflow.count(flood[half:])


def test_as_much_over_a_longer_time_is_not() -> None:
    clock = Clock()
    inflow = Inflow(clock)
    for _ in range(10):
        inflow.count(b"\n" * WINDOW_LINES)
        clock.now += WINDOW_S


def test_the_largest_picture_is_no_flood() -> None:
    Inflow(Clock()).count(b'{"data": "' + b"x" * MESSAGE_BYTES + b'"}\n')
