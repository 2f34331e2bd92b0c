"""Where a daemon under test reports its facts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from voiced.conversation.commands import Fact

F = TypeVar("F", bound=Fact)


class Facts:
    """`ports.StatusSink`, for who waits until something is so."""

    def __init__(self) -> None:
        self.all: list[Fact] = []
        self._news = asyncio.Event()

    def report(self, fact: Fact) -> None:
        self.all.append(fact)
        self._news.set()

    def of(self, kind: type[F]) -> list[F]:
        """Those of one kind, in order."""
        return [fact for fact in self.all if isinstance(fact, kind)]

    async def until(self, holds: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until `holds()`, which is asked at each new fact."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._news.clear()
                await self._news.wait()
