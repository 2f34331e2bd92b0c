"""What a session still has to say: running answers, each with the time of its next event."""

from __future__ import annotations

import math
from collections.abc import Iterator

from voiced.testing.loopback.events import Event, Step, Wait


class Agenda:
    """Answers that run side by side; those due at the same time take turns. Times are the caller's, in seconds."""

    def __init__(self) -> None:
        self._running: list[tuple[float, int, Iterator[Step]]] = []
        self._turn = 0

    @property
    def next_due(self) -> float | None:
        """When the next event is due; None while nothing is."""
        due = min((entry[0] for entry in self._running), default=math.inf)
        return None if due == math.inf else due

    def start(self, answer: Iterator[Step], at: float) -> None:
        self._turn += 1
        self._running.append((at, self._turn, answer))

    def hurry(self, answer: Iterator[Step], now: float) -> None:
        """Let `answer` go on now, whatever it waits for."""
        for entry in self._running:
            if entry[2] is answer and entry[0] > now:
                self._running.remove(entry)
                self.start(answer, now)
                return

    def step(self, now: float) -> Event | None:
        """The next event that is due; None when nothing is."""
        while (due := self.next_due) is not None and due <= now:
            entry = min(self._running, key=lambda entry: entry[:2])
            self._running.remove(entry)
            match next(entry[2], None):
                case None:
                    continue
                case Wait(seconds):
                    self.start(entry[2], due + seconds)
                case event:
                    self.start(entry[2], due)
                    return event
        return None
