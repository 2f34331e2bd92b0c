"""When a plugin that crashes again and again is to be paused."""

from __future__ import annotations

from collections import deque
from typing import Final

LIMIT: Final = 3
"""So many crashes, and it is paused."""

WITHIN_S: Final = 3600.0


class Crashes:
    """Of one plugin since it was loaded."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=LIMIT)

    def add(self, now_s: float) -> bool:
        """It crashed once more; whether that was too often."""
        self._times.append(now_s)
        return len(self._times) == LIMIT and now_s - self._times[0] <= WITHIN_S
