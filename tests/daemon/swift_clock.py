"""Time that a test may hurry: the event loop's clock, ahead of the machine's by what was skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from voiced.plugins.wall_clock import Timer
from voiced.testing.swift_time import SwiftTime

BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))


class SwiftClock(SwiftTime):
    """The clock of the running loop, and `wall_clock.Clock` for the plugins: both go on as fast as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._began = self.time()
        self._loop.time = self.time  # type: ignore[method-assign]  # all of asyncio asks there

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.time() - self._began)

    def elapsed(self) -> float:
        return self.time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return self._loop.call_later(delay_s, callback)
