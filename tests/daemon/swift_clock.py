"""Time that a test may hurry: the event loop's clock, ahead of the machine's by what was skipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from voiced.plugins.wall_clock import Timer

BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))


class SwiftClock:
    """The clock of the running loop, and `wall_clock.Clock` for the plugins: both go on as fast as the test says."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ahead = 0.0
        self._began = time.monotonic()
        self._loop.time = self.time  # type: ignore[method-assign]  # all of asyncio asks there

    def time(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic() + self._ahead

    def hurry_to(self, moment: float) -> None:
        """Let it be `moment`, if that is not over yet."""
        self._ahead += max(0.0, moment - self.time())

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.time() - self._began)

    def elapsed(self) -> float:
        return self.time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return self._loop.call_later(delay_s, callback)
