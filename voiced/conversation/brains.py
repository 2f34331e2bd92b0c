"""The sessions with the brains: the one that answers, and a better one that is being tried beside it.

refused, lost, silent ──> the next one in the order answers; this one has a cooldown
cooldown over ──────────> it is tried as the *candidate*, while the other goes on answering
candidate ready ────────> it takes over in the next silence, with the whole conversation
"""

from __future__ import annotations

import math

from voiced.audio import Ms
from voiced.conversation.commands import (
    BrainChanged,
    BrainSelected,
    CloseSession,
    OpenSession,
    UpdateTools,
)
from voiced.conversation.events import BrainLost, BrainName, BrainReady, Cause, SessionId, ToolSpec
from voiced.conversation.failover import Failover
from voiced.conversation.link import Link
from voiced.conversation.notices import refused
from voiced.conversation.outbox import Outbox
from voiced.conversation.settings import BrainSettings
from voiced.conversation.transcript import Transcript

OUT_OF_MONEY = "the budget is spent"


class Brains:
    """Knows nothing of turns: who calls it sees to what the session that goes still owes."""

    def __init__(self, settings: BrainSettings, transcript: Transcript, out: Outbox) -> None:
        self._transcript = transcript
        self._out = out
        self._sessions = 0
        self._started = False
        self._tools: tuple[ToolSpec, ...] = ()
        self._told: dict[BrainName, Cause] = {}
        self._untold: dict[BrainName, Cause] = {}
        self._notices: list[str] = []
        self._set_up(settings)

    def _set_up(self, settings: BrainSettings) -> None:
        self.settings = settings
        self.failover = Failover(settings)
        self._links = {brain: Link(brain) for brain in settings.order}
        self.link = self._links[self.failover.first]
        """Of the brain that answers."""
        self.candidate: Link | None = None
        """Of a better one that connects, or is ready and waits for a silence."""

    def reconfigure(self, settings: BrainSettings, now: float) -> None:
        """Close everything, forget what was held against anybody, begin again where it had begun."""
        for link in (self.candidate, self.link):
            if link is not None:
                self._close(link)
        thrift = self.failover.thrift
        self._set_up(settings)
        self.failover.thrift = thrift
        self._told.clear()
        self._untold.clear()
        if self._started:
            self.start(now)

    def start(self, now: float) -> None:
        """With the best one that may be used; before this nothing is opened."""
        self._started = True
        self.use(self.failover.best(now) or self.failover.first, now)

    def use(self, brain: BrainName, now: float) -> None:
        """Let this brain answer from now on; it may be ready already."""
        self.link = self._links[brain]
        self._out.report(BrainSelected(brain))
        if self.link is self.candidate:
            self.candidate = None
            self._transcript.new_session()
            self.offer(self._tools)
        else:
            self.open(self.link, now)

    def open(self, link: Link, now: float, after: Ms = Ms(0)) -> None:
        """A new session of this brain, if there is money for it; its old one is over."""
        self._transcript.session_over(link.session)
        if not self.failover.allows(link.brain):
            self._out_of_money(link)
            return
        self._sessions += 1
        link.open(SessionId(self._sessions), now, after)
        if link is self.link:
            self._transcript.new_session()
        link.offered, link.thrift = self._tools, self.failover.thrift
        history = self._transcript.unknown_to(link.session, answered=True)
        self._out.order(OpenSession(link.session, history, self._tools, after, link.brain, link.thrift))
        self._out.report(BrainChanged("connecting", brain=link.brain))

    def offer(self, tools: tuple[ToolSpec, ...]) -> None:
        """These are the tools; tell the session if it was told of others."""
        self._tools = tools
        if self.link.ready and tools != self.link.offered:
            self.link.offered = tools
            self._out.order(UpdateTools(self.link.session, tools))

    def ready(self, now: float) -> None:
        """The one that answers is there."""
        self.link.up(now)
        self._out.report(BrainChanged("ready", brain=self.link.brain))
        self.offer(self._tools)

    def lost(self, link: Link, event: BrainLost, now: float) -> Ms | None:
        """How long to wait before the next try, or None where somebody must mend something first."""
        after = link.lost(now, event.fatal, event.retry_after_s)
        link.thrift = self.failover.thrift  # Another thrift than this is a reason to ask again.
        self._transcript.session_over(event.session)
        self._out.report(BrainChanged("refused" if after is None else "lost", event.reason, link.brain))
        return after

    def failed(self, brain: BrainName, now: float, *, lost: BrainLost | None = None) -> None:
        """It is left alone for a while; why somebody must mend something is told once."""
        if lost is None:
            self.failover.failed(brain, now)
            return
        self.failover.failed(brain, now, fatal=lost.fatal, retry_after_s=lost.retry_after_s)
        if lost.fatal and lost.cause not in self._told.values():
            self._told[brain] = lost.cause
            self._untold[brain] = lost.cause

    def notice(self, text: str) -> None:
        """Something else that is to be said once; empty: nothing."""
        self._notices += [text] if text and text not in self._notices else []

    def take_notices(self) -> list[str]:
        """What is to be said after an answer, once."""
        told = [refused(cause, self.link.brain) for cause in self._untold.values()] + self._notices
        self._untold.clear()
        self._notices.clear()
        return told

    def answered(self) -> None:
        """The one in use gave an answer."""
        self.link.answered()
        self.failover.answered(self.link.brain)
        self._told.pop(self.link.brain, None)
        self._untold.pop(self.link.brain, None)

    def give_up(self, reason: str, now: float) -> None:
        """The one in use does not do its work."""
        self._out.report(BrainChanged("lost", reason, self.link.brain))
        self.failed(self.link.brain, now)
        self._close(self.link)

    def due(self) -> float:
        """When a session that connects must have said whether it is there."""
        return min(self.link.due, math.inf if self.candidate is None else self.candidate.due)

    def overdue(self, now: float) -> list[BrainLost]:
        """Sessions that never said so."""
        links = [self.link] if self.candidate is None else [self.link, self.candidate]
        return [BrainLost(link.session, "it did not say whether it is there") for link in links if now >= link.due]

    def is_candidate(self, session: SessionId) -> bool:
        return self.candidate is not None and self.candidate.session == session

    def of_the_candidate(self, event: BrainReady | BrainLost, now: float) -> None:
        """The better brain is there, or it is not."""
        assert self.candidate is not None
        if isinstance(event, BrainReady):
            self.candidate.up(now)
            self._out.report(BrainChanged("ready", brain=self.candidate.brain))
        else:
            link, self.candidate = self.candidate, None
            self.lost(link, event, now)
            self.failed(link.brain, now, lost=event)

    def improve(self, since: float, rollover_min: int, now: float) -> bool:
        """In a silence since `since`: move to a better brain that is ready, try one that may be, renew what is old.

        True where another session answers from now on.
        """
        link = self.link
        if not self._started:
            return False
        if self.candidate is not None and not self.failover.allows(self.candidate.brain):
            self._close(self.candidate)
            self.candidate = None
        if self.candidate is not None and self.candidate.ready:
            return self._move(self.candidate.brain, now)
        if link.state == "refused" or not self.failover.allows(link.brain):
            return self._find_any(now)
        better = self.failover.better(link.brain, now)
        if better is not None and self.candidate is None:
            self.candidate = self._links[better]
            self.open(self.candidate, now)
        elif (link.ready and link.thrift != self.failover.thrift) or now >= link.rollover_at(since, rollover_min):
            self.open(link, now)
            return True
        return False

    def _find_any(self, now: float) -> bool:
        link = self.link
        if another := self.failover.best(now, but={link.brain}):
            return self._move(another, now)
        if link.state != "refused":
            self._out_of_money(link)
            return True
        elif self.failover.allows(link.brain) and (
            link.thrift != self.failover.thrift or self.failover.best(now) == link.brain
        ):
            self.open(link, now)
        return False

    def _out_of_money(self, link: Link) -> None:
        self._close(link)
        link.state, link.thrift = "refused", self.failover.thrift
        self._out.report(BrainChanged("refused", OUT_OF_MONEY, link.brain))

    def _move(self, brain: BrainName, now: float) -> bool:
        self._close(self.link)
        self.use(brain, now)
        return True

    def _close(self, link: Link) -> None:
        if link.session and link.state != "refused":
            self._out.order(CloseSession(link.session))
        self._transcript.session_over(link.session)
        link.close()
