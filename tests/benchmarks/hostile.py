"""How long answers take beside a hostile plugin, and beside one that does nothing."""

from __future__ import annotations

import asyncio
import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks.columns import at, columns, times
from tests.benchmarks.hostile_trial import DEEDS, Deed
from tests.benchmarks.trial import CHECKOUT, TrialFailed
from voiced.testing.loopback import LoopbackServer, Pace, Say, Script

LONGEST_S: Final = 600.0

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
    with tempfile.TemporaryDirectory(prefix="voiced-benchmark-") as folder:
        recorded, errors = Path(folder, "record"), Path(folder, "errors")
        async with LoopbackServer(script, pace=PACE) as server:
            with errors.open("wb") as stderr:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "tests.benchmarks.hostile_trial", str(recorded), f"--deed={deed}"),
                    *(f"--url={server.base_url}", f"--questions={questions}"),
                    cwd=CHECKOUT,
                    stdin=asyncio.subprocess.PIPE,
                    stderr=stderr,
                )
                assert process.stdin is not None
                try:
                    await server.wait_for("session.updated", 20.0)
                    process.stdin.write(b"begin\n")
                    async with asyncio.timeout(LONGEST_S):
                        code = await process.wait()
                except TimeoutError as error:
                    raise TrialFailed(f"a plugin that {deed}: {error}") from error
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
        if code:
            lines = errors.read_text(errors="replace").splitlines()[-20:]
            raise TrialFailed("\n".join((f"a plugin that {deed} ended voiced with {code}", *lines)))
        latencies: list[float] = pickle.loads(recorded.read_bytes())
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
