"""Keeps plugins loaded and runs their tools; a broken plugin disables itself alone, and is named.

sources ──> load (each in a thread) ──> set_up ──> Offer ──> ToolsChanged
RunTool ──> ToolCalls ──> ToolReturned
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, assert_never

import structlog

from voiced.ai.service import AiService
from voiced.api import PERMISSIONS, Ai
from voiced.conversation.commands import CancelTool, Fact, RequestEnded, RunTool, SoundBegun, ToolCommand
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    CallId,
    CardWithdrawn,
    EarconAsked,
    Event,
    ToolReturned,
    ToolsChanged,
)
from voiced.errors import PluginError
from voiced.plugins import discovery, guard, switches
from voiced.plugins.acting import ACTING, Actor, acting, ourselves
from voiced.plugins.calls import ToolCalls
from voiced.plugins.context import HostContext, Services
from voiced.plugins.crashes import LIMIT
from voiced.plugins.discovery import Source
from voiced.plugins.loading import LoadedPlugin, State, Workshop
from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.offer import Offer
from voiced.plugins.outcomes import STOPPING, Outcome
from voiced.plugins.permissions import Permissions
from voiced.plugins.printing import to_the_log
from voiced.plugins.settings import PluginSettings
from voiced.plugins.speech import Speech
from voiced.plugins.state_file import StateFile
from voiced.plugins.steps import GRACE_S, Driver, in_short
from voiced.plugins.subscriptions import Subscriptions
from voiced.plugins.tables import NoTables, Tables, strangers
from voiced.plugins.task_watch import TaskWatch
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool
from voiced.plugins.traces import MOST_ANNOUNCEMENTS
from voiced.plugins.wall_clock import Clock, SystemClock
from voiced.ports import Post

_log = structlog.get_logger()

T = TypeVar("T")

REMEMBERED_CALLS: Final = 4096
"""A call id that comes again within so many calls is not run again."""

RELOADED: Final = Outcome("Not finished: the plugin was loaded anew.", ok=False)

FIRST_BATCH_S: Final = 1.0
"""Tools that are ready by then are offered together, the others as they come."""

DATA: Final = "plugins"
"""Where in the state folder plugins have folders of their own."""


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
    """Implements `ports.ToolRunner` and `ports.StatusSink`.

    `post`: the hub's inbox. `state_folder`: where plugins keep their state, made on the first write. `volume`: the
    loudness now, 0 to 100; called from any thread. `tables`: the settings of single plugins. `environ`: where their
    secrets may be. `ai`: the API, for those that may use it. `sources`: the plugins, where they are not to be looked
    for.
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
        environ: Mapping[str, str] | None = None,
        ai: Ai | None = None,
        sources: Iterable[Source] | None = None,
    ) -> None:
        self._settings = settings
        self._tables = tables or NoTables()
        self._given = None if sources is None else list(sources)
        self._inbox = post
        self._state_folder = state_folder
        self._volume = volume
        self._environ = environ or {}
        self._ai = ai
        self._clock = clock or SystemClock()
        self._watch = LoopWatch(self._clock.elapsed)
        self._driver = Driver(self._clock, self._watch)
        self._tasks = TaskWatch(self._watch, self._clock)
        self._speech = Speech()
        self._subscriptions = Subscriptions()
        self._offer = Offer()
        self._calls, self._calls_of = self._make_calls(), settings
        self._seen: dict[CallId, None] = {}
        self._plugins: list[LoadedPlugin] = []
        self._off: frozenset[str] = frozenset()
        """Those that somebody switched off."""
        self._unwritten = False
        self._group: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._loading: dict[LoadedPlugin, asyncio.Task[None]] = {}
        self._looking: set[LoadedPlugin] = set()
        self._gathering = False
        self._wanted: dict[str, None] = {}
        """What is to be loaded anew: plugins by name, "" for all."""
        self._work = asyncio.Event()

    async def run(self) -> None:
        """Load all plugins, post ToolsChanged, run calls until cancelled, then tear the plugins down. Once.

        After its cancellation it needs 1.4 s at most, whatever plugins do between two steps.
        """
        guard.install()
        with to_the_log(), self._tasks.watching():
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._watch.start()
                loader = group.create_task(self._keep_loaded())
                try:
                    await asyncio.wait({loader})
                finally:
                    self._group = None
                    await self._end({loader, *self._running})
                    await self._unload(self._plugins)
                    self._watch.stop()

    def do(self, command: ToolCommand) -> None:
        """Start a tool; exactly one ToolReturned follows for each call id. Or have one end sooner."""
        match command:
            case RunTool():
                self._run_tool(command)
            case CancelTool(call):
                self._calls.cancel(call)
            case _:
                assert_never(command)

    def report(self, fact: Fact) -> None:
        """What happens, for plugins that subscribed, and for those that wait until something was said."""
        if isinstance(fact, RequestEnded):
            self._speech.ended(fact)
            for plugin in self._plugins:
                if asked := plugin.told(fact.request):
                    self._inbox(asked)
        elif isinstance(fact, SoundBegun):
            self._speech.begun(fact.request)
        self._subscriptions.report(fact)

    def reload(self, name: str = "", *, settings: PluginSettings | None = None, tables: Tables | None = None) -> None:
        """Tear one plugin down, or all, and load it again; files as they are now, packages as at the start.

        `settings`, `tables`: from now on. Raises PluginError where there is no such plugin.
        """
        if name:
            self._known(name)
        self._settings = settings or self._settings
        self._tables = tables or self._tables
        self._want(name)

    def enable(self, name: str) -> None:
        """Switch a plugin on, also for the next start; one that is paused gets a new try. Raises PluginError."""
        self._known(name)
        if name in self._settings.disabled:
            raise PluginError(f"plugins.disabled in the settings names {name}; take it out there, then: voiced reload")
        if name in self._off or any(plugin.name == name and plugin.state != "on" for plugin in self._plugins):
            self._switch(self._off - {name}, name)

    def disable(self, name: str) -> None:
        """Switch a plugin off, also for the next start. Raises PluginError."""
        self._known(name)
        self._switch(self._off | {name}, name)

    def switch(self, name: str, action: Literal["enable", "disable", "reload"]) -> None:
        """One of these three. Raises PluginError."""
        match action:
            case "enable":
                self.enable(name)
            case "disable":
                self.disable(name)
            case "reload":
                self.reload(name)
            case _:
                assert_never(action)

    def status(self) -> tuple[PluginStatus, ...]:
        """All plugins that were found, in the order of loading."""
        return tuple(
            PluginStatus(
                plugin.name,
                plugin.place,
                self._offer.names(plugin),
                tuple(plugin.problems),
                plugin.state,
                "it is being loaded" if plugin in self._loading else plugin.why,
                tuple(name for name in PERMISSIONS if name in plugin.permissions),
                plugin.built_in,
            )
            for plugin in self._plugins
        )

    # Calls.

    def _run_tool(self, command: RunTool) -> None:
        if command.call in self._seen:
            _log.warning("tool call came twice and is not run again", call=command.call, tool=command.name)
            return
        self._remember(command.call)
        offered = self._offer.find(command.name)
        if self._group is None:
            self._answer(command.call, STOPPING)
        elif offered is None:
            self._answer(command.call, self._unknown(command.name))
        else:
            plugin, tool = offered
            call = self._start(plugin, self._call(plugin, tool, command))
            call.add_done_callback(lambda ended: self._returned(plugin, command.call, ended))

    async def _call(self, plugin: LoadedPlugin, tool: Tool, command: RunTool) -> Outcome:
        with acting(plugin.actor(tool.permissions)):
            return await self._calls.run(command.call, tool, command.arguments, plugin.context)

    def _returned(self, plugin: LoadedPlugin, call: CallId, ended: asyncio.Task[Outcome]) -> None:
        if ended.cancelled():
            self._answer(call, STOPPING if self._group is None else RELOADED)
        else:
            outcome = ended.result()
            self._answer(call, outcome)
            if outcome.crashed:
                self._crashed(plugin, outcome.crashed)
        self._look(plugin)

    def _answer(self, call: CallId, outcome: Outcome) -> None:
        self._post(ToolReturned(call, outcome.text, outcome.ok, outcome.spoken, outcome.images))

    def _unknown(self, name: str) -> Outcome:
        names = self._offer.names()
        if not names:
            return Outcome("Not done: no tool is loaded at the moment.", ok=False)
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)
        return Outcome(f"There is no tool {name!r}. Did you mean: {', '.join(near)}?", ok=False)

    def _remember(self, call: CallId) -> None:
        self._seen[call] = None
        if len(self._seen) > REMEMBERED_CALLS:
            del self._seen[next(iter(self._seen))]

    def _make_calls(self) -> ToolCalls:
        return ToolCalls(
            self._settings,
            self._clock,
            self._driver,
            self._disable,
            self._start_background,
            self._background_crashed,
            self._make_ready,
        )

    async def _make_ready(self, permissions: Permissions) -> None:
        """What plugin code with these permissions may use is imported first: the loop must not wait for that later."""
        if "api" in permissions and isinstance(self._ai, AiService):
            with ourselves():
                await self._ai.load()

    def _disable(self, tool: Tool) -> None:
        plugin, offered = self._offer.find(tool.spec.name) or (None, None)
        if plugin and offered is tool:  # and not one that was loaded since
            del plugin.tools[tool.spec.name]
            plugin.report(f"{tool.spec.name} is disabled until the next reload: its calls hang ({tool.where})")
            self._settle()

    # Crashes.

    def _background_crashed(self, tool: Tool, outcome: Outcome) -> None:
        for plugin in self._plugins:
            if plugin.tools.get(tool.spec.name) is tool:
                self._crashed(plugin, outcome.crashed)

    def _crashed(self, plugin: LoadedPlugin, what: str) -> None:
        """One more; a plugin that crashes again and again is paused."""
        if self._group is None or plugin.state != "on" or not plugin.crashes.add(self._clock.elapsed()):
            return
        plugin.state = "paused"
        plugin.why = (
            f"paused after {LIMIT} crashes, last: {what}; `voiced reload`, or `voiced plugin enable {plugin.name}`, "
            "lets it try again"
        )
        plugin.report(plugin.why)
        self._offer.withdraw(plugin)
        self._settle()
        self._start(None, self._retire(plugin))
        words = plugin.name.replace("_", " ").replace("-", " ")
        self._post(
            AnnouncementAsked(
                self._speech.name(plugin.name), f"I have paused the plugin {words}: it keeps failing.", "failed"
            )
        )

    async def _retire(self, plugin: LoadedPlugin) -> None:
        await self._calls_over([plugin])
        await plugin.tear_down()

    # Tasks.

    def _start(self, plugin: LoadedPlugin | None, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of our own, for this plugin."""
        assert self._group is not None
        with ourselves():
            task = self._group.create_task(work)
        for running in (self._running, *([plugin.running] if plugin else [])):
            running.add(task)
            task.add_done_callback(running.discard)
        return task

    def _start_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """A call goes on when it was answered: whose it is, is known from who acts."""
        actor = ACTING.get()
        plugin = next((plugin for plugin in self._plugins if actor and plugin.acts_as(actor)), None)
        if self._group is None or actor is None or plugin is None:
            work.close()
            return None

        async def go_on() -> None:
            with acting(actor):
                await work

        return self._start(plugin, go_on())

    async def _end(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        if tasks:
            for task in tasks:
                task.cancel()
            self._driver.give_up_soon(tasks)
            await asyncio.wait(tasks)

    def _spawn(self, callback: Callable[[], Awaitable[None]], plugin: str) -> None:
        owner = next((each for each in self._plugins if each.name == plugin), None)
        if self._group and owner:
            self._start(owner, self._call_back(owner, callback))

    async def _call_back(self, plugin: LoadedPlugin, callback: Callable[[], Awaitable[None]]) -> None:
        await self._make_ready(plugin.permissions)
        with acting(plugin.actor()):
            name, limit_s = f"callback of {plugin.name}", self._settings.timeout_s
            problem = await self._driver.contain(callback, name, limit_s, in_short)
        if problem:
            self._crashed(plugin, f"a callback: {problem}")

    def _post(self, event: Event) -> None:
        """What comes of it is ours, also where a plugin asked for it."""
        actor = ACTING.get()
        with ourselves():
            if actor is None or self._may_wish(actor, event):
                self._inbox(event)

    def _may_wish(self, actor: Actor, event: Event) -> bool:
        """A flood of wishes is none that people would want fulfilled."""
        match event:
            case AnnouncementWithdrawn(request):
                return not actor.traces.withdraw(request)
            case AnnouncementAsked(call=call) if call is not None:  # the core counts them
                return True
            case CardWithdrawn():  # of one that was shown
                return True
            case AnnouncementAsked(request):
                if not actor.traces.may_wish(aloud=True) or actor.traces.held() >= MOST_ANNOUNCEMENTS:
                    self._speech.ended(RequestEnded(request, error="it announces too much"))
                    return False
                return actor.traces.may_wait(event)
            case _:
                return actor.traces.may_wish(aloud=isinstance(event, EarconAsked))

    # Loading.

    def _want(self, name: str) -> None:
        self._wanted[name] = None
        self._work.set()

    def _known(self, name: str) -> None:
        """Raises PluginError where there is no such plugin."""
        names = {plugin.name for plugin in self._plugins} | {source.name for source in self._in_folder()}
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            known = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names)) or 'none'}"
            raise PluginError(f"there is no plugin {name}; {known}")

    def _switch(self, off: frozenset[str], name: str) -> None:
        self._off = off
        self._unwritten = True
        self._want(name)

    async def _keep_loaded(self) -> None:
        await self._load_all()
        while True:
            await self._work.wait()
            self._work.clear()
            wanted, self._wanted = self._wanted, {}
            if self._unwritten:
                await self._write_switches()
            if "" in wanted:
                await self._unload(self._plugins)
                await self._load_all()
            else:
                for name in wanted:
                    await self._load_one(name)

    async def _read_switches(self) -> frozenset[str]:
        path = switches.path_in(self._state_folder)
        try:
            return await in_thread(lambda: switches.read(path), "read switches")
        except (OSError, PluginError) as error:
            _log.error("no plugin is switched off", reason=str(error))
            return frozenset()

    async def _write_switches(self) -> None:
        path, off = switches.path_in(self._state_folder), self._off
        self._unwritten = False
        try:
            await in_thread(lambda: switches.write(path, off), "write switches")
        except (OSError, PluginError) as error:
            _log.error("the next start will not know which plugins are switched off", reason=str(error))

    async def _load_all(self) -> None:
        if not self._unwritten:
            self._off = await self._read_switches()
        if self._calls_of != self._settings:
            self._calls, self._calls_of = self._make_calls(), self._settings
        sources = self._sources()
        self._plugins = [LoadedPlugin(source, self._workshop()) for source in sources]
        names: set[str] = set()
        for plugin in self._plugins:
            if plugin.name in names and not self._off_because(plugin.name):
                plugin.refuse(f"a plugin with the name {plugin.name} is loaded already; rename this one")
            names.add(plugin.name)
        for line in strangers(self._settings, self._tables, names) if self._given is None else ():
            _log.warning("a plugin that is not there has settings", reason=line)
        await self._bring_up(self._plugins)

    async def _load_one(self, name: str) -> None:
        """Anew, where it was; or for the first time."""
        old = [plugin for plugin in self._plugins if plugin.name == name]
        at = self._plugins.index(old[0]) if old else len(self._plugins)
        await self._unload(old)
        new = [LoadedPlugin(source, self._workshop()) for source in self._sources() if source.name == name][:1]
        self._plugins[at:at] = new
        await self._bring_up(new)

    def _workshop(self) -> Workshop:
        return Workshop(
            self._driver,
            self._clock,
            self._tasks,
            self._tables,
            self._settings.denied,
            self._own_paths,
            self._crashed,
        )

    def _own_paths(self, name: str) -> tuple[str, ...]:
        """Of its state, and of its folder."""
        return (f"{self._state_folder.absolute() / name}.", f"{self._state_folder.absolute() / DATA / name}/")

    def _sources(self) -> list[Source]:
        if self._given is not None:
            return self._given
        return discovery.installed() + self._in_folder()

    def _in_folder(self) -> list[Source]:
        if self._given is not None:
            return self._given
        try:
            return discovery.in_folder(self._settings.path())
        except PluginError as error:
            _log.error("the plugins folder is left out", reason=str(error))
            return []

    def _off_because(self, name: str) -> str:
        return switches.why_off(name, self._settings.disabled, self._off)

    async def _bring_up(self, plugins: Sequence[LoadedPlugin]) -> None:
        """Load all at once; offer those that are ready soon, in their order, and the others as they come."""
        for plugin in plugins:
            if why := self._off_because(plugin.name):
                plugin.switch_off("off", why)
        wanted = [plugin for plugin in plugins if plugin.state == "on"]
        self._gathering = True
        for plugin in wanted:
            self._loading[plugin] = self._start(None, self._load(plugin))
        first = asyncio.gather(*(self._loading[plugin] for plugin in wanted), return_exceptions=True)
        await ended_within(first, FIRST_BATCH_S, self._clock)
        self._gathering = False
        for plugin in wanted:
            self._admit(plugin)
        self._offer.settle(self._plugins)
        self._announce()

    async def _load(self, plugin: LoadedPlugin) -> None:
        try:
            await plugin.load()
            await plugin.set_up(self._context(plugin))
        finally:
            self._loading.pop(plugin, None)
        if not self._gathering:
            self._admit(plugin)
            self._settle()

    def _admit(self, plugin: LoadedPlugin) -> None:
        if plugin.ready and plugin.state == "on":
            self._offer.admit(plugin)

    def _context(self, plugin: LoadedPlugin) -> HostContext:
        services = Services(
            asyncio.get_running_loop(),
            self._post,
            self._clock,
            self._volume,
            self._spawn,
            self._speech,
            self._subscriptions,
            tools_changed=self._tools_changed,
            data_folder=self._state_folder / DATA,
            environ=self._environ,
            ai=self._ai,
        )
        state = StateFile(self._state_folder / f"{plugin.name}.json", plugin.report)
        return HostContext(plugin.name, services, state, permissions=plugin.own_permissions, settings=plugin.settings)

    async def _unload(self, plugins: Sequence[LoadedPlugin]) -> None:
        """Calls end with the plugin that they began with, in their own time."""
        plugins = list(plugins)
        for plugin in plugins:
            self._offer.withdraw(plugin)
        await self._end([self._loading[plugin] for plugin in plugins if plugin in self._loading])
        await self._calls_over(plugins)
        async with asyncio.TaskGroup() as group:
            for plugin in plugins:
                group.create_task(plugin.tear_down())
        for plugin in plugins:
            plugin.forget()
            self._plugins.remove(plugin)

    async def _calls_over(self, plugins: Sequence[LoadedPlugin]) -> None:
        """What runs in the background is ended, the rest after the longest time that a call may take."""
        for plugin in plugins:
            self._calls.end_background(plugin.name)
        running = {task for plugin in plugins for task in plugin.running}
        if not running or self._group is None:
            return
        longest = [
            tool.timeout_s for plugin in plugins for tool in plugin.tools.values() if not tool.options.background
        ]
        limit_s = max([self._settings.timeout_s, *(each for each in longest if each)]) + GRACE_S
        over = asyncio.ensure_future(asyncio.wait(running))
        if not await ended_within(over, limit_s, self._clock):
            await self._end(running)

    # The offer.

    def _tools_changed(self, name: str) -> None:
        for plugin in self._plugins:
            if plugin.name == name:
                self._look(plugin)

    def _look(self, plugin: LoadedPlugin) -> None:
        """See anew which tools it offers; not twice at one time."""
        if self._group is None or not plugin.ready or not plugin.varies or plugin in self._looking:
            return
        self._looking.add(plugin)
        self._start(plugin, self._look_at(plugin))

    async def _look_at(self, plugin: LoadedPlugin) -> None:
        self._looking.discard(plugin)  # what changes from now on is seen by another look
        await plugin.look()
        self._admit(plugin)
        self._settle()

    def _settle(self) -> None:
        if self._offer.settle(self._plugins):
            self._announce()

    def _announce(self) -> None:
        self._post(ToolsChanged(self._offer.specs))
