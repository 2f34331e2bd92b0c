"""What is typed or to be announced waits here for a silence."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from voiced.conversation.asides import NOT_NEEDED, TOO_MUCH, WITHDRAWN
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked, TextAsked
from voiced.conversation.outbox import Outbox
from voiced.conversation.turn import Errand

MAX_ERRANDS: Final = 16
"""Typed questions and announcements that wait for a silence."""
STOPPED: Final = "it was stopped"
NO_BRAIN: Final = "no brain is connected; see `voiced status`"


class Errands:
    """In their order. Each is taken out to be run, or its request is told why it was not."""

    def __init__(self, out: Outbox) -> None:
        self._out = out
        self._waiting: deque[Errand] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def all(self) -> tuple[Errand, ...]:
        return tuple(self._waiting)

    def add(self, asked: TextAsked | AnnouncementAsked, now: float, *, kept: bool = False) -> None:
        if len(self._waiting) >= MAX_ERRANDS:
            self._out.report(RequestEnded(asked.request, error=TOO_MUCH))
        else:
            self._waiting.append(Errand(asked, now, kept))

    def put_first(self, errand: Errand) -> None:
        """It comes before all others."""
        self._waiting.appendleft(errand)

    def take(self, errand: Errand) -> None:
        """It is being run."""
        self._waiting.remove(errand)

    def kept(self) -> list[Errand]:
        """Results of tools that the floor was taken from."""
        return [errand for errand in self._waiting if errand.kept]

    def told(self, errands: list[Errand]) -> None:
        """An answer told what these would: those that still wait are not needed."""
        for errand in errands:
            if errand in self._waiting:
                self._drop(errand, NOT_NEEDED)

    def withdraw(self, request: str) -> None:
        for errand in self._announcements():
            if errand.asked.request == request:
                self._drop(errand, WITHDRAWN)

    def stop(self) -> None:
        """Nothing is to be announced; what was typed still wants its answer."""
        for errand in self._announcements():
            self._drop(errand, STOPPED)

    def give_up(self, errand: Errand) -> None:
        """It waited too long for a brain."""
        self._drop(errand, NO_BRAIN)

    def oldest_typed(self) -> float:
        """When the first of what was typed came; infinite where nothing was."""
        return min((errand.at for errand in self._waiting if isinstance(errand.asked, TextAsked)), default=math.inf)

    def _announcements(self) -> list[Errand]:
        return [errand for errand in self._waiting if isinstance(errand.asked, AnnouncementAsked)]

    def _drop(self, errand: Errand, why: str) -> None:
        self._waiting.remove(errand)
        self._out.report(RequestEnded(errand.asked.request, error=why))
