"""One conversation with one subject, seen from the server's side and from the card's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from tests.benchmarks.client import Record
from tests.benchmarks.process import measured
from tests.benchmarks.rules import TOOLS
from voiced.testing.loopback import CallTool, Entry, LoopbackServer, Pace, Reply, Say, Script, Turn, Violation, sweep

Subject = Literal["voiced", "floor", "card"]

REPLY_S: Final = 6.0
"""Longer than anybody lets the assistant talk here; audio in which every stretch tells its place."""

PACE: Final = Pace(first_delta_delay_s=0.02, speed=2.0, late_deltas=14)
"""A reply is still being made when it is interrupted, and 14 deltas come after its cancellation."""

CALLS: Final = 4
"""Of tools, before each answer."""

AT_ONCE: Final = Pace(speed=math.inf)
"""For simulated time, which is too fast for any other pace."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`utterances`: the audio of each commit. `replies`: how many spoken ones there were."""

    subject: Subject
    received: Sequence[Entry]
    sent: Sequence[Entry]
    utterances: Sequence[bytes]
    replies: int
    violations: Sequence[Violation]
    record: Record


@dataclass(slots=True)
class _Part:
    """What the server says: in each turn some tool calls one after the other, then a long answer."""

    utterances: list[bytes] = field(default_factory=list)
    replies: int = 0
    _responses: int = 0
    _tools: itertools.cycle[str] = field(default_factory=lambda: itertools.cycle(TOOLS))
    _answer: Say = field(default_factory=lambda: Say("It rains.", pcm=sweep(int(REPLY_S * 24_000))))

    def reply(self, _turn: Turn) -> Reply:
        self._responses += 1
        if self._responses % (CALLS + 1):
            return CallTool(next(self._tools), '{"text": "hello"}')
        self.replies += 1
        return self._answer


async def conversation(subject: Subject, *, idle_s: float, interruptions: int) -> Trial:
    """In real time. Raises TrialFailed."""
    return await _trial(subject, PACE, f"--idle={idle_s}", f"--interruptions={interruptions}")


async def simulation(subject: Subject, seconds: int) -> Trial:
    """So many seconds of sound, faster than real time. Raises TrialFailed."""
    return await _trial(subject, AT_ONCE, f"--simulate={seconds}")


async def _trial(subject: Subject, pace: Pace, *options: str) -> Trial:
    part = _Part()

    def understand(pcm: bytes) -> str:
        part.utterances.append(pcm)
        return "Why does it rain?"

    async with LoopbackServer(Script(part.reply, understand), pace=pace) as server:
        ready = partial(server.wait_for, "session.updated", 20.0) if subject != "card" else None
        record = await measured(subject, "client", subject, f"--url={server.base_url}", *options, ready=ready)
        assert isinstance(record, Record)
        return Trial(
            subject,
            server.received,
            server.sent,
            part.utterances if pace is PACE else (),
            part.replies,
            server.violations,
            record,
        )
