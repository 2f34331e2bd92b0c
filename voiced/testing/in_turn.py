"""What a script gives: in turn, or as a function says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

S = TypeVar("S")
M = TypeVar("M")


def in_turn(given: Iterable[M] | Callable[[S], M], after_the_last: Callable[[S], M]) -> Callable[[S], M]:
    """A function that gives what is `given`, one after the other; a function stays as it is."""
    if callable(given):
        return given
    remaining = deque(given)
    return lambda subject: remaining.popleft() if remaining else after_the_last(subject)
