"""How far the daemon is: the facts of a run, kept so that the story can wait for what should come of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.conversation.commands import (
    BrainChanged,
    BrainSelected,
    Fact,
    FalseInterruption,
    Floor,
    FloorChanged,
    NotSpeech,
    ReplyHeard,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
)
from voiced.conversation.events import BrainName

PATIENCE_S: Final = 60.0
"""For one thing to happen. Ten times what a small machine needs: nothing is decided by it but that all is lost."""


class WentOtherwise(Exception):
    """The story did not come as it should have; why."""


@dataclass(slots=True)
class Turn:
    """What became of one utterance."""

    number: int
    heard: str = ""
    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Names and arguments, without those that nobody said."""
    reply: ReplyHeard | None = None
    by: BrainName = "offline"


class Progress:
    """`ports.StatusSink` that remembers."""

    def __init__(self) -> None:
        self.floor: Floor = "idle"
        self.brain: BrainName = "offline"
        self.turns: list[Turn] = []
        self.announced: list[str] = []
        """What it said by itself."""
        self.coughs = 0
        """Interruptions that were none."""
        self._ready: set[BrainName] = set()
        self._failed = ""
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """The brain that is in use can answer."""
        return self.brain in self._ready

    def report(self, fact: Fact) -> None:
        match fact:
            case FloorChanged(floor):
                self.floor = floor
            case BrainSelected(brain):
                self.brain = brain
            case BrainChanged(state, _, brain):
                (self._ready.add if state == "ready" else self._ready.discard)(brain)
            case UtteranceEnded(number):
                self.turns.append(Turn(number))
            case UserHeard(number, text):
                self._turn(number).heard = text
            case ToolStarted(_, name, arguments):
                given = {key: value for key, value in json.loads(arguments).items() if value is not None}
                self.turns[-1].tools.append((name, given))
            case ReplyHeard(number, text, first_audio=None) if all(number != turn.number for turn in self.turns):
                self.announced.append(text)
            case ReplyHeard(number):
                turn = self._turn(number)
                turn.reply, turn.by = fact, self.brain
            case FalseInterruption():
                self.coughs += 1
            case TurnFailed(_, reason):
                self._failed = f"an answer failed: {reason}"
            case NotSpeech():
                self._failed = "an utterance was taken for noise"
            case _:
                return
        self._changed.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it has. Raises WentOtherwise."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not happened():
                    if self._failed:
                        raise WentOtherwise(self._failed)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise WentOtherwise(f"nothing came for {PATIENCE_S:.0f} s") from None

    def _turn(self, number: int) -> Turn:
        return next(turn for turn in self.turns if turn.number == number)
