"""The figures of both sides as a table, with what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Mark = Literal["ok", "MISSED", "BROKEN", ""]

HEAD: Final = (
    f"{'':<36}{'floor':>20}{'voiced':>30}\n"
    f"{'':<36}{'n':>5}{'p50':>8}{'p99':>8}{'n':>7}{'p50':>8}{'p99':>8}{'ratio':>9}   {'target':<17}{'':<8}peers"
)

DEFINITIONS: Final = """
Both run in a process of their own, on a sound card in memory that calls back from a thread (20 ms in, 10 ms out,
24 kHz), and talk to one loopback server in a third process. All times are of the one monotonic clock of the machine.
They take turns, so that its noise hits both. The floor is a bare `websockets` script (floor.py) that shares voiced's
voice activity detector and its rules, sends a frame before it asks the detector, and does nothing else.

capture -> wire           the device's thread hands a frame to the callback .. the server has read its append; only the
                          frames that are sent one by one while somebody speaks
first delta -> sample     the server sends a reply's first audio delta .. the output callback has returned the first
                          block with sound; 0 to 10 ms of it is the wait for the device to ask
barge-in -> silence       the frame that decides it is handed to the callback .. the output callback has returned the
                          first block that is silence, or the fade to it; the device asks 10 ms after that frame
barge-in -> cancel        the same frame .. the server has read response.cancel
truncation error          audio_end_ms .. what the loudspeaker's tape carries of the item; the sound tells its place
tool round trip           the server sends output_item.done of a call .. it has read the output. voiced runs an
                          `async def` on its loop and a `def` in a thread; the floor calls either itself
start-up                  `voiced run` is started .. the server has read session.update; floor: a process is started ..
                          it has imported what the core depends on
CPU                       of the whole process, the card in memory included, per minute of real time; talking: asking,
                          streaming, replying and interrupting in turn
memory                    resident, the card in memory included, without echo control
peers                     what other voice assistants take over their own floors, for scale"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `ratio`: at most so many times the floor (p50); `limit`: (at most, of which figure) in the unit.

    `correct`: a miss is a fault and no slowness.
    """

    name: str
    floor: Sequence[float]
    voiced: Sequence[float]
    unit: str = "ms"
    ratio: float | None = None
    limit: tuple[float, Literal["p99", "max"]] | None = None
    correct: bool = False
    peers: str = ""

    @property
    def mark(self) -> Mark:
        """Whether the target is reached; nothing where there is none."""
        if self.ratio is None and self.limit is None:
            return ""
        if not self.voiced:
            return ""
        if self._reached():
            return "ok"
        return "BROKEN" if self.correct else "MISSED"

    def line(self) -> str:
        ratio = f"{self._times_floor():>8.2f}x" if any(self.floor) and self.voiced else " " * 9
        return (
            f"{f'{self.name} ({self.unit})':<36}{_figures(self.floor, 5)}{_figures(self.voiced, 7)}{ratio}"
            f"   {self._target():<17}{self.mark:<8}{self.peers}"
        ).rstrip()

    def _reached(self) -> bool:
        if self.ratio is not None and any(self.floor) and self._times_floor() > self.ratio:
            return False
        if self.limit is None:
            return True
        most, figure = self.limit
        return (max(self.voiced) if figure == "max" else percentile(self.voiced, 99)) <= most

    def _times_floor(self) -> float:
        return percentile(self.voiced, 50) / percentile(self.floor, 50)

    def _target(self) -> str:
        if self.ratio is not None:
            return f"<= {self.ratio:g} x floor"
        return f"<= {self.limit[0]:g} {self.unit} {self.limit[1]}" if self.limit else ""


def percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def table(rows: Sequence[Row]) -> str:
    return "\n".join((HEAD, *(row.line() for row in rows)))


def _figures(values: Sequence[float], width: int) -> str:
    if not values:
        return f"{'':>{width}}{'-':>8}{'-':>8}"
    return f"{len(values):>{width}}{percentile(values, 50):>8.2f}{percentile(values, 99):>8.2f}"
