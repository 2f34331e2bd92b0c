"""Adds up what requests cost, keeps it over a restart, and tells the conversation how thrifty to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from voiced.conversation.commands import Fact, Spent
from voiced.conversation.events import Thrift, ThriftChanged, Usage
from voiced.ports import Post
from voiced.spending.books import Books
from voiced.spending.file import SpendingFile
from voiced.spending.ledger import Ledger
from voiced.spending.settings import BudgetSettings

SAVE_EVERY_S: Final = 3.0
"""At most so often: a process that is killed forgets no more than that, and a memory card is spared."""

LOOK_EVERY_S: Final = 60.0
"""At the clock, which may be set at any time."""

_MOST_WARNINGS: Final = 64

log = structlog.get_logger(__name__)


class Bookkeeper:
    """Edge and `ports.StatusSink` in one. Create and call it on the event loop's thread.

    `folder`: where voiced keeps its state. `now`: the time of day, aware, in the zone that days are counted in.
    """

    def __init__(self, settings: BudgetSettings, folder: Path, *, post: Post, now: Callable[[], datetime]) -> None:
        self._books = Books(settings)
        self._file = SpendingFile(folder)
        self._post = post
        self._now = now
        self._told: tuple[Thrift, str] = ("none", "")
        self._warned: set[str] = set()
        self._disk_ok = True
        self._news = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "spending")

    def report(self, fact: Fact) -> None:
        """StatusSink: count what was spent."""
        if isinstance(fact, Spent) and fact.usage != Usage(fact.usage.model):
            self._count(fact.usage)

    async def run(self) -> None:
        """Begin with what was spent before, then keep the books until cancelled. What is spent until then is kept."""
        now = asyncio.get_running_loop().time
        saved_at = now() - SAVE_EVERY_S
        try:
            await self.load()
            while True:
                self.look()
                if self._books.unsaved.days and now() >= saved_at + SAVE_EVERY_S:
                    await self.save()
                    saved_at = now()
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience()):
                        await self._news.wait()
        finally:
            await self.save()
            self._writer.shutdown(wait=False)

    async def load(self) -> None:
        """Go on with what was spent before."""
        try:
            found, trouble = await asyncio.get_running_loop().run_in_executor(self._writer, self._file.load)
        except OSError as error:
            self._disk_failed(error)
            return
        if trouble:
            log.warning("spending.corrupt", reason=trouble)
        self._books.take_over(found)

    async def save(self) -> None:
        """Write what is new. Where the disk does not take it, it stays in memory, to be tried again."""
        if not self._books.unsaved.days:
            return
        news = self._books.news()
        writing = asyncio.get_running_loop().run_in_executor(self._writer, self._file.append, news)
        try:
            await asyncio.wait([writing])
        finally:
            if not writing.done():  # cancelled: the thread goes on, and what it did not write must not be lost
                await asyncio.wait([writing])
            self._written(news, writing)

    def look(self) -> None:
        """At the clock: a new day may have begun, or the clock may have been set."""
        at = self._now()
        self._books.keep_day(at)
        self._tell(at)

    def reconfigure(self, settings: BudgetSettings) -> None:
        """Go on with other caps and prices."""
        self._books.reconfigure(settings)
        self._warned.clear()
        self.look()

    @property
    def thrift(self) -> Thrift:
        """How far spending has stepped down, as the conversation was told."""
        return self._told[0]

    def status(self) -> dict[str, Any]:
        """Its part of `voiced status`, ready for JSON. A cap of 0 is none."""
        at, budget, settings = self._now(), self._books.budget, self._books.settings
        models = self._books.ledger.days.get(budget.day(at), {}).values()
        return {
            "thrift": self._told[0],
            "today_usd": round(budget.today(at), 6),
            "daily_usd": settings.daily_usd,
            "month_usd": round(budget.this_month(at), 6),
            "monthly_usd": settings.monthly_usd,
            "guessed": any(entry.guessed for entry in models),
        }

    def _count(self, usage: Usage) -> None:
        at = self._now()
        cost = self._books.count(usage, at)
        if cost.guessed and usage.model not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(usage.model)
            log.warning(
                "usage.no_price",
                model=usage.model,
                reason=f'counted as the dearest; give its prices in [budget.prices."{usage.model}"]',
            )
        self._tell(at)
        self._news.set()

    def _tell(self, at: datetime) -> None:
        budget = self._books.budget
        thrift, notice = budget.thrift(at), budget.notice(at)
        if (thrift, notice) != self._told:
            self._told = thrift, notice
            log.info("budget.thrift", thrift=thrift, today_usd=round(budget.today(at), 4))
            self._post(ThriftChanged(thrift, notice))

    def _written(self, news: Ledger, writing: asyncio.Future[Ledger | None]) -> None:
        try:
            found = writing.result()
        except OSError as error:
            self._books.not_saved(news)
            self._disk_failed(error)
            return
        if not self._disk_ok:
            self._disk_ok = True
            log.info("spending.saved", file=str(self._file.path))
        if found is not None:  # another voiced spends too
            self._books.take_over(found)

    def _patience(self) -> float:
        if self._books.unsaved.days and self._disk_ok:
            return SAVE_EVERY_S
        at = self._now()
        midnight_in = self._books.budget.next_change(at).timestamp() - at.timestamp()
        return min(max(midnight_in, 0.0), LOOK_EVERY_S)

    def _disk_failed(self, error: OSError) -> None:
        if self._disk_ok:
            self._disk_ok = False
            log.warning(
                "spending.not_saved",
                file=str(self._file.path),
                reason=f"{error.strerror}; going on in memory: after a restart this was not spent",
            )
