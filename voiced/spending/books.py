"""What was spent and how much of it is new, in memory, with the budget that it comes out of."""

from __future__ import annotations

from datetime import datetime

from voiced.conversation.budget import Budget, Caps
from voiced.conversation.events import Usage
from voiced.spending.ledger import Ledger
from voiced.spending.prices import Cost, PriceTable, plausible
from voiced.spending.settings import BudgetSettings


class Books:
    """Whoever keeps them on disk adds `news` to the file and gives what the file has to `take_over`.

    Each `at` is an aware time in the zone that days are counted in.
    """

    def __init__(self, settings: BudgetSettings) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.unsaved = Ledger()
        self._prices = PriceTable(settings.prices)
        self.budget = Budget(_caps(settings))

    def count(self, usage: Usage, at: datetime) -> Cost:
        """One more request."""
        usage = plausible(usage)
        cost = self._prices.cost(usage)
        day = self.budget.spent(cost.usd, at)
        self.keep_day(at)
        for ledger in (self.ledger, self.unsaved):
            ledger.add(day, usage, cost.usd, cost.guessed)
        return cost

    def keep_day(self, at: datetime) -> None:
        """Write down what can't be told from the dates: which day it is, where the clock was set back."""
        day, set_back_to = self.budget.day(at), self.budget.set_back_to
        known = self.ledger.day
        if known is not None and (set_back_to != self.ledger.set_back_to or day < known):
            for ledger in (self.ledger, self.unsaved):
                ledger.turn(day, set_back_to)

    def news(self) -> Ledger:
        """What is to be written now: all that is new. Where that fails, give it back with `not_saved`."""
        news, self.unsaved = self.unsaved, Ledger()
        return news

    def not_saved(self, news: Ledger) -> None:
        """It is still to be written, before what came since."""
        news.merge(self.unsaved)
        self.unsaved = news

    def take_over(self, found: Ledger) -> None:
        """Go on with what the file has, and what is not in it yet."""
        found.merge(self.unsaved)
        self._begin_with(found)

    def reconfigure(self, settings: BudgetSettings) -> None:
        """Go on with other caps and prices."""
        self.settings = settings
        self._prices = PriceTable(settings.prices)
        self._begin_with(self.ledger)

    def _begin_with(self, ledger: Ledger) -> None:
        ledger.reprice(self._prices)
        self.ledger = ledger
        self.budget = Budget(_caps(self.settings), ledger.usd_by_day(), ledger.set_back_to)


def _caps(settings: BudgetSettings) -> Caps:
    return Caps(settings.daily_usd, settings.monthly_usd)
