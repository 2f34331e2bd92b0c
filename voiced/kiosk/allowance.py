"""How much of something may come: steadily so much a second, and more at once now and then."""

from __future__ import annotations


class Allowance:
    """A bucket of `at_once`, filled anew by `per_s` each second. `now`: seconds on any one clock."""

    def __init__(self, per_s: float, at_once: float, now: float) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._left = at_once
        self._looked_at = now

    def take(self, amount: float, now: float) -> bool:
        """Whether there was enough; what is refused takes nothing."""
        self._left = min(self._at_once, self._left + (now - self._looked_at) * self._per_s)
        self._looked_at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
