"""What the code of a plugin leaves in the process: tasks, threads, and printed lines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from weakref import WeakSet

import structlog

from voiced.conversation.events import AnnouncementAsked

_log = structlog.get_logger()

MOST_TASKS: Final = 100
"""So many tasks of one plugin may be under way."""

MOST_ANNOUNCEMENTS: Final = 100
"""Of one plugin in a minute; more would leave no silence."""

MOST_WAITING: Final = 8
"""Announcements of one plugin that wait for a silence at one time: there is room for 16 of all. The others are held
back until these are said."""

MOST_WISHES: Final = 300
"""Of one plugin in a minute: announcements, volume, stop and the like."""

LONGEST_LINE: Final = 500
"""Characters of a printed line; the rest is cut."""

MOST_LINES: Final = 200
"""Printed lines in a minute; the rest is dropped."""


class PerMinute:
    """Counts up to a limit, each minute anew."""

    def __init__(self, most: int, elapsed: Callable[[], float]) -> None:
        self._most = most
        self._elapsed = elapsed
        self._minute = 0
        self._count = 0

    def over(self) -> int:
        """One more; how many that is above the limit, 0 where it is not."""
        minute = int(self._elapsed() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return max(0, self._count - self._most)


class Traces:
    """Of one plugin, from its import to its end.

    `report` gets one line for a person, `crashed` what went wrong where nobody waited for it.
    """

    def __init__(
        self,
        plugin: str,
        elapsed: Callable[[], float],
        report: Callable[[str], None],
        crashed: Callable[[str], None],
    ) -> None:
        self.plugin = plugin
        self.report = report
        self.crashed = crashed
        self.tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_running_loop()
        self._threads: WeakSet[threading.Thread] = WeakSet()
        self._line = ""
        self._lines = PerMinute(MOST_LINES, elapsed)
        self._announcements = PerMinute(MOST_ANNOUNCEMENTS, elapsed)
        self._wishes = PerMinute(MOST_WISHES, elapsed)
        self._waiting: set[str] = set()
        self._held: deque[AnnouncementAsked] = deque()

    def add_task(self, task: asyncio.Task[Any]) -> None:
        """It was begun by the plugin."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def add_thread(self, thread: threading.Thread) -> None:
        """It is being started by the plugin."""
        self._threads.add(thread)

    def may_wish(self, *, aloud: bool) -> bool:
        """Whether it may ask for something once more, or (`aloud`) for something that is heard."""
        if aloud and self._announcements.over():
            self.report(f"it announces more than {MOST_ANNOUNCEMENTS} times a minute; the rest is left out")
            return False
        if self._wishes.over():
            self.report(f"it asks for more than {MOST_WISHES} things a minute; the rest is left out")
            return False
        return True

    def may_wait(self, asked: AnnouncementAsked) -> bool:
        """Whether one more announcement may wait for its silence now; if not, `told` gives it in its time."""
        if len(self._waiting) >= MOST_WAITING:
            self._held.append(asked)
            return False
        self._waiting.add(asked.request)
        return True

    def held(self) -> int:
        """How many announcements are held back."""
        return len(self._held)

    def withdraw(self, request: str) -> bool:
        """Whether it was held back; it is no more."""
        for asked in self._held:
            if asked.request == request:
                self._held.remove(asked)
                return True
        return False

    def told(self, request: str) -> AnnouncementAsked | None:
        """An announcement, of whomever, is over; gives the next one that was held back."""
        if request not in self._waiting:
            return None
        self._waiting.remove(request)
        if not self._held:
            return None
        asked = self._held.popleft()
        self._waiting.add(asked.request)
        return asked

    def threads(self) -> list[str]:
        """The names of those that still run."""
        return sorted(thread.name for thread in self._threads if thread.is_alive())

    def printed(self, text: str) -> None:
        """What was written to standard output or error. From any thread."""
        *lines, rest = (self._line + text[: LONGEST_LINE * MOST_LINES]).split("\n")
        self._line = rest[:LONGEST_LINE]
        for line in lines:
            self._note(line)

    def flush(self) -> None:
        """The last line had no end."""
        line, self._line = self._line, ""
        self._note(line)

    def _note(self, line: str) -> None:
        if not line.strip():
            return
        match self._lines.over():
            case 0:
                self._later(_log.debug, "plugin printed", text=line[:LONGEST_LINE])
            case 1:
                self._later(_log.warning, "a plugin prints too much; the rest of this minute is left out")

    def _later(self, log: Callable[..., object], event: str, **more: str) -> None:
        """What prints may hold the lock of a log, and the log may print."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(partial(log, event, plugin=self.plugin, **more))


def listed(names: list[str]) -> str:
    """Names, each once, with how many there are of it."""
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in sorted(Counter(names).items()))
