"""A home for plugins under test: a host with a clock that stands still and an inbox in place of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from voiced.api import Ai
from voiced.config import PluginTables
from voiced.conversation.commands import RequestEnded, RunTool
from voiced.conversation.events import AnnouncementAsked, CallId, Event, ToolReturned, ToolsChanged
from voiced.plugins.host import PluginHost, PluginStatus
from voiced.plugins.settings import PluginSettings
from voiced.testing.clock import BERLIN, NOON, PATIENCE_S, FakeClock

__all__ = ["BERLIN", "BUILT_IN", "NOON", "FakeClock", "Home", "all_but"]

E = TypeVar("E")

BUILT_IN = (
    "clock",
    "home_assistant",
    "lists",
    "mcp",
    "media",
    "memory",
    "moderation",
    "notes",
    "shell",
    "timers",
    "volume",
    "weather",
)


def all_but(name: str) -> tuple[str, ...]:
    """The other built-in plugins."""
    return tuple(each for each in BUILT_IN if each != name)


class Home:
    """A running host, and everything that it posted and nobody looked at yet.

    `settings`: of [plugins]. `plugin_settings`: the tables [plugin.NAME], by name.
    """

    def __init__(
        self,
        root: Path,
        clock: FakeClock,
        *,
        plugin_settings: Mapping[str, Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock
        self.folder = root / "plugins"
        self.folder.mkdir(exist_ok=True)
        self.state_folder = root / "state"
        self.volume = 40
        self.ai: Ai | None = None
        self.environ: dict[str, str] = {}
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._calls = count(1)
        self.plugin_settings = dict(plugin_settings or {})
        self._settings = PluginSettings(**{"disabled": BUILT_IN, "folder": str(self.folder), **settings})

    @staticmethod
    def module(name: str) -> ModuleType:
        """That of a plugin in the folder, as it is loaded."""
        return sys.modules[f"voiced_plugin_{name}"]

    def plugin(self, name: str, source: str) -> Path:
        """Put a plugin into the folder."""
        path = self.folder / f"{name}.py"
        path.write_text(source)
        return path

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[str, ...]]:
        """Run a host, as after a start of voiced; gives the names of the tools."""
        self.host = PluginHost(
            self._settings,
            post=self._post,
            state_folder=self.state_folder,
            volume=lambda: self.volume,
            clock=self.clock,
            tables=PluginTables.of(self.plugin_settings),
            ai=self.ai,
            environ=self.environ,
        )
        running = asyncio.create_task(self.host.run())
        try:
            yield await self.tools()
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def tools(self) -> tuple[str, ...]:
        """The names of the tools, once they are said to have changed."""
        return tuple(spec.name for spec in (await self.next(ToolsChanged)).tools)

    def start(self, tool: str, call: str = "", /, **arguments: Any) -> CallId:
        """Call a tool; gives the id of the call."""
        return self.start_raw(tool, json.dumps(arguments), call)

    def start_raw(self, tool: str, arguments: str, call: str = "") -> CallId:
        call_id = CallId(call or f"call_{next(self._calls)}")
        self.host.do(RunTool(call_id, tool, arguments))
        return call_id

    async def returned(self, call: CallId) -> ToolReturned:
        return await self.next(ToolReturned, lambda event: event.call == call)

    async def call(self, tool: str, **arguments: Any) -> ToolReturned:
        return await self.returned(self.start(tool, **arguments))

    async def answer(self, tool: str, **arguments: Any) -> str:
        """What a tool that must work says."""
        returned = await self.call(tool, **arguments)
        assert returned.ok, returned.output
        return returned.output

    async def complaint(self, tool: str, **arguments: Any) -> str:
        """What a tool that must not work says."""
        returned = await self.call(tool, **arguments)
        assert not returned.ok, returned.output
        return returned.output

    async def announcement(self) -> str:
        return (await self.next(AnnouncementAsked)).text

    async def asked(self) -> AnnouncementAsked:
        """What a plugin wants to be said, played or asked."""
        return await self.next(AnnouncementAsked)

    def was_said(self, asked: AnnouncementAsked) -> None:
        """All of it was heard."""
        self.host.report(RequestEnded(asked.request, asked.text))

    def was_not_said(self, asked: AnnouncementAsked, why: str = "it was interrupted") -> None:
        self.host.report(RequestEnded(asked.request, error=why))

    async def user_answers(self, words: str) -> AnnouncementAsked:
        """Wait for a question, which is given, and answer it."""
        question = await self.next(AnnouncementAsked, lambda event: event.answer is not None)
        self.host.report(RequestEnded(question.request, words))
        return question

    async def next(self, kind: type[E], matches: Callable[[E], bool] = lambda _: True) -> E:
        """The oldest event of that kind that was not taken yet; waits for it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self._events:
                    if isinstance(event, kind) and matches(event):
                        self._events.remove(event)
                        return event
                self._news.clear()
                await self._news.wait()

    def untaken(self, kind: type[E]) -> list[E]:
        return [event for event in self._events if isinstance(event, kind)]

    async def state_holds(self, plugin: str, text: str) -> None:
        """Wait until the plugin's state on disk has that in it."""
        file = self.state_folder / f"{plugin}.json"
        async with asyncio.timeout(PATIENCE_S):
            while text not in file.read_text():  # noqa: ASYNC110 a file tells nobody
                await asyncio.sleep(0)

    async def problem(self, plugin: str) -> str:
        """The first problem of a plugin, once it has one."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.status(plugin).problems:  # noqa: ASYNC110 a status tells nobody
                await asyncio.sleep(0)
        return self.status(plugin).problems[0]

    def mine(self) -> list[PluginStatus]:
        """The plugins of the folder."""
        return [status for status in self.host.status() if not status.built_in]

    def status(self, plugin: str) -> PluginStatus:
        return next(status for status in self.host.status() if status.name == plugin)

    def _post(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()
