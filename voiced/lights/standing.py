"""How things stand, for lights that come with a reload: imported always, unlike all else here that works."""

from __future__ import annotations

from voiced.conversation.commands import (
    AttentionChanged,
    BrainChanged,
    BrainSelected,
    DeviceChanged,
    Fact,
    FloorChanged,
    Muted,
    TalkKeyHeld,
)
from voiced.ports import StatusSink


class Standing:
    """`ports.StatusSink` in front of the lights, which are told of all from when they are there."""

    def __init__(self) -> None:
        self.lights: StatusSink | None = None
        self._latest: dict[tuple[type[Fact], str], Fact] = {}

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The newest of each kind, of each brain and device, in their order."""
        return tuple(self._latest.values())

    def report(self, fact: Fact) -> None:
        if self.lights is not None:
            self.lights.report(fact)
        match fact:
            case FloorChanged() | AttentionChanged() | TalkKeyHeld() | Muted() | BrainSelected():
                of = ""
            case BrainChanged(brain=of) | DeviceChanged(kind=of):
                pass
            case _:
                return
        self._latest.pop((type(fact), of), None)
        self._latest[type(fact), of] = fact
