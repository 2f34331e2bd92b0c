"""How long answers take beside a hostile plugin, and beside one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tests.benchmarks.columns import at, columns, times
from tests.benchmarks.hostile_trial import DEEDS, Deed
from tests.benchmarks.process import measured
from voiced.testing.loopback import LoopbackServer, Pace, Say, Script

PACE: Final = Pace(first_delta_delay_s=0.1, speed=4.0)

DEFINITIONS: Final = f"""
A whole daemon in real time in a process of its own, on a card in memory, with one plugin that does its deed all the
time, from its setup on. The server, in another process, takes {1000 * PACE.first_delta_delay_s:.0f} ms to its first
sound; the end of the turn is 300 ms of silence. Each round has a process for each deed, the quiet one first and last.

end of speech -> sound    the end of the user's recording .. the output callback has returned the first block with sound
x without                 how many times the same beside a plugin that does nothing
allocates 100 MB          in a thread, and counts its bytes: one call that keeps the interpreter for itself meanwhile
computes in a thread      Python runs one thread at a time: the loop waits up to 5 ms for each turn that it gets
blocks the loop           nothing can interrupt it: the answer waits for its end, if it falls into it; the log names it
computes while imported   for 30 s, of which the daemon waits for one"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Questions of each deed in each round."""

    rounds: int
    questions: int
    deeds: Sequence[Deed] = DEEDS


FULL: Final = Amount(rounds=3, questions=10)
QUICK: Final = Amount(rounds=1, questions=3, deeds=("nothing", "prints", "leaks tasks", "floods"))


@dataclass(slots=True)
class Found:
    """Milliseconds, by deed."""

    latencies: dict[Deed, list[float]] = field(default_factory=dict)


async def measure(amount: Amount) -> Found:
    """Raises TrialFailed."""
    found = Found()
    for _ in range(amount.rounds):
        for deed in (*amount.deeds, "nothing"):
            found.latencies.setdefault(deed, []).extend(await trial(deed, amount.questions))
    return found


async def trial(deed: Deed, questions: int) -> list[float]:
    """In a process of its own. Raises TrialFailed."""
    script = Script(lambda _: Say("It rains."), lambda _: "Why does it rain?")
    async with LoopbackServer(script, pace=PACE) as server:
        options = (f"--deed={deed}", f"--url={server.base_url}", f"--questions={questions}")
        ready = partial(server.wait_for, "session.updated", 20.0)
        latencies: list[float] = await measured(f"a plugin that {deed}", "hostile_trial", *options, ready=ready)
        return latencies


def text(found: Found) -> str:
    """The table."""
    without = found.latencies.get("nothing", [])
    rows = [["end of speech -> sound (ms), beside a plugin that", "n", "p50", "p90", "worst", "x without", "worst x"]]
    for deed, latencies in found.latencies.items():
        rows.append(
            [
                f"  {deed}",
                str(len(latencies)),
                *(at(latencies, percent) for percent in (50, 90, 100)),
                times(latencies, without),
                times(latencies, without, 100),
            ]
        )
    return columns(rows)
