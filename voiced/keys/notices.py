"""What a desktop is told of the conversation: states and troubles, and never a word of what people said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from voiced.conversation.commands import BrainSelected, DeviceChanged, Fact, Muted, TurnFailed

Kind = Literal["microphone", "loudspeaker", "mute", "answer", "brain"]
"""A notice takes the place of the last one of its kind."""

_LONGEST: Final = 300
"""Characters of a device's reason."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`icon`: a name of the freedesktop icon naming specification, or one that all themes have."""

    kind: Kind
    title: str
    body: str
    icon: str = "audio-input-microphone"


class Notices:
    """Remembers what was told, so that what is as it was is not told again."""

    def __init__(self) -> None:
        self._muted = False
        self._lost: set[str] = set()
        self._offline: bool | None = None

    def of(self, fact: Fact) -> Notice | None:
        """What the desktop is told of this, if anything."""
        match fact:
            case Muted(muted=muted) if muted != self._muted:
                self._muted = muted
                if muted:
                    return Notice("mute", "voiced is muted", "The microphone is closed.", _MUTED)
                return Notice("mute", "voiced listens again", "The microphone is open.")
            case DeviceChanged(kind=kind, ok=False, detail=detail):
                self._lost.add(kind)
                return Notice(kind, f"voiced has no {kind}", _shown(detail), "dialog-warning")
            case DeviceChanged(kind=kind, ok=True, detail=detail) if kind in self._lost:
                self._lost.remove(kind)
                return Notice(kind, f"voiced has a {kind} again", _shown(detail))
            case TurnFailed():
                return Notice(
                    "answer", "voiced has no answer", "Something failed; `voiced status` says what.", "dialog-warning"
                )
            case BrainSelected(brain=brain):
                before, self._offline = self._offline, brain == "offline"
                if before is None or before == self._offline:
                    return None
                if self._offline:
                    return Notice("brain", "voiced is offline", "It does what it can do by itself.", "network-offline")
                return Notice("brain", "voiced is online again", "", "network-idle")
        return None


_MUTED: Final = "microphone-sensitivity-muted"


def _shown(detail: str) -> str:
    """Some desktops take a body for markup, some do not."""
    return detail[:_LONGEST].translate({ord(letter): None for letter in "<>&"})
