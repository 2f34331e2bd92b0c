"""Names plugin code that blocks the event loop."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import structlog

_log = structlog.get_logger()

BLOCKED_S = 0.25
"""A step of plugin code that takes longer is heard: it is more sound than the loudspeaker has buffered."""


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    code: str
    started: float


class LoopWatch:
    """Times each step that plugin code takes on the event loop.

    `elapsed`: a clock in seconds. A step longer than `BLOCKED_S` is logged when it ends; a thread, awake only while
    plugin code is under way, logs it while it lasts, with the lines where it is: it may never end.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._step: _Step | None = None
        self._under_way = 0
        self._busy = threading.Event()
        self._stopped = threading.Event()
        self._loop_thread = 0

    def start(self) -> None:
        """On the event loop's thread."""
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._look_on, name="loop-watch", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._busy.set()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Around a coroutine, from its start to its end."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self) -> None:
        """A coroutine begins."""
        self._under_way += 1
        self._busy.set()

    def end(self) -> None:
        """It is over."""
        self._under_way -= 1
        if not self._under_way and not self._stopped.is_set():
            self._busy.clear()

    @contextmanager
    def step(self, code: str) -> Iterator[None]:
        """Around one step of the coroutine that is named `code`."""
        self._step = step = _Step(code, self._elapsed())
        try:
            yield
        finally:
            self._step = None
            took = self._elapsed() - step.started
            if took > BLOCKED_S:
                _log.error("plugin code blocked the event loop", code=code, ms=round(took * 1000))

    def _look_on(self) -> None:
        seen = named = None
        while not self._stopped.wait(BLOCKED_S):
            self._busy.wait()
            step = self._step
            if step is not None and step is seen and step is not named:
                named = step
                frame = sys._current_frames().get(self._loop_thread)
                _log.error("plugin code blocks the event loop", code=step.code, at=_innermost(frame))
            seen = step


def _innermost(frame: FrameType | None) -> str:
    calls = traceback.extract_stack(frame, limit=5)
    return " > ".join(f"{call.filename}:{call.lineno} {call.name}" for call in calls)
