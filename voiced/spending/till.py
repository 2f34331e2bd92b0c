"""Where a process that is no daemon pays: what it spends goes at once into the ledger that the daemon keeps too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from voiced.conversation.events import Usage
from voiced.spending.books import Books
from voiced.spending.file import SpendingFile
from voiced.spending.settings import BudgetSettings


class Till:
    """Use it on one thread. Every method may wait for the disk, some milliseconds; where it fails, memory must do.

    `folder`: where voiced keeps its state. `now`: the time of day, aware, in the zone that days are counted in.
    """

    def __init__(self, settings: BudgetSettings, folder: Path, *, now: Callable[[], datetime]) -> None:
        self._books = Books(settings)
        self._file = SpendingFile(folder)
        self._now = now
        self.trouble = ""
        """One line for a person where the ledger can't be read or written; empty where all is well."""
        try:
            self._books.take_over(self._file.read()[0])
        except OSError as error:
            self._failed(error)

    def refusal(self) -> str:
        """Why nothing more may be spent, and what would change that; empty where something may."""
        at, budget, settings = self._now(), self._books.budget, self._books.settings
        if 0 < settings.monthly_usd <= budget.this_month(at):
            cap, setting, until = settings.monthly_usd, "budget.monthly_usd", "next month"
        elif 0 < settings.daily_usd <= budget.today(at):
            cap, setting, until = settings.daily_usd, "budget.daily_usd", "tomorrow"
        else:
            return ""
        return f"the budget of {_usd(cap)} is spent: raise {setting}, or wait until {until}"

    def spent(self, usage: Usage) -> None:
        """Count what a request used, and write it down before anything else happens."""
        if usage == Usage(usage.model):
            return
        at = self._now()
        self._books.count(usage, at)
        news = self._books.news()
        try:
            found = self._file.append(news)
        except OSError as error:
            self._books.not_saved(news)
            self._failed(error)
            return
        self.trouble = ""
        if found is not None:  # another process spends too
            self._books.take_over(found)

    def _failed(self, error: OSError) -> None:
        self.trouble = f"{self._file.path}: what is spent is not written down ({error.strerror})"


def _usd(cap: float) -> str:
    """In cents, or with all its digits where it is less than one."""
    return f"${cap:.2f}" if cap >= 0.01 else f"${cap:.8f}".rstrip("0")
