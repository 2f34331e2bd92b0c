"""Keeps plugins loaded and runs their tools; a broken plugin disables itself alone, and is named.

sources ──> load (in a thread) ──> set_up ──> tools, by name ──> ToolsChanged
RunTool ──> ToolCalls ──> ToolReturned
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from voiced.conversation.commands import RunTool
from voiced.conversation.events import CallId, ToolReturned, ToolsChanged
from voiced.errors import PluginError
from voiced.plugins import discovery
from voiced.plugins.calls import Outcome, ToolCalls
from voiced.plugins.context import HostContext, Services
from voiced.plugins.discovery import Source
from voiced.plugins.loading import LoadedPlugin, State, same_name
from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.settings import PluginSettings
from voiced.plugins.state_file import StateFile
from voiced.plugins.steps import Driver
from voiced.plugins.tables import NoTables, Tables
from voiced.plugins.tools import Tool
from voiced.plugins.wall_clock import Clock, SystemClock
from voiced.ports import Post

_log = structlog.get_logger()

T = TypeVar("T")

REMEMBERED_CALLS = 4096
"""A call id that comes again within so many calls is not run again."""

STOPPING = Outcome("Not done: voiced is stopping.", ok=False)


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One plugin, for `voiced status`. `problems`: one line each. `why`: it is not on, in words."""

    name: str
    place: str
    tools: tuple[str, ...]
    problems: tuple[str, ...]
    state: State = "on"
    why: str = ""
    permissions: tuple[str, ...] = ()
    built_in: bool = False


class PluginHost:
    """Implements `ports.ToolRunner`.

    `post`: the hub's inbox. `state_folder`: where plugins keep their state, made on the first write. `volume`: the
    loudness now, 0 to 100; called from any thread. `sources`: the plugins, where they are not to be looked for.
    """

    def __init__(
        self,
        settings: PluginSettings,
        *,
        post: Post,
        state_folder: Path,
        volume: Callable[[], int],
        clock: Clock | None = None,
        tables: Tables | None = None,
        sources: Iterable[Source] | None = None,
    ) -> None:
        self._settings = settings
        self._tables = tables or NoTables()
        self._given = None if sources is None else list(sources)
        self._post = post
        self._state_folder = state_folder
        self._volume = volume
        self._clock = clock or SystemClock()
        self._watch = LoopWatch(self._clock.elapsed)
        self._driver = Driver(self._clock, self._watch)
        self._calls = ToolCalls(settings, self._clock, self._driver, self._disable)
        self._seen: dict[CallId, None] = {}
        self._plugins: list[LoadedPlugin] = []
        self._tools: dict[str, tuple[LoadedPlugin, Tool]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._reload_wanted = asyncio.Event()

    async def run(self) -> None:
        """Load all plugins, post ToolsChanged, run calls until cancelled, then tear the plugins down. Once.

        After its cancellation it needs 1.1 s at most, whatever plugins do between two steps.
        """
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
            plugin, tool = offered
            call = self._start(self._group, self._calls.run(tool, command.arguments, plugin.context))
            call.add_done_callback(lambda ended: self._answer(command.call, _outcome(ended)))

    def reload(self) -> None:
        """Tear all plugins down and load them again; files as they are now, installed packages as at the start."""
        self._reload_wanted.set()

    def status(self) -> tuple[PluginStatus, ...]:
        """All plugins that were found, in the order of loading."""
        return tuple(
            PluginStatus(
                plugin.name,
                plugin.place,
                tuple(plugin.tools),
                tuple(plugin.problems),
                plugin.state,
                plugin.why,
                plugin.permissions,
                plugin.built_in,
            )
            for plugin in self._plugins
        )

    # Calls.

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
        plugin, offered = self._tools.get(tool.spec.name, (None, None))
        if plugin and offered is tool:  # and not one that was loaded since
            del self._tools[tool.spec.name], plugin.tools[tool.spec.name]
            plugin.report(f"{tool.spec.name} is disabled until the next reload: its calls hang ({tool.where})")
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

    def _spawn(self, callback: Callable[[], Awaitable[None]], plugin: str) -> None:
        if self._group:
            limit_s = self._settings.timeout_s
            self._start(self._group, self._driver.contain(callback, f"callback of {plugin}", limit_s))

    # Loading.

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
            plugin = LoadedPlugin(source, self._driver, self._clock, self._tables)
            taken = any(other.name == plugin.name for other in self._plugins)
            self._plugins.append(plugin)
            if taken:
                plugin.report(f"a plugin with the name {plugin.name} is loaded already; rename this one")
            else:
                await plugin.load()
        async with asyncio.TaskGroup() as group:
            for plugin in self._plugins:
                group.create_task(plugin.set_up(self._context(plugin)))
        for plugin in self._plugins:
            self._offer(plugin)
        self._announce_tools()

    def _sources(self) -> list[Source]:
        if self._given is not None:
            return self._given
        found = discovery.installed()
        try:
            found += discovery.in_folder(self._settings.path())
        except PluginError as error:
            _log.error("the plugins folder is left out", reason=str(error))
        for name in set(self._settings.disabled) - {source.name for source in found}:
            _log.warning("a plugin that is not there is disabled", plugin=name)
        return [source for source in found if source.name not in self._settings.disabled]

    def _context(self, plugin: LoadedPlugin) -> HostContext:
        services = Services(asyncio.get_running_loop(), self._post, self._clock, self._volume, self._spawn)
        state = StateFile(self._state_folder / f"{plugin.name}.json", plugin.report)
        return HostContext(plugin.name, services, state)

    def _offer(self, plugin: LoadedPlugin) -> None:
        for name, tool in list(plugin.tools.items()):
            if name in self._tools:
                del plugin.tools[name]
                plugin.report(same_name(tool, self._tools[name][1]))
            else:
                self._tools[name] = (plugin, tool)

    async def _unload(self) -> None:
        self._tools.clear()
        async with asyncio.TaskGroup() as group:
            for plugin in self._plugins:
                group.create_task(plugin.tear_down())
        for plugin in self._plugins:
            plugin.forget()
        self._plugins.clear()

    def _announce_tools(self) -> None:
        self._post(ToolsChanged(tuple(tool.spec for _, tool in self._tools.values())))


def _outcome(ended: asyncio.Task[Outcome]) -> Outcome:
    return STOPPING if ended.cancelled() else ended.result()
