"""Loads plugins and runs their tools; a broken plugin disables itself alone, and is named.

sources ──> load (in a thread) ──> setup ──> tools, by name ──> ToolsChanged
RunTool ──> ToolCalls ──> ToolReturned
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from voiced.api import Plugin
from voiced.conversation.commands import RunTool
from voiced.conversation.events import CallId, ToolReturned, ToolsChanged
from voiced.errors import PluginError, ToolSchemaError
from voiced.plugins import discovery
from voiced.plugins.calls import Outcome, ToolCalls
from voiced.plugins.context import HostContext, Services
from voiced.plugins.discovery import Found, Source
from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.settings import PluginSettings
from voiced.plugins.state_file import StateFile
from voiced.plugins.steps import CRASHES, Crashed, Driver
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool, describe_tool
from voiced.plugins.wall_clock import Clock, SystemClock
from voiced.ports import Post

_log = structlog.get_logger()

T = TypeVar("T")

SETUP_S = 10.0
"""How long a plugin may take to be imported, and again to be set up."""

TEARDOWN_S = 0.5
"""How long a plugin may take to be torn down: all of voiced must be gone 2 s after SIGTERM."""

REMEMBERED_CALLS = 4096
"""A call id that comes again within so many calls is not run again."""


STOPPING = Outcome("Not done: voiced is stopping.", ok=False)


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One plugin, for `voiced status`. `problems`: one line each; with no tools left it is disabled."""

    name: str
    place: str
    tools: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Loaded:
    """A plugin on its way from its source to its tools."""

    source: Source
    problems: list[str] = field(default_factory=list)
    tools: dict[str, Tool] = field(default_factory=dict)
    found: Found = field(default_factory=Found)
    context: HostContext | None = None
    ready: list[Plugin] = field(default_factory=list)

    def problem(self, text: str) -> None:
        """Once each, in the log and in the status."""
        if text not in self.problems:
            self.problems.append(text)
            _log.error("trouble with a plugin", plugin=self.source.name, place=self.source.place, problem=text)


