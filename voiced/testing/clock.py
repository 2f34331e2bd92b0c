"""A clock for tests of plugins: it stands still until the test lets time pass."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Set
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

BERLIN: Final = ZoneInfo("Europe/Berlin")
NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN)
"""A Friday."""

PATIENCE_S: Final = 20.0
"""Real seconds; only reached by a test that fails."""

TURNS: Final = 8
"""Of the loop, until what was called has begun its task, and what has ended has told so."""

BEGUN_WITHIN_S: Final = 1.0


class FakeTimer:
    """A callback that waits for the test."""

    def __init__(self, callback: Callable[[], object], delay_s: float) -> None:
        self.callback: Callable[[], object] | None = callback
        self.delay_s = delay_s

    def cancel(self) -> None:
        """Do not call it."""
        self.callback = None


class FakeClock:
    """The time as plugins see it. It passes only when a test says so; thread-safe as far as reading goes.

    `now`: the time of day at the start, aware; its zone is that of the machine.
    """

    def __init__(self, now: datetime = NOON) -> None:
        self.zone = now.tzinfo
        self._wall = now.astimezone(UTC)
        self._elapsed = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """The time of day, as `ToolContext.now` gives it."""
        return self._wall.astimezone(self.zone)

    def elapsed(self) -> float:
        """Seconds that have passed since it was made."""
        return self._elapsed

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> FakeTimer:
        """Call when the test has let so much time pass."""
        timer = FakeTimer(callback, delay_s)
        heapq.heappush(self._timers, (self._elapsed + delay_s, next(self._order), timer))
        self._changed.set()
        return timer

    def advance(self, **units: float) -> None:
        """Let time pass, as in `advance(minutes=5)`, and everything that falls due happen at its time.

        `units` are those of `timedelta`.
        """
        end = self._elapsed + timedelta(**units).total_seconds()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._pass_to(max(due, self._elapsed))
            if timer.callback:
                timer.callback()
        self._pass_to(end)

    async def let_pass(self, **units: float) -> None:
        """`advance`, but what falls due on the way is done before time goes on, and may ask to be called again.

        What it begins is waited for, threads too, unless it takes longer than `BEGUN_WITHIN_S` of real time: then it
        waits for something that the test has yet to do.
        """
        end = self._elapsed + timedelta(**units).total_seconds()
        await turns()
        others = asyncio.all_tasks()
        while self._timers and self._timers[0][0] <= end:
            self.advance(seconds=max(0.0, self._timers[0][0] - self._elapsed))
            await all_done(others)
        self._pass_to(end)

    def set_wall_clock(self, moment: datetime) -> None:
        """Somebody, or NTP, sets the time of day."""
        self._wall = moment.astimezone(UTC)

    async def timer_is_set(self, delay_s: float) -> None:
        """Wait until somebody waits for just so long."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(timer.callback and timer.delay_s == delay_s for _, _, timer in self._timers):
                self._changed.clear()
                await self._changed.wait()

    def _pass_to(self, elapsed: float) -> None:
        self._wall += timedelta(seconds=elapsed - self._elapsed)
        self._elapsed = elapsed


async def turns() -> None:
    """Let whoever is ready act."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def all_done(others: Set[asyncio.Task[Any]]) -> None:
    """Let whoever is ready act, and wait for the tasks that are not among `others`, `BEGUN_WITHIN_S` at most."""
    waiting: set[asyncio.Task[Any]] = set()
    while True:
        await turns()
        begun = asyncio.all_tasks() - others - waiting
        if not begun:
            return
        _, waits = await asyncio.wait(begun, timeout=BEGUN_WITHIN_S)
        waiting |= waits
