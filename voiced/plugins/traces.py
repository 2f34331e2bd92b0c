"""What the code of a plugin leaves in the process: tasks, threads, and printed lines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from weakref import WeakSet

import structlog

_log = structlog.get_logger()

MOST_TASKS: Final = 100
"""So many tasks of one plugin may be under way."""

LONGEST_LINE: Final = 500
"""Characters of a printed line; the rest is cut."""

MOST_LINES: Final = 200
"""Printed lines in a minute; the rest is dropped."""


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
        self._elapsed = elapsed
        self._loop = asyncio.get_running_loop()
        self._threads: WeakSet[threading.Thread] = WeakSet()
        self._line = ""
        self._minute = 0
        self._lines = 0

    def add_task(self, task: asyncio.Task[Any]) -> None:
        """It was begun by the plugin."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def add_thread(self, thread: threading.Thread) -> None:
        """It is being started by the plugin."""
        self._threads.add(thread)

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
        minute = int(self._elapsed() // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += bool(line.strip())
        if line.strip() and self._lines <= MOST_LINES:
            self._later(_log.debug, "plugin printed", text=line[:LONGEST_LINE])
        elif line.strip() and self._lines == MOST_LINES + 1:
            self._later(_log.warning, "a plugin prints too much; the rest of this minute is left out")

    def _later(self, log: Callable[..., object], event: str, **more: str) -> None:
        """What prints may hold the lock of a log, and the log may print."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(partial(log, event, plugin=self.plugin, **more))


def listed(names: list[str]) -> str:
    """Names, each once, with how many there are of it."""
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in sorted(Counter(names).items()))
