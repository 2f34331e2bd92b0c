"""What the log is told while somebody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

PATIENCE_S = 60.0


class Journal:
    """`lines`: as `capture_logs` gives them. All of them come from the loop's thread."""

    def __init__(self, lines: list[EventDict]) -> None:
        self.lines = lines
        self._news = asyncio.Event()

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds()`, which is asked whenever the log was told something, once that is done."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def notice(self) -> None:
        """Something else changed that `until` asks for; on the loop."""
        self._news.set()


@contextmanager
def journal() -> Iterator[Journal]:
    """Inside of the block the log goes nowhere else."""
    with capture_logs() as lines:
        kept = Journal(lines)

        def notice(_logger: Any, _method: str, line: EventDict) -> EventDict:
            kept.notice()
            return line

        structlog.get_config()["processors"].insert(0, notice)
        yield kept
