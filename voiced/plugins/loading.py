"""One plugin, from its source to its tools; what goes wrong is kept as its problems, never raised."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import structlog

from voiced.api import PERMISSIONS, DynamicTool, NotConfigured, Permission, Plugin, PluginSettings
from voiced.conversation.events import AnnouncementAsked
from voiced.errors import ConfigError, PluginError, ToolSchemaError
from voiced.plugins.acting import Actor, acting, ourselves
from voiced.plugins.context import HostContext
from voiced.plugins.crashes import Crashes
from voiced.plugins.discovery import Found, Source, methods_of
from voiced.plugins.permissions import NONE, Permissions, declared
from voiced.plugins.steps import CRASHES, Driver, one_line
from voiced.plugins.tables import Tables, give, model_of
from voiced.plugins.task_watch import TaskWatch
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool, describe_dynamic, describe_tool
from voiced.plugins.traces import Traces
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

SETUP_S: Final = 10.0
"""How long a plugin may take to be imported, and again to be set up."""

TEARDOWN_S: Final = 0.5
"""How long a plugin may take to be torn down: all of voiced must be gone 2 s after SIGTERM."""

LOOK_S: Final = 1.0
"""How long it may take to say which tools it offers now; more is a plugin that blocks."""

MOST_PROBLEMS: Final = 50
"""Of one plugin; what comes after them is not told."""

State = Literal["on", "off", "paused", "broken"]
"""`off`: somebody wants it so, or has not configured it. `broken`: it does not work at all."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all plugins are loaded with. `denied`: as the settings have it. `own`: the beginnings of the paths that a
    plugin may change without asking, by its name. `crashed`: called with a plugin and what went wrong.
    """

    driver: Driver
    clock: Clock
    tasks: TaskWatch
    tables: Tables
    denied: tuple[str, ...]
    own: Callable[[str], tuple[str, ...]]
    crashed: Callable[[LoadedPlugin, str], None]


class LoadedPlugin:
    """`tools` by name: empty until `load`, and again when the setup failed. `hidden`: those whose `when` is not true.

    `why`: it is not on, in words. `running`: its calls and callbacks.
    """

    def __init__(self, source: Source, workshop: Workshop) -> None:
        self.name = source.name
        self.place = source.place
        self.built_in = source.built_in
        self.tools: dict[str, Tool] = {}
        self.hidden: frozenset[str] = frozenset()
        self.problems: list[str] = []
        self.state: State = "on"
        self.why = ""
        self.ready = False
        self.crashes = Crashes()
        self.running: set[asyncio.Task[Any]] = set()
        self.settings: PluginSettings | None = None
        self._source = source
        self._workshop = workshop
        self._traces = Traces(self.name, workshop.clock.elapsed, self.report, lambda what: workshop.crashed(self, what))
        self._permissions: Permissions = NONE
        self._plugins: tuple[Plugin, ...] = ()
        self._dynamic: dict[str, tuple[DynamicTool, Tool]] = {}
        self._set_up: list[Plugin] = []
        self._context: HostContext | None = None

    @property
    def context(self) -> HostContext:
        """Once it is set up."""
        assert self._context is not None
        return self._context

    @property
    def permissions(self) -> Permissions:
        """Those that its classes and its tools declare."""
        return self._permissions.union(*(tool.permissions for tool in self.tools.values()))

    @property
    def varies(self) -> bool:
        """Whether it may have other tools, or offer others, after each call."""
        own = [type(plugin).dynamic_tools is not Plugin.dynamic_tools for plugin in self._plugins]
        return any(own) or any(tool.options.when is not None for tool in self.tools.values())

    def told(self, request: str) -> AnnouncementAsked | None:
        """An announcement, of whomever, is over; gives the plugin's next one that was held back."""
        return self._traces.told(request)

    def acts_as(self, actor: Actor) -> bool:
        """Whether it is the one who acts, and not one of its name that was there before."""
        return actor.traces is self._traces

    @property
    def own_permissions(self) -> Permissions:
        """Those of its classes, for what is no call of a tool."""
        return self._permissions

    def actor(self, permissions: Permissions | None = None) -> Actor:
        """It, while its code runs with these permissions, or with all that any part of it declares."""
        given = self.permissions if permissions is None else permissions
        return Actor(self.name, given, self._workshop.own(self.name), self._traces)

    async def load(self) -> None:
        """Import it, in a thread: that may take a second, or for ever."""
        everything = frozenset(name for name in get_args(Permission) if not self._denial(name))
        with acting(self.actor(everything)):
            importing = in_thread(self._import, f"import {self.name}")
        if not await ended_within(importing, SETUP_S, self._workshop.clock):
            self.refuse(f"it does not load: its import took longer than {SETUP_S:g} s")
            return
        if error := importing.exception():  # _import() raises nothing: there is no thread for it
            self.refuse(f"it does not load: {one_line(error)}")
            return
        for tool in importing.result():
            if isinstance(tool, str):
                self.report(tool)
            elif other := self.tools.get(tool.spec.name):
                self.report(same_name(tool, other))
            elif denied := self._denied(tool.permissions):
                self.report(f"{tool.where}: it is not offered: {denied}")
            else:
                self.tools[tool.spec.name] = tool
        if not self.tools and not self._plugins and self.state == "on":
            self.state, self.why = "broken", self.problems[0] if self.problems else "it has no tool"

    async def set_up(self, context: HostContext) -> None:
        """Let it begin; where that fails it has no tools."""
        self._context = context
        if self.state != "on":
            return
        for plugin in self._plugins:
            problem = await self._begin(plugin, context)
            if problem:
                self.refuse(f"its setup failed: {problem}")
            if problem or self.state != "on":
                await self.tear_down()
                return
            self._set_up.append(plugin)
        await self.look()
        self.ready = True

    async def look(self) -> None:
        """Ask each `when`, and for the dynamic tools."""

        async def look() -> None:
            found = [(plugin, dynamic) for plugin in self._plugins for dynamic in plugin.dynamic_tools()]
            known, self._dynamic = self._dynamic, {}
            for name in known:
                self.tools.pop(name, None)
            for plugin, dynamic in found:
                self._add(plugin, dynamic, known)
            self.hidden = frozenset(name for name, tool in self.tools.items() if not tool.is_offered(self.report))

        if problem := await self._contain(look, "the tools", LOOK_S):
            self.report(f"it can't tell which tools it has: {problem}")
            self._workshop.crashed(self, problem)

    async def tear_down(self) -> None:
        """Let it end, and take away what it leaves."""
        self.ready = False
        self.tools.clear()
        if self._context:
            self._context.hush()
        while self._set_up:
            teardown = self._set_up.pop().teardown
            if problem := await self._contain(teardown, "teardown", TEARDOWN_S):
                self.report(f"its teardown failed: {problem}")
        if self._context:
            self._context.close()
        await self._workshop.tasks.end(self._traces)
        self._traces.flush()

    def forget(self) -> None:
        """Once it is torn down: the next load reads it anew."""
        self._source.unload()

    def switch_off(self, state: State, why: str) -> None:
        """It is not on, and that is no mistake."""
        self.state, self.why = state, why
        _log.info("a plugin is off", plugin=self.name, reason=why)

    def refuse(self, problem: str) -> None:
        """It does not work at all."""
        self.state, self.why = "broken", problem
        self.report(problem)

    def report(self, problem: str) -> None:
        """One line for a person; once, in the log and in `problems`."""
        if problem not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
            with ourselves():
                _log.error("trouble with a plugin", plugin=self.name, place=self.place, problem=problem)

    async def _begin(self, plugin: Plugin, context: HostContext) -> str:
        """What went wrong as one line, or nothing: that it is not configured is no mistake."""

        async def set_up() -> None:
            try:
                await plugin.setup(context)
            except NotConfigured as error:
                self.switch_off("off", _words(error))

        return await self._contain(set_up, "setup", SETUP_S)

    async def _contain(self, function: Callable[[], Awaitable[None]], what: str, limit_s: float) -> str:
        with acting(self.actor(self._permissions)):
            return await self._workshop.driver.contain(function, f"{what} of {self.name}", limit_s)

    def _add(self, plugin: Plugin, dynamic: DynamicTool, known: Mapping[str, tuple[DynamicTool, Tool]]) -> None:
        """A tool that is there now. To describe it takes a while: where it is as it was, that stands."""
        where = f"{type(plugin).__qualname__}.dynamic_tools"
        before, tool = known.get(dynamic.name, (None, None))
        try:
            if tool is None or before != dynamic:
                tool = describe_dynamic(dynamic, where, plugin)
        except ToolSchemaError as error:
            self.report(str(error))
            return
        if other := self.tools.get(tool.spec.name):
            self.report(same_name(tool, other))
        elif denied := self._denied(tool.permissions):
            self.report(f"{where}: {tool.spec.name} is not offered: {denied}")
        else:
            self.tools[tool.spec.name] = tool
            self._dynamic[tool.spec.name] = (dynamic, tool)

    # In the thread of the import.

    def _import(self) -> list[Tool | str]:
        try:
            found = self._source.load()
            self._plugins = found.plugins
            self._configure(found.plugins)  # what one may do may hang on its settings
            self._permissions = NONE.union(*map(_declared, found.plugins))
            if denied := self._denied(self._permissions):
                self.switch_off("off", denied)
                return [denied]
            return list(_describe(found))
        except NotConfigured as error:
            self.switch_off("off", _words(error))
            return []
        except ConfigError as error:
            first, *others = str(error).splitlines()
            self.refuse(first)
            return list(others)
        except PluginError as error:
            self.refuse(str(error))
            return []
        except CRASHES as error:
            _log.error("plugin crashed while it was imported", plugin=self.name, exc_info=error)
            self.refuse(f"it does not load: {one_line(error)}")
            return []

    def _configure(self, plugins: tuple[Plugin, ...]) -> None:
        """Give them their table."""
        tables, model = self._workshop.tables, model_of(plugins)
        if model is not None:
            self.settings = tables.settings_of(self.name, model)
            give(plugins, self.settings)
        elif place := tables.places.get(self.name):
            self.report(f"{place}: [plugin.{self.name}] is not read: the plugin has no settings; take the table away")

    def _denied(self, permissions: Permissions) -> str:
        """Why these are not all granted, or nothing."""
        for name in PERMISSIONS:
            if name in permissions and (denial := self._denial(name)):
                return f'it needs the permission "{name}", and plugins.denied in the settings has "{denial}"'
        return ""

    def _denial(self, permission: str) -> str:
        """What in the settings denies it."""
        denying = (permission, f"{self.name}.{permission}")
        return next((entry for entry in self._workshop.denied if entry in denying), "")


def _declared(plugin: Plugin) -> Permissions:
    """Raises ToolSchemaError, with the place of the class."""
    try:
        return declared(plugin.permissions)
    except ToolSchemaError as error:
        kind = type(plugin)
        with suppress(OSError, TypeError):  # its source is not there
            _, line = inspect.getsourcelines(kind)
            raise ToolSchemaError(f"{inspect.getsourcefile(kind)}:{line} {kind.__qualname__}: {error}") from error
        raise


def _describe(found: Found) -> Iterator[Tool | str]:
    """Each tool, or why it is none."""
    for function, options in [*found.functions, *(method for plugin in found.plugins for method in methods_of(plugin))]:
        try:
            yield describe_tool(function, options)
        except ToolSchemaError as error:
            yield str(error)


def same_name(tool: Tool, other: Tool) -> str:
    """Why the second of two tools with one name is refused."""
    another = "@tool(name=...), or the prefix of an MCP server"
    return f"{tool.where}: the name {tool.spec.name} is taken by {other.where}; give it another: {another}"


def _words(error: NotConfigured) -> str:
    return " ".join(str(error).split())
