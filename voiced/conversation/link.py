"""The state of the connection to one brain: which session counts, how long to back off, when to roll over."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from voiced.audio import Ms
from voiced.conversation.events import BrainName, SessionId, Thrift, ToolSpec

FIRST_BACKOFF = Ms(250)
MAX_BACKOFF = Ms(30_000)
REFUSED_RETRY_S = 60.0
"""After a fatal refusal the next utterance tries again, but no more than once in this time."""
LONGEST_RETRY_AFTER_S = 600.0
"""A server that sends us away for longer is asked again anyway."""
STABLE_S = 60.0
"""A session that lived this long has earned a quick reconnect."""
OPEN_WITHIN_S = 60.0
"""A brain that says neither that it is there nor that it is not has lost its way."""
ROLLOVER_QUIET_S = 5.0
"""Silence before a session is replaced of our own will."""
ROLLOVER_LATEST_S = 8 * 60.0
"""How much later than the chosen age a rollover may come, waiting for a silence."""

State = Literal["connecting", "ready", "refused"]


@dataclass(slots=True)
class Link:
    """Of one brain."""

    brain: BrainName = "realtime"
    session: SessionId = SessionId(0)
    state: State = "connecting"
    since: float = 0.0
    failures: int = 0
    due: float = math.inf
    """When it must have said whether it is there."""
    thrift: Thrift = "none"
    """How its session was asked to spend."""
    offered: tuple[ToolSpec, ...] = field(default=(), repr=False)
    """The tools that its session was told of."""

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    def open(self, session: SessionId, now: float, after: Ms = Ms(0)) -> None:
        """The next session; events of the last are stragglers from here on."""
        self.session = session
        self.state, self.since = "connecting", now
        self.due = now + after / 1000 + OPEN_WITHIN_S

    def close(self) -> None:
        """Its session is not wanted any more."""
        self.failures = 0
        self.due = math.inf

    def up(self, now: float) -> None:
        self.due = math.inf
        self.state, self.since = "ready", now

    def answered(self) -> None:
        """It gave an answer: the next loss is the first one again."""
        self.failures = 0

    def lost(self, now: float, fatal: bool, retry_after_s: float) -> Ms | None:
        """How long to wait before the next try, or None where somebody must mend something first."""
        self.due = math.inf
        if self.ready and now - self.since >= STABLE_S:
            self.failures = 0
        if fatal:
            self.state, self.since = "refused", now
            return None
        after = Ms(0) if self.failures == 0 and self.ready else Ms(FIRST_BACKOFF * 2 ** min(self.failures, 10))
        self.failures += 1
        self.state, self.since = "connecting", now
        return Ms(max(min(after, MAX_BACKOFF), int(min(retry_after_s, LONGEST_RETRY_AFTER_S) * 1000)))

    def may_try_again(self, now: float) -> bool:
        return self.state == "refused" and now - self.since >= REFUSED_RETRY_S

    def rollover_at(self, idle_since: float, age_min: int) -> float:
        """When the session should be replaced, if nobody takes the floor before."""
        if not self.ready or self.brain != "realtime":
            return math.inf
        old = self.since + age_min * 60
        return min(max(old, idle_since + ROLLOVER_QUIET_S), old + ROLLOVER_LATEST_S)