class PluginHost:
    """Implements `ports.ToolRunner`.

    `post`: the hub's inbox. `state_folder`: where plugins keep their state, made on the first write. `volume`: the
    loudness now, 0 to 100; called from any thread.
    """

    def __init__(
        self,
        settings: PluginSettings,
        *,
        post: Post,
        state_folder: Path,
        volume: Callable[[], int],
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._post = post
        self._state_folder = state_folder
        self._volume = volume
        self._clock = clock or SystemClock()
        self._watch = LoopWatch(self._clock.elapsed)
        self._driver = Driver(self._clock, self._watch)
        self._calls = ToolCalls(settings, self._clock, self._driver, self._disable)
        self._seen: dict[CallId, None] = {}
        self._plugins: list[_Loaded] = []
        self._tools: dict[str, tuple[_Loaded, Tool]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._reload_wanted = asyncio.Event()

    async def run(self) -> None:
        """Load all plugins, post ToolsChanged, run calls until cancelled, then tear the plugins down (2 s at most)."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._watch.start()
            loader = group.create_task(self._keep_loaded())
            try:
                await asyncio.wait({loader})
            finally:
                self._group = None
                await self._end({loader, *self._running})
                await self._unload()
                self._watch.stop()

    def do(self, command: RunTool) -> None:
        """Start a tool; exactly one ToolReturned follows for each call id."""
        if command.call in self._seen:
            _log.warning("tool call came twice and is not run again", call=command.call, tool=command.name)
            return
        self._remember(command.call)
        offered = self._tools.get(command.name)
        if self._group is None:
            self._answer(command.call, STOPPING)
        elif offered is None:
            self._answer(command.call, self._unknown(command.name))
        else:
            call = self._start(self._group, self._run(command, *offered))
            call.add_done_callback(lambda ended: self._answer(command.call, _outcome(ended)))

    def reload(self) -> None:
        """Tear all plugins down and load them again; files as they are now, installed packages as at the start."""
        self._reload_wanted.set()

    def status(self) -> tuple[PluginStatus, ...]:
        """All plugins that were found, in the order of loading."""
        return tuple(
            PluginStatus(entry.source.name, entry.source.place, tuple(entry.tools), tuple(entry.problems))
            for entry in self._plugins
        )

    # A call.

    async def _run(self, command: RunTool, entry: _Loaded, tool: Tool) -> Outcome:
        assert entry.context is not None
        return await self._calls.run(tool, command.arguments, entry.context)

    def _answer(self, call: CallId, outcome: Outcome) -> None:
        self._post(ToolReturned(call, outcome.text, outcome.ok))

    def _unknown(self, name: str) -> Outcome:
        if not self._tools:
            return Outcome("Not done: no tool is loaded at the moment.", ok=False)
        near = difflib.get_close_matches(name, self._tools, n=3) or sorted(self._tools)
        return Outcome(f"There is no tool {name!r}. Did you mean: {', '.join(near)}?", ok=False)

    def _remember(self, call: CallId) -> None:
        self._seen[call] = None
        if len(self._seen) > REMEMBERED_CALLS:
            del self._seen[next(iter(self._seen))]

    def _disable(self, tool: Tool) -> None:
        entry, offered = self._tools.get(tool.spec.name, (None, None))
        if entry and offered is tool:  # and not one that was loaded since
            del self._tools[tool.spec.name], entry.tools[tool.spec.name]
            entry.problem(f"{tool.spec.name} is disabled until the next reload: its calls hang ({tool.where})")
            self._announce_tools()

    # Tasks.

    def _start(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = group.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        self._driver.give_up_soon()
        await asyncio.wait(tasks)

    # Loading and unloading.

    async def _keep_loaded(self) -> None:
        while True:
            self._reload_wanted.clear()
            await self._load()
            await self._reload_wanted.wait()
            self._tools.clear()
            if self._running:  # calls end with the plugin that they began with
                await asyncio.wait(self._running)
            await self._unload()

    async def _load(self) -> None:
        for source in self._sources():
            entry = _Loaded(source)
            self._plugins.append(entry)
            if any(other.source.name == source.name for other in self._plugins[:-1]):
                entry.problem(f"a plugin with the name {source.name} is loaded already; rename this one")
            else:
                await self._import(entry)
        async with asyncio.TaskGroup() as group:
            for entry in self._plugins:
                group.create_task(self._set_up(entry))
        for entry in self._plugins:
            self._offer(entry)
        self._announce_tools()

    def _sources(self) -> list[Source]:
        found = discovery.installed()
        try:
            found += discovery.in_folder(self._settings.path())
        except PluginError as error:
            _log.error("the plugins folder is left out", reason=str(error))
        for name in set(self._settings.disabled) - {source.name for source in found}:
            _log.warning("a plugin that is not there is disabled", plugin=name)
        return [source for source in found if source.name not in self._settings.disabled]

    async def _import(self, entry: _Loaded) -> None:
        """In a thread: an import may take a second, or for ever."""
        source = entry.source

        def load() -> Found | str:
            try:
                return source.load()
            except PluginError as error:
                return str(error)
            except CRASHES as error:
                _log.error("plugin crashed while it was imported", plugin=source.name, exc_info=error)
                return f"it does not load: {_one_line(error)}"

        importing = in_thread(load, f"import {source.name}")
        if not await ended_within(importing, SETUP_S, self._clock):
            entry.problem(f"it does not load: its import took longer than {SETUP_S:g} s")
        elif isinstance(found := importing.result(), str):
            entry.problem(found)
        else:
            entry.found = found
            self._describe(entry)

    def _describe(self, entry: _Loaded) -> None:
        marked = list(entry.found.functions)
        for plugin in entry.found.plugins:
            marked += discovery.methods_of(plugin)
        for function, options in marked:
            try:
                tool = describe_tool(function, options)
            except ToolSchemaError as error:
                entry.problem(str(error))
                continue
            if other := entry.tools.get(tool.spec.name):
                entry.problem(_same_name(tool, other))
            else:
                entry.tools[tool.spec.name] = tool

    async def _set_up(self, entry: _Loaded) -> None:
        name = entry.source.name
        context = entry.context = HostContext(name, self._services(), self._state_file(entry))
        for plugin in entry.found.plugins:
            entry.ready.append(plugin)
            if problem := await self._guard(partial(plugin.setup, context), f"setup of {name}", SETUP_S):
                entry.problem(f"its setup failed: {problem}")
                entry.tools.clear()
                await self._tear_down(entry)
                return

    def _offer(self, entry: _Loaded) -> None:
        for name, tool in list(entry.tools.items()):
            if name in self._tools:
                del entry.tools[name]
                entry.problem(_same_name(tool, self._tools[name][1]))
            else:
                self._tools[name] = (entry, tool)

    async def _unload(self) -> None:
        self._tools.clear()
        async with asyncio.TaskGroup() as group:
            for entry in self._plugins:
                group.create_task(self._tear_down(entry))
        for entry in self._plugins:
            entry.source.unload()
        self._plugins.clear()

    async def _tear_down(self, entry: _Loaded) -> None:
        for plugin in reversed(entry.ready):
            if problem := await self._guard(plugin.teardown, f"teardown of {entry.source.name}", TEARDOWN_S):
                entry.problem(f"its teardown failed: {problem}")
        entry.ready.clear()
        if entry.context:
            entry.context.close()

    async def _guard(self, function: Callable[[], Awaitable[None]], what: str, limit_s: float) -> str:
        """Run plugin code; what went wrong as one line, or nothing."""

        async def call() -> None:
            await function()

        try:
            await self._driver.drive(call(), what, limit_s)
        except TimeoutError:
            return f"it took longer than {limit_s:g} s"
        except Crashed as crash:
            _log.error("plugin code crashed", code=what, exc_info=crash.error)
            return _one_line(crash.error)
        return ""

    def _spawn(self, callback: Callable[[], Awaitable[None]], plugin: str) -> None:
        if self._group:
            limit_s = self._settings.timeout_s
            self._start(self._group, self._guard(callback, f"callback of {plugin}", limit_s))

    def _services(self) -> Services:
        return Services(asyncio.get_running_loop(), self._post, self._clock, self._volume, self._spawn)

    def _state_file(self, entry: _Loaded) -> StateFile:
        return StateFile(self._state_folder / f"{entry.source.name}.json", entry.problem)

    def _announce_tools(self) -> None:
        self._post(ToolsChanged(tuple(tool.spec for _, tool in self._tools.values())))


def _outcome(ended: asyncio.Task[Outcome]) -> Outcome:
    return STOPPING if ended.cancelled() else ended.result()


def _same_name(tool: Tool, other: Tool) -> str:
    return f"{tool.where}: the name {tool.spec.name} is taken by {other.where}; write @tool(name=...)"


def _one_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
