"""Time of an event loop that a test may hurry: ahead of the machine's by what was skipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class SwiftTime:
    """The clock of the running loop while it is `kept`."""

    def __init__(self) -> None:
        self._ahead = 0.0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Inside of the block all of asyncio asks here for the time."""
        loop = asyncio.get_running_loop()
        loop.time = self.time  # type: ignore[method-assign]
        try:
            yield
        finally:
            del loop.time

    def time(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic() + self._ahead

    def hurry_to(self, moment: float) -> None:
        """Let it be `moment`, if that is not over yet."""
        self._ahead += max(0.0, moment - self.time())
