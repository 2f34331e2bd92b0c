"""From what happens to the one thing that a light can show; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Final, Literal, get_args

from voiced.conversation.commands import (
    AttentionChanged,
    BrainChanged,
    BrainSelected,
    DeviceChanged,
    Fact,
    Floor,
    FloorChanged,
    Muted,
    TalkKeyHeld,
    TurnFailed,
)
from voiced.conversation.events import BrainName

State = Literal["off", "idle", "attentive", "listening", "thinking", "speaking", "muted", "error", "offline"]
"""`off`: voiced does not run. `attentive`: whoever speaks now is heard, with no wake word and no key. `offline`: the
cloud that one asked for is away. `error`: for a moment, that a question could not be answered; or a device is lost."""

STATES: Final[tuple[State, ...]] = get_args(State)

FLASH_S: Final = 1.5
"""Of an error that is over: long enough to be seen by who looks up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known. `open`: the settings have it listen always. `alone`: they have no brain in the cloud."""

    open: bool = True
    alone: bool = False
    floor: Floor = "idle"
    attentive: bool = True
    held: bool = False
    muted: bool = False
    brain: BrainName | None = None
    away: frozenset[BrainName] = frozenset()
    broken: frozenset[str] = frozenset()
    failed_at: float = -inf


def after(seen: Seen, fact: Fact, now: float) -> Seen:
    """What is known once this happened, at `now` seconds on any one clock."""
    match fact:
        case FloorChanged(floor):
            return replace(seen, floor=floor)
        case AttentionChanged(attentive):
            return replace(seen, attentive=attentive)
        case TalkKeyHeld(held):
            return replace(seen, held=held)
        case Muted(muted):
            return replace(seen, muted=muted)
        case BrainSelected(brain):
            return replace(seen, brain=brain)
        case BrainChanged(state="ready", brain=brain):
            return replace(seen, away=seen.away - {brain})
        case BrainChanged(state="lost" | "refused", brain=brain):
            return replace(seen, away=seen.away | {brain})
        case DeviceChanged(kind, ok):
            return replace(seen, broken=seen.broken - {kind} if ok else seen.broken | {kind})
        case TurnFailed():
            return replace(seen, failed_at=now)
        case _:
            return seen


def state_of(seen: Seen, now: float) -> State:
    """What to show at `now`; what is said comes before what is wrong, since that is seen afterwards too."""
    if flash_left_s(seen, now) > 0:
        return "error"
    match seen.floor:
        case "thinking":
            return "thinking"
        case "speaking" | "overlap":
            return "speaking"
        case "listening" | "idle":
            return _quiet(seen)


def flash_left_s(seen: Seen, now: float) -> float:
    """How long an error is still to be shown that is over; not above 0: none is."""
    return seen.failed_at + FLASH_S - now


def _quiet(seen: Seen) -> State:
    """The assistant neither thinks nor speaks."""
    if seen.muted:
        return "muted"
    if seen.held or seen.floor == "listening":
        return "listening"
    if seen.broken:
        return "error"
    if seen.attentive and not seen.open:
        return "attentive"
    if seen.brain in seen.away or (seen.brain == "offline" and not seen.alone):
        return "offline"
    return "attentive" if seen.attentive else "idle"
