"""How long an answer takes where the brain fails on the way, beside the same turn with no failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from tests.benchmarks.columns import at, columns, times
from tests.benchmarks.failover_trial import FIRST_SOUND_S, PACE, POINTS, SILENT_AFTER_S, Next, Outcome, Point
from tests.benchmarks.process import measured

HEALTHY: Final[Point] = "no failure"
ALONE: Final[Point] = "no failure, the next one alone"
COLD: Final[Point] = "lost at the commit"
"""Where the cost of a library that was not loaded is shown."""

DEFINITIONS: Final = f"""
A whole daemon in real time, on a card in memory. Realtime (loopback) takes {1000 * FIRST_SOUND_S:.0f} ms to its first
sound; the cascade's servers take {1000 * PACE.transcription_s:.0f} ms, {1000 * PACE.chat_s:.0f} ms to the first word,
{1000 * PACE.piece_s:.0f} ms from piece to piece, and {1000 * PACE.speech_s:.0f} ms; offline is what it is on this
machine. The end of the turn is 300 ms of silence. Each question has a daemon of its own.

after the failure         the failure, or the end of the user's recording where that is later .. the first sound of the
                          answer leaves the loudspeaker; earcons are none
after the question        the end of the user's recording .. that
x no failure              how many times the same turn of Realtime with no failure takes after the question
x next alone              how many times the same turn takes where the next brain is the only one
silent while it thinks    the deadline (brain.silent_after_s, here {SILENT_AFTER_S:g} s) and the rest
responses fail            Realtime is asked a second time after 500 ms, then it is left
lost in mid-answer        what is buffered plays on before the next brain answers: so long it takes, and the rest
library not loaded        the first turn of the cascade since the start of the daemon, which loads its library first"""


@dataclass(frozen=True, slots=True)
class Amount:
    """`rounds` of all `points`; `at_once`: the two brains beside each other."""

    rounds: int
    points: Sequence[Point] = POINTS
    at_once: bool = False


FULL: Final = Amount(rounds=3)
QUICK: Final = Amount(rounds=1, points=(HEALTHY, ALONE, COLD, "lost in mid-answer"), at_once=True)


@dataclass(slots=True)
class Found:
    """All that was measured; `cold`: with the cascade's library not loaded before."""

    outcomes: list[Outcome] = field(default_factory=list)
    cold: list[Outcome] = field(default_factory=list)

    def of(self, point: Point, successor: Next | None = None) -> list[Outcome]:
        return [each for each in self.outcomes if each.point == point and successor in (None, each.next)]


async def measure(amount: Amount) -> Found:
    """Raises TrialFailed."""
    found = Found()
    brains = get_args(Next)
    for _ in range(amount.rounds):
        if amount.at_once:
            outcomes = await asyncio.gather(*(trial(successor, amount.points) for successor in brains))
        else:
            outcomes = [await trial(successor, amount.points) for successor in brains]
        found.outcomes += [outcome for each in outcomes for outcome in each]
        found.cold += await trial("cascade", [COLD], loaded=False)
    return found


async def trial(successor: Next, points: Sequence[Point], *, loaded: bool = True) -> list[Outcome]:
    """Questions in a process of their own. Raises TrialFailed."""
    options = [f"--next={successor}", *([] if loaded else ["--not-loaded"]), "--points", *points]
    outcomes: list[Outcome] = await measured(f"failover to {successor}", "failover_trial", *options)
    return outcomes


def text(found: Found) -> str:
    """The table."""
    head = ["first audio where the brain fails (ms)", "n", "after the failure p50", "worst", "after the question p50"]
    rows = [[*head, "x no failure", "x next alone", ""]]
    healthy = [each.since_end_ms for each in found.of(HEALTHY)]
    rows.append(["Realtime, no failure", str(len(healthy)), "", "", at(healthy, 50), "", "", ""])
    for successor in get_args(Next):
        alone = [each.since_end_ms for each in found.of(ALONE, successor)]
        rows.append([f"{successor} alone", str(len(alone)), "", "", at(alone, 50), times(alone, healthy), "", ""])
        failures = [point for point in POINTS if point not in (HEALTHY, ALONE) and found.of(point)]
        rows += [_row(f"  {point}", found.of(point, successor), healthy, alone) for point in failures]
        if successor == "cascade":
            rows.append(_row(f"  {COLD}, library not loaded", found.cold, healthy, alone))
    return columns(rows)


def _row(name: str, outcomes: Sequence[Outcome], healthy: Sequence[float], alone: Sequence[float]) -> list[str]:
    after = [each.since_failure_ms for each in outcomes]
    whole = [each.since_end_ms for each in outcomes]
    return [
        name,
        str(len(outcomes)),
        at(after, 50),
        at(after, 100),
        at(whole, 50),
        times(whole, healthy),
        times(whole, alone),
        _parts(outcomes, after),
    ]


def _parts(outcomes: Sequence[Outcome], after: Sequence[float]) -> str:
    """Where a wait that is meant makes up the most of it."""
    tails = [1000 * each.tail_s for each in outcomes]
    if any(tails):
        rest = [whole - tail for whole, tail in zip(after, tails, strict=True)]
        return f"= {at(tails, 50)} buffered + {at(rest, 50)}"
    if outcomes and outcomes[0].point == "silent while it thinks":
        return f"= {1000 * SILENT_AFTER_S:.0f} deadline + {at([ms - 1000 * SILENT_AFTER_S for ms in after], 50)}"
    return ""
