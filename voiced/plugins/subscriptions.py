"""Tells plugins what happens: each in order, and of one that is slow the oldest are dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import structlog

from voiced.api import StateChanged, Transcript, Wake
from voiced.conversation.commands import Fact, Floor, FloorChanged, ReplyHeard, UserHeard, UserTyped

_log = structlog.get_logger()

Event = Wake | Transcript | StateChanged
KINDS: Final[tuple[type[Event], ...]] = (Wake, Transcript, StateChanged)

WAITING_LIMIT: Final = 32
"""So many events wait for one subscription."""


class Subscriptions:
    """Of all plugins. On the event loop's thread."""

    def __init__(self) -> None:
        self._all: list[Listener] = []
        self._floor: Floor = "idle"

    def add(self, listener: Listener) -> None:
        self._all.append(listener)

    def remove(self, listener: Listener) -> None:
        """Harmless where it is not there."""
        if listener in self._all:
            self._all.remove(listener)

    def report(self, fact: Fact) -> None:
        """Something happened."""
        for event in self._events(fact):
            for listener in tuple(self._all):
                listener.hear(event)

    def _events(self, fact: Fact) -> Iterator[Event]:
        match fact:
            case FloorChanged(floor):
                was, self._floor = self._floor, floor
                if was == "idle" and floor == "listening":
                    yield Wake()
                yield StateChanged(floor)
            case UserHeard(text=text) | UserTyped(text) if text:
                yield Transcript("user", text)
            case ReplyHeard(text=text) if text:
                yield Transcript("assistant", text)
            case _:
                pass


class Listener:
    """One subscription. `spawn` runs a callback contained; `plugin` is for the log."""

    def __init__(
        self,
        kind: type[Any],
        callback: Callable[[Any], Awaitable[None]],
        spawn: Callable[[Callable[[], Awaitable[None]]], None],
        plugin: str,
    ) -> None:
        self._kind = kind
        self._callback = callback
        self._spawn = spawn
        self._plugin = plugin
        self._waiting: deque[Event] = deque(maxlen=WAITING_LIMIT)
        self._under_way = False
        self._slow = False

    def hear(self, event: Event) -> None:
        """Call with it, once the callback is done with those before."""
        if not isinstance(event, self._kind):
            return
        if len(self._waiting) == WAITING_LIMIT and not self._slow:
            self._slow = True
            _log.warning(
                "a plugin is too slow for what it subscribed to", plugin=self._plugin, kind=self._kind.__name__
            )
        self._waiting.append(event)
        self._go_on()

    def end(self) -> None:
        """Nothing that waits is told any more."""
        self._waiting.clear()

    def _go_on(self) -> None:
        if self._waiting and not self._under_way:
            self._under_way = True
            self._spawn(self._tell)

    async def _tell(self) -> None:
        try:
            if self._waiting:  # and it was not ended since
                await self._callback(self._waiting.popleft())
        finally:
            self._under_way = False
            self._go_on()
