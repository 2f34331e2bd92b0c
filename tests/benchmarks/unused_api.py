"""What the API costs a daemon whose plugins do not use it: start-up and memory, beside a daemon that has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks import startup
from tests.benchmarks.columns import at, columns, times

RUN: Final = """
import runpy, sys
sys.argv = ["voiced", "run"]
runpy.run_module("voiced", run_name="__main__", alter_sys=True)
"""

WITHOUT: Final = """
import sys, types

class HostAi:
    available = False

    def __init__(self, *_, **__): pass

    async def aclose(self): pass

sys.modules["voiced.plugins.ai"] = types.ModuleType("voiced.plugins.ai")
sys.modules["voiced.plugins.ai"].HostAi = HostAi
"""
"""In place of the module that makes the API for plugins: neither it nor what it imports is loaded."""

FULL: Final = 20
QUICK: Final = 2
"""Starts of each."""

SETTLE_S: Final = 1.0
"""From the first message to the look at the memory: what threads of the start still load is in it."""

MOST_TIMES: Final = 1.02
"""More than the noise of a machine that does nothing else; less than the import of the library, which is 58 MB."""

DEFINITIONS: Final = f"""
start-up   `voiced run` is started .. the server has read session.update
memory     resident, {SETTLE_S:g} s after that
without    the same, but for the module that makes the API for plugins: an empty one is in its place
Both begin a process anew each time, and take turns."""


@dataclass(slots=True)
class Found:
    """All that was measured."""

    without: list[startup.Start] = field(default_factory=list)
    unused: list[startup.Start] = field(default_factory=list)


async def measure(starts: int) -> Found:
    """Start both so often. Raises TrialFailed."""
    found = Found()
    await startup.voiced(("-c", RUN))  # from here on the files are in the page cache
    for _ in range(starts):
        found.without.append(await startup.voiced(("-c", WITHOUT + RUN), settle_s=SETTLE_S))
        found.unused.append(await startup.voiced(("-c", RUN), settle_s=SETTLE_S))
    return found


def text(found: Found) -> str:
    """As a table, with what it should be."""
    figures = {
        "start-up (ms)": ([start.ms for start in found.without], [start.ms for start in found.unused], 0),
        "memory (MB)": ([start.rss_mb for start in found.without], [start.rss_mb for start in found.unused], 1),
    }
    rows = [["", "n", "without p50", "with p50", "ratio", "target"]]
    for name, (without, unused, digits) in figures.items():
        few, many = at(without, 50, digits), at(unused, 50, digits)
        rows.append([name, str(len(unused)), few, many, times(unused, without), f"<= {MOST_TIMES:g}x"])
    return columns(rows)
