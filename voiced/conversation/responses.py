"""The arbiter: at most one active response, whoever wants one.

    free ──ask──> asked ──started──> active ──done──> free
                    └──cancel──> cancelling ──done──> free

A cancelled response is *dropped*: its late deltas mean nothing, but until the server says that it is done no other
may be asked for, or the server answers `conversation_already_has_active_response`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiced.conversation.events import ItemId, ReplyId

Phase = Literal["free", "asked", "active", "cancelling"]


@dataclass(slots=True)
class Responses:
    """Of one session."""

    phase: Phase = "free"
    reply: ReplyId | None = None
    """The response on the server, once its start was confirmed."""
    settled: set[ItemId] = field(default_factory=set)
    """Items of the response that were truncated, deleted or heard to the end: nothing more is said about them."""

    @property
    def free(self) -> bool:
        return self.phase == "free"

    def ask(self) -> None:
        assert self.phase == "free", "a second response while one is active"
        self.phase = "asked"

    def started(self, reply: ReplyId) -> Literal["expected", "dropped", "foreign"]:
        """The server began a response: ours, one that we cancelled meanwhile, or one that nobody asked for."""
        if self.phase == "asked":
            self.phase, self.reply = "active", reply
            return "expected"
        if self.phase == "cancelling" and self.reply is None:
            self.reply = reply
            return "dropped"
        if self.phase == "free":
            self.phase, self.reply = "active", reply
        return "foreign"

    def cancel(self) -> bool:
        """Drop the response. True where the server must be told."""
        if self.phase in ("asked", "active"):
            self.phase = "cancelling"
            return True
        return False

    def is_live(self, reply: ReplyId) -> bool:
        """Whether events of `reply` still count; those of any other response are stragglers."""
        return self.phase == "active" and self.reply == reply

    def is_dropped(self, reply: ReplyId) -> bool:
        return self.phase == "cancelling" and self.reply == reply

    def refused(self) -> bool:
        """The server would not begin it. True where somebody still waits for it."""
        missed = self.phase == "asked"
        if missed or (self.phase == "cancelling" and self.reply is None):
            self._free()
        return missed

    def nothing_to_cancel(self) -> None:
        """The server has no response to cancel; were its end on the way, it would have come before."""
        if self.phase == "cancelling":
            self._free()

    def blocked(self) -> None:
        """The server says that a response which we do not know of is active: wait for its end."""
        if self.phase == "asked":
            self.phase, self.reply = "cancelling", None

    def done(self, reply: ReplyId) -> bool:
        """The response is over. True if it was the one at hand."""
        if self.phase == "free" or self.reply not in (reply, None):
            return False
        self._free()
        return True

    def _free(self) -> None:
        self.phase, self.reply = "free", None
        self.settled.clear()
