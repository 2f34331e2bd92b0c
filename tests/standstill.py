"""Whether the machine stood still for a moment: what takes real time can't be judged then."""

from __future__ import annotations

import subprocess
import sys
from typing import Final, Self

TOO_LONG_S: Final = 0.05
"""The blocks of the sound server, and voiced's own, bear less than this."""

WATCH: Final = """
import select, sys, time
longest, before = 0.0, time.monotonic()
while True:
    asked, _, _ = select.select([sys.stdin], [], [], 0.005)
    now = time.monotonic()
    longest, before = max(longest, now - before), now
    if asked:
        if not sys.stdin.readline():
            break
        print(longest, flush=True)
        longest = 0.0
"""


class MachineStoodStill(Exception):
    """A test failed while no process could run; it is run again."""


class Watch:
    """A process that only looks at the clock. What voiced itself holds up does not hold up this one."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.longest_s()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def longest_s(self) -> float:
        """The longest that it could not look since it was asked last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())
