"""A turn on its way to its answer, and the five states of the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from voiced.conversation.asides import Asides
from voiced.conversation.commands import ToolUsed
from voiced.conversation.events import AnnouncementAsked, BrainName, CallId, ItemId, OnBargeIn, SessionId, TextAsked
from voiced.conversation.utterance import Utterance


@dataclass(slots=True, eq=False)
class Turn:
    """What was asked, and how far the answer is."""

    number: int
    alive_at: float
    """When the answer last came a step closer: it was asked for, a tool returned, something came or sounded."""
    ended_at: float | None = None
    """The end of the utterance, for the latency report; None where nobody spoke, or it is long ago (taken up again)."""
    request: str = ""
    announce: str | None = None
    errand: Errand | None = None
    """What it was begun for, where nobody spoke."""
    covers: list[Errand] = field(default_factory=list)
    """Results to be told that the brain knew when the response at hand was asked for."""
    wants: bool = False
    """A response is still to be asked for."""
    calls: set[CallId] = field(default_factory=set)
    """Tool calls that have not returned."""
    obeyed: bool = False
    """By the device, so that there is nothing to answer but what was asked before it."""
    called: bool = False
    """The response at hand called a tool, so it is not the answer yet."""
    spoke: bool = False
    """The response at hand has sounded, or has text for who reads: what is left out of it is not asked for again."""
    whole: bool = True
    """The last response that ended came to its end."""
    complete: bool = False
    """A response that ended was the answer; how much of it is heard is another matter."""
    done: dict[tuple[str, str], Done] = field(default_factory=dict, repr=False)
    """Calls that have returned, by tool and arguments; shared with the turns whose questions this one answers too."""
    spot: int | None = None
    """The utterance that the spotter still judges."""
    spot_until: float = 0.0
    rounds: int = 0
    losses: int = 0
    failed: set[BrainName] = field(default_factory=set)
    """Brains that were left in this turn."""
    attempts: int = 0
    """Responses asked for; 0 where the server began the one at hand by itself, which nobody will miss."""
    not_before: float = 0.0
    first_audio_at: float | None = None
    heard: list[str] = field(default_factory=list)
    said: dict[ItemId, str] = field(default_factory=dict)
    """All that came, where `heard` is what sounded: who typed reads it, whatever became of the loudspeaker."""
    heard_ms: int = 0
    received_ms: int = 0
    cut: bool = False
    """The floor was taken from it."""
    asides: Asides = field(default_factory=Asides)
    """What its tools say and ask while they run."""
    answer_heard: bool = False
    """Something of the answer was heard, or read: asides are none."""

    @property
    def wants_now(self) -> bool:
        """A response is to be asked for, and no question of a tool comes before it."""
        return self.wants and self.asides.question is None


@dataclass(slots=True)
class Call:
    """A tool call that has not returned. `turn`: None where it was asked for over a reply.

    `repeats`: the call that runs already, and whose result is that of this one too.
    """

    turn: Turn | None
    session: SessionId
    name: str
    arguments: str = field(repr=False)
    started_at: float
    repeats: CallId | None = None
    on_barge_in: OnBargeIn = "finish"
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A tool call that has returned, and the session that asked for it."""

    used: ToolUsed
    session: SessionId


@dataclass(frozen=True, slots=True)
class Errand:
    """Something typed or to be announced, which waits for a silence.

    `kept`: the result of a tool that the floor was taken from; any answer that comes before it tells of it.
    """

    asked: TextAsked | AnnouncementAsked
    at: float
    kept: bool = False


@dataclass(slots=True)
class Idle:
    """`looked_back`: it is known that no question waits for its answer."""

    since: float
    looked_back: bool = False


@dataclass(slots=True)
class Listening:
    """`answers`: the turn whose question this utterance answers. `held`: the key to talk says when it ends.

    `ends_at`: when its tail is over, after the key went up.
    """

    utterance: Utterance
    answers: Turn | None = None
    server_heard_end: bool = False
    held: bool = False
    ends_at: float = math.inf


@dataclass(slots=True)
class Replying:
    turn: Turn


@dataclass(slots=True)
class Overlap:
    turn: Turn
    utterance: Utterance


@dataclass(slots=True)
class Asking:
    turn: Turn


State = Idle | Listening | Replying | Overlap | Asking
