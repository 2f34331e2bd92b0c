"""Where edges under test post their events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from voiced.conversation.events import Event

E = TypeVar("E", bound=Event)

PATIENCE_S: Final = 60.0
"""Real seconds; only reached by a test that fails."""


class Inbox:
    """A hub that only keeps what it gets; pass `post` to an edge."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def post(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, *kinds: type[E]) -> list[E]:
        """Those of some kinds, in order."""
        return [event for event in self.events if isinstance(event, kinds)]

    async def until(self, holds: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Wait until `holds()`, which is asked at each new event."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def get(self, kind: type[E], timeout_s: float = PATIENCE_S) -> E:
        """The first event of this kind, which may be there already."""
        await self.until(lambda: self.of(kind), timeout_s)
        return self.of(kind)[0]
