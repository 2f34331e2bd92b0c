"""What is asked of the spotter, which listens for commands that need no brain."""

from __future__ import annotations

from typing import Final

from voiced.audio import Ms
from voiced.conversation.brains import Brains
from voiced.conversation.commands import SpotSound, SpotTools, SpotVerdict
from voiced.conversation.events import ToolSpec
from voiced.conversation.outbox import Outbox
from voiced.conversation.utterance import Utterance

LONGEST_COMMAND: Final = Ms(4000)
"""Utterances that are longer, pre-roll included, are none for the spotter."""


class Spotting:
    """An utterance *for the brain* is judged before its turn is answered; one over a reply took no floor."""

    def __init__(self, brains: Brains, out: Outbox) -> None:
        self._brains = brains
        self._out = out
        self._over_a_reply = 0
        """The utterance that was no barge-in, about which the spotter was asked."""

    def offer(self, tools: tuple[ToolSpec, ...]) -> None:
        """These are the tools."""
        if self._brains.settings.local_commands:
            self._out.order(SpotTools(tools))

    def hear(self, utterance: Utterance, *, for_the_brain: bool) -> None:
        """Let the spotter hear what is new of it."""
        if not self._brains.settings.local_commands or utterance.length > LONGEST_COMMAND:
            return
        if not (for_the_brain and self._the_brain_knows_them()):
            self._out.order(SpotSound(utterance.number, utterance.untaken()))

    def judge(self, utterance: Utterance) -> bool:
        """The utterance is over, and for the brain. True where a verdict will come."""
        return not self._the_brain_knows_them() and self._ask(utterance, over_reply=False)

    def judge_over_a_reply(self, utterance: Utterance) -> None:
        """It was no barge-in: "stop!" is too short to take the floor."""
        if self._ask(utterance, over_reply=True):
            self._over_a_reply = utterance.number

    def was_over_a_reply(self, utterance: int) -> bool:
        """Whether the verdict is about the utterance that took no floor last; true once."""
        if utterance != self._over_a_reply:
            return False
        self._over_a_reply = 0
        return True

    def _ask(self, utterance: Utterance, *, over_reply: bool) -> bool:
        if not utterance.taken or utterance.length > LONGEST_COMMAND:
            return False
        self._out.order(SpotVerdict(utterance.number, over_reply))
        return True

    def _the_brain_knows_them(self) -> bool:
        """The sentences of local tools are its own."""
        return self._brains.link.brain == "offline"
