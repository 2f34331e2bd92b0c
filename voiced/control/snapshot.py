"""What `voiced status` tells: the facts of a run boiled down to numbers and names, with nothing that anybody said."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any, Final, assert_never

from voiced.conversation.commands import (
    AttentionChanged,
    BargedIn,
    BrainChanged,
    BrainSelected,
    CardGone,
    CardShown,
    DeviceChanged,
    Fact,
    FalseInterruption,
    Floor,
    FloorChanged,
    Muted,
    NotSpeech,
    QuestionAsked,
    ReplyHeard,
    RequestEnded,
    SoundBegun,
    Spent,
    TalkKeyHeld,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UserTyped,
    UtteranceEnded,
    VolumeChanged,
    Warned,
    Woken,
)
from voiced.conversation.events import BrainName, Usage
from voiced.redaction import redacted

_FAILURES_KEPT: Final = 5


class Snapshot:
    """Takes facts, gives the status. `now` is seconds on any one clock.

    `come_and_go`: the microphone and the loudspeaker are a page's, and it is no failure that none is open.
    """

    def __init__(self, started_at: float, *, come_and_go: bool = False) -> None:
        self._started_at = started_at
        self._come_and_go = come_and_go
        self._floor: Floor = "idle"
        self._brain: BrainName = "realtime"
        self._brains: dict[BrainName, dict[str, str]] = {}
        self._devices: dict[str, dict[str, Any]] = {}
        self._muted = False
        self._attentive = True  # as the conversation begins: it tells of changes
        self._key_held = False
        self._volume: int | None = None
        self._counts = dict.fromkeys(
            ("turns", "replies", "barge_ins", "false_interruptions", "tools", "failed_tools", "failed_turns"), 0
        )
        self._first_audio_ms: int | None = None
        self._tokens = Usage()
        self._failures: deque[tuple[float, str]] = deque(maxlen=_FAILURES_KEPT)

    def add(self, fact: Fact, now: float) -> None:
        """One more fact."""
        match fact:
            case FloorChanged():
                self._floor = fact.floor
            case BrainChanged():
                known = self._brains.get(fact.brain, {"state": "", "reason": ""})
                # While it is tried again, why it was lost is still what one wants to know.
                reason = known["reason"] if fact.state == "connecting" else redacted(fact.reason)
                self._brains[fact.brain] = {"state": fact.state, "reason": reason}
                if fact.state in ("lost", "refused"):
                    self._failed(now, f"{fact.brain} {fact.state}: {fact.reason}")
            case BrainSelected(brain=brain):
                self._brain = brain
            case DeviceChanged():
                self._devices[fact.kind] = {"ok": fact.ok, "detail": fact.detail}
                if not fact.ok and not self._come_and_go:
                    self._failed(now, f"{fact.kind}: {fact.detail}")
            case Muted():
                self._muted = fact.muted
            case AttentionChanged():
                self._attentive = fact.attentive
            case TalkKeyHeld():
                self._key_held = fact.held
            case VolumeChanged():
                self._volume = fact.percent
            case UtteranceEnded():
                self._counts["turns"] += not fact.answers
            case ReplyHeard():
                self._counts["replies"] += 1
                if fact.first_audio is not None:
                    self._first_audio_ms = fact.first_audio
            case BargedIn():
                self._counts["barge_ins"] += 1
            case FalseInterruption():
                self._counts["false_interruptions"] += 1
            case ToolEnded():
                self._counts["tools"] += 1
                self._counts["failed_tools"] += not fact.ok
            case TurnFailed():
                self._counts["failed_turns"] += 1
                self._failed(now, f"turn {fact.turn}: {fact.reason}")
            case Spent():
                self._tokens = _sum(self._tokens, fact.usage)
            case Warned():
                self._failed(now, f"{fact.code}: {fact.detail}")
            case Woken() | CardShown() | CardGone() | UserTyped():
                pass
            case UserHeard() | ToolStarted() | RequestEnded() | SoundBegun() | QuestionAsked() | NotSpeech():
                pass
            case _:
                assert_never(fact)

    def at(self, now: float) -> dict[str, Any]:
        """The status, ready for JSON."""
        return {
            "uptime_s": round(now - self._started_at, 1),
            "floor": self._floor,
            "muted": self._muted,
            "listening": {"attentive": self._attentive, "key_held": self._key_held},
            "volume": self._volume,
            "brain": {"name": self._brain, **self._brains.get(self._brain, {"state": "connecting", "reason": ""})},
            "brains": self._brains,
            "devices": self._devices,
            "counts": self._counts,
            "last_first_audio_ms": self._first_audio_ms,
            "tokens": dataclasses.asdict(self._tokens),
            "failures": [{"ago_s": round(now - when, 1), "what": what} for when, what in self._failures],
        }

    def _failed(self, now: float, what: str) -> None:
        self._failures.append((now, redacted(what)))


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        **{
            each.name: getattr(one, each.name) + getattr(other, each.name)
            for each in dataclasses.fields(Usage)
            if each.name != "model"
        }
    )
