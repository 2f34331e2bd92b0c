"""Calls that may hang, side by side, none of which is waited for longer than it may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """`run` may take `within_s`."""

    run: Callable[[], T]
    within_s: float


@dataclass(frozen=True, slots=True)
class Hung:
    """It did not come to an end within `after_s`, and its thread is left behind."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Broke:
    """It raised `error`."""

    error: BaseException


@dataclass(slots=True)
class _Running(Generic[T]):
    over: threading.Event = field(default_factory=threading.Event)
    outcome: T | Broke | None = None


def all_at_once(calls: Sequence[Call[T]]) -> list[T | Hung | Broke]:
    """What came of each, in their order. The threads that hang end with the process, and do not keep it alive."""
    started = time.monotonic()
    running = [_start(call) for call in calls]
    outcomes: list[T | Hung | Broke] = []
    for one, call in zip(running, calls, strict=True):
        outcome = _outcome(one, call.within_s, started)
        outcomes.append(outcome)
    return outcomes


def _start(call: Call[T]) -> _Running[T]:
    one: _Running[T] = _Running()

    def run() -> None:
        try:
            one.outcome = call.run()
        except BaseException as error:  # noqa: BLE001  # a plugin may call sys.exit: whoever waits is told
            one.outcome = Broke(error)
        one.over.set()

    threading.Thread(target=run, daemon=True, name="voiced doctor").start()
    return one


def _outcome(one: _Running[T], within_s: float, started: float) -> T | Hung | Broke:
    if not one.over.wait(max(0.0, started + within_s - time.monotonic())):
        return Hung(within_s)
    outcome = one.outcome
    assert outcome is not None, "a call returns something"
    return outcome
