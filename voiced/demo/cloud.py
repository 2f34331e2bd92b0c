"""The stand-in for the cloud: a Realtime server on loopback, whose answers are written down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from voiced.demo.progress import PATIENCE_S
from voiced.testing.loopback import CallTool, Drop, LoopbackServer, Pace, Reply, Say, Script, Silence, Turn

PACE: Final = Pace(first_delta_delay_s=0.15, speed=5.0, late_transcription=True)
"""About what a real server takes to its first sound. What was said it tells after its answer, as those do."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the server makes of one question: it calls a tool, then speaks; with nothing to say it thinks for ever."""

    understood: str
    tool: CallTool | None = None
    answer: Say | None = None


class Cloud:
    """Plays the part that the story chooses, for it has no ears."""

    def __init__(self) -> None:
        self.server = LoopbackServer(Script(self._reply, lambda _pcm: self._part.understood), pace=PACE)
        self._part = Part("")
        self._thinks = asyncio.Event()

    def play(self, part: Part) -> None:
        """This is what it makes of the next question."""
        self._part = part
        self._thinks.clear()

    async def drop_in_thought(self) -> None:
        """Break the connection as soon as the server owes an answer that it will never give."""
        await self._thinks.wait()
        await self.server.inject(Drop())

    async def hears_of(self, text: str) -> int:
        """Wait until the newest session was told of `text`, which came last; how many pieces it then knows.

        Raises TimeoutError.
        """
        told = "conversation.item.create"
        while not any(text in item.text for item in self.server.conversation.items):
            so_far = sum(entry.event["type"] == told for entry in self.server.received)
            await self.server.wait_for(told, PATIENCE_S, count=so_far + 1)
        return len(self.server.conversation.items)

    def _reply(self, turn: Turn) -> Reply:
        if self._part.tool is not None and not turn.tool_outputs:
            return self._part.tool
        if self._part.answer is not None:
            return self._part.answer
        self._thinks.set()
        return Silence()
