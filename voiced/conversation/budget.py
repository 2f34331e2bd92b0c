"""How far what was spent lies under its caps, and how thrifty to be.

Days and months are those of the clock on the wall, which may be wrong: a Raspberry Pi without a battery starts in
1970, or when it was last shut down, until the network tells it the time. So the budget keeps its own day:

    the clock shows a later date       a new day begins
    the clock shows an earlier date    it was set back: the day goes on, with all that was spent in it, until the clock
                                       that was set back turns midnight by itself; then its date is the day

A cap is thus never freed by a clock that goes back, and a date that never was (2099, for a minute) holds a cap until
the next midnight, not for ever. That a clock set forward begins a new day can't be told from a new day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from voiced.conversation.events import Thrift

STEPS: Final[tuple[tuple[float, Thrift], ...]] = ((1.0, "offline"), (0.9, "cascade"), (0.75, "small"), (0.6, "short"))
"""From which part of a cap on; the dearest habit goes first: Realtime pays for its whole context in each turn."""

SPENT_TODAY: Final = "The budget for today is spent. I answer by myself until tomorrow."
SPENT_THIS_MONTH: Final = "The budget for this month is spent. I answer by myself until next month."


@dataclass(frozen=True, slots=True)
class Caps:
    """In USD; 0 is none."""

    daily: float = 0.0
    monthly: float = 0.0


class Budget:
    """`history` is what was spent on each day, in USD, with the day that was the last one at the end.

    Each `at` is an aware time in the zone that days are counted in; amounts are USD. `set_back_to` is the date that
    the clock showed when it was set back, while that lasts. Whoever keeps the history keeps it too: or a machine that
    never runs through midnight would never see a new day.
    """

    def __init__(
        self, caps: Caps, history: Mapping[date, float] | None = None, set_back_to: date | None = None
    ) -> None:
        self.caps = caps
        self.set_back_to = set_back_to
        self._days = dict(history or {})
        self._day: date | None = next(reversed(self._days), None)

    def spent(self, amount: float, at: datetime) -> date:
        """One more request was paid for. The day that it counts for."""
        day = self.day(at)
        self._days[day] = self._days.get(day, 0.0) + max(amount, 0.0)
        return day

    def day(self, at: datetime) -> date:
        """The budget's own day; see above."""
        shown = at.date()
        if self._day is None or shown >= self._day:
            self._day, self.set_back_to = shown, None
        elif self.set_back_to is None or shown < self.set_back_to:
            self.set_back_to = shown
        elif shown > self.set_back_to:
            self._day, self.set_back_to = shown, None
        return self._day

    def today(self, at: datetime) -> float:
        """USD spent today."""
        return self._days.get(self.day(at), 0.0)

    def this_month(self, at: datetime) -> float:
        """USD spent this month."""
        day = self.day(at)
        return sum(usd for each, usd in self._days.items() if (each.year, each.month) == (day.year, day.month))

    def thrift(self, at: datetime) -> Thrift:
        """How thrifty to be. It only rises while a day lasts."""
        part = max(_part(self.today(at), self.caps.daily), _part(self.this_month(at), self.caps.monthly))
        return next((thrift for step, thrift in STEPS if part >= step), "none")

    def notice(self, at: datetime) -> str:
        """What somebody who is answered offline for want of money should know; empty where nobody is."""
        if _part(self.this_month(at), self.caps.monthly) >= 1:
            return SPENT_THIS_MONTH
        return SPENT_TODAY if _part(self.today(at), self.caps.daily) >= 1 else ""

    def next_change(self, at: datetime) -> datetime:
        """The next midnight on the wall: only then may thrift fall. A clock that is set makes it come sooner or later.

        Where clocks are put forward at midnight there is none; the time is that of the change then.
        """
        return datetime.combine(at.date() + timedelta(days=1), time(), tzinfo=at.tzinfo)


def _part(spent: float, cap: float) -> float:
    return spent / cap if cap > 0 else 0.0
