"""Which brain answers: the best one that may, and that has not failed lately."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from voiced.conversation.events import BrainName, Thrift
from voiced.conversation.settings import BrainSettings

LONGEST_COOLDOWN_S: Final = 600.0
FATAL_COOLDOWN_S: Final = 3600.0
"""Somebody must mend something first; that they did is noticed in so long, at a reload, or at a restart."""


@dataclass(slots=True)
class Standing:
    """How far a brain can be relied on."""

    failures: int = 0
    until: float = -math.inf
    """The end of its cooldown."""
    fatal: bool = False
    """Somebody must mend something first."""


class Failover:
    """The brains in their order, what each has done lately, and what spending allows."""

    def __init__(self, settings: BrainSettings) -> None:
        self._order = settings.order
        self._cooldown_s = settings.cooldown_s
        self._standings = {brain: Standing() for brain in self._order}
        self.thrift: Thrift = "none"

    @property
    def first(self) -> BrainName:
        """The best of all, whatever became of it."""
        return self._order[0]

    def failed(self, brain: BrainName, now: float, *, fatal: bool = False, retry_after_s: float = 0.0) -> None:
        """It is left alone for a while: twice as long as the last time."""
        standing = self._standings[brain]
        cooldown_s = min(self._cooldown_s * 2 ** min(standing.failures, 10), LONGEST_COOLDOWN_S)
        if fatal:
            cooldown_s = FATAL_COOLDOWN_S
        standing.failures += 1
        standing.fatal = fatal
        standing.until = now + max(cooldown_s, min(retry_after_s, LONGEST_COOLDOWN_S))

    def answered(self, brain: BrainName) -> None:
        """It works: its next failure is the first one again."""
        self._standings[brain].failures = 0

    def allows(self, brain: BrainName) -> bool:
        """Whether there is money for it."""
        if self.thrift == "offline":
            return brain == "offline"
        return not (self.thrift == "cascade" and brain == "realtime" and "cascade" in self._order)

    def best(self, now: float, *, but: Container[BrainName] = ()) -> BrainName | None:
        """The first in the order that may be used now."""
        for brain in self._order:
            if brain not in but and self.allows(brain) and now >= self._standings[brain].until:
                return brain
        return None

    def last_resort(self, *, but: Container[BrainName]) -> BrainName | None:
        """Where nobody may be used, and somebody waits for an answer: the one whose cooldown is over first."""
        brains = [b for b in self._order if b not in but and self.allows(b) and not self._standings[b].fatal]
        return min(brains, key=lambda brain: self._standings[brain].until, default=None)

    def better(self, than: BrainName, now: float) -> BrainName | None:
        """One that comes before `than`, if it may be used now."""
        brain = self.best(now)
        return brain if brain is not None and self._order.index(brain) < self._order.index(than) else None

    def better_at(self, than: BrainName) -> float:
        """When a better one than `than` may be tried; infinite where there is none."""
        return self._earliest(self._order[: self._order.index(than)])

    def other_at(self, than: BrainName) -> float:
        """When any other one than `than` may be used; infinite where there is none."""
        return self._earliest(tuple(brain for brain in self._order if brain != than))

    def best_at(self) -> float:
        """When any of them may be used."""
        return self._earliest(self._order)

    def _earliest(self, brains: tuple[BrainName, ...]) -> float:
        return min((self._standings[brain].until for brain in brains if self.allows(brain)), default=math.inf)
