"""One plugin, from its source to its tools; what goes wrong is kept as its problems, never raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import structlog

from voiced.api import NotConfigured, Plugin
from voiced.errors import ConfigError, PluginError, ToolSchemaError
from voiced.plugins.context import HostContext
from voiced.plugins.discovery import Found, Source, methods_of
from voiced.plugins.steps import CRASHES, Driver, one_line
from voiced.plugins.tables import Tables, give, model_of
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool, describe_tool
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

SETUP_S = 10.0
"""How long a plugin may take to be imported, and again to be set up."""

TEARDOWN_S = 0.5
"""How long a plugin may take to be torn down: all of voiced must be gone 2 s after SIGTERM."""


State = Literal["on", "off", "paused", "broken"]
"""`off`: somebody wants it so, or has not configured it. `broken`: it does not work at all."""


class LoadedPlugin:
    """`tools` by name: empty until `load`, and again when the setup failed."""

    def __init__(self, source: Source, driver: Driver, clock: Clock, tables: Tables) -> None:
        self.name = source.name
        self.place = source.place
        self.tools: dict[str, Tool] = {}
        self.problems: list[str] = []
        self.state: State = "on"
        self.why = ""
        self.permissions: tuple[str, ...] = ()
        self.built_in = source.built_in
        self._source = source
        self._tables = tables
        self._driver = driver
        self._clock = clock
        self._plugins: tuple[Plugin, ...] = ()
        self._ready: list[Plugin] = []
        self._context: HostContext | None = None

    @property
    def context(self) -> HostContext:
        """Once it is set up."""
        assert self._context is not None
        return self._context

    async def load(self) -> None:
        """Import it, in a thread: that may take a second, or for ever."""
        importing = in_thread(self._import, f"import {self.name}")
        if not await ended_within(importing, SETUP_S, self._clock):
            self.report(f"it does not load: its import took longer than {SETUP_S:g} s")
            return
        if error := importing.exception():  # _import() raises nothing: there is no thread for it
            self.report(f"it does not load: {one_line(error)}")
            return
        self._plugins, tools = importing.result()
        for tool in tools:
            if isinstance(tool, str):
                self.report(tool)
            elif other := self.tools.get(tool.spec.name):
                self.report(same_name(tool, other))
            else:
                self.tools[tool.spec.name] = tool

    async def set_up(self, context: HostContext) -> None:
        """Let it begin; where that fails it has no tools."""
        self._context = context
        for plugin in self._plugins:
            self._ready.append(plugin)
            problem = await self._set_up(plugin, context)
            if problem or self.state == "off":
                if problem:
                    self.report(f"its setup failed: {problem}")
                self.tools.clear()
                await self.tear_down()
                return

    async def _set_up(self, plugin: Plugin, context: HostContext) -> str:
        """What went wrong as one line, or nothing: that it is not configured is no mistake."""

        async def set_up() -> None:
            try:
                await plugin.setup(context)
            except NotConfigured as error:
                self._switch_off(error)

        return await self._driver.contain(set_up, f"setup of {self.name}", SETUP_S)

    def _switch_off(self, error: NotConfigured) -> None:
        self.state, self.why = "off", " ".join(str(error).split())
        _log.info("a plugin is off", plugin=self.name, reason=self.why)

    async def tear_down(self) -> None:
        """Let it end."""
        while self._ready:
            teardown = self._ready.pop().teardown
            if problem := await self._driver.contain(teardown, f"teardown of {self.name}", TEARDOWN_S):
                self.report(f"its teardown failed: {problem}")
        if self._context:
            self._context.close()

    def forget(self) -> None:
        """Once it is torn down: the next load reads it anew."""
        self._source.unload()

    def report(self, problem: str) -> None:
        """One line for a person; once, in the log and in `problems`."""
        if problem not in self.problems:
            self.problems.append(problem)
            _log.error("trouble with a plugin", plugin=self.name, place=self.place, problem=problem)

    def _import(self) -> tuple[tuple[Plugin, ...], list[Tool | str]]:
        try:
            found = self._source.load()
            self._configure(found.plugins)
            return found.plugins, list(_describe(found))
        except NotConfigured as error:
            self._switch_off(error)
            return (), []
        except ConfigError as error:
            return (), list(str(error).splitlines())
        except PluginError as error:
            return (), [str(error)]
        except CRASHES as error:
            _log.error("plugin crashed while it was imported", plugin=self.name, exc_info=error)
            return (), [f"it does not load: {one_line(error)}"]

    def _configure(self, plugins: tuple[Plugin, ...]) -> None:
        """Give them their table."""
        model = model_of(plugins)
        if model is not None:
            give(plugins, self._tables.settings_of(self.name, model))
        elif place := self._tables.places.get(self.name):
            self.report(f"{place}: [plugin.{self.name}] is not read: the plugin has no settings; take the table away")


def _describe(found: Found) -> Iterator[Tool | str]:
    """Each tool, or why it is none."""
    for function, options in [*found.functions, *(method for plugin in found.plugins for method in methods_of(plugin))]:
        try:
            yield describe_tool(function, options)
        except ToolSchemaError as error:
            yield str(error)


def same_name(tool: Tool, other: Tool) -> str:
    """Why the second of two tools with one name is refused."""
    return f"{tool.where}: the name {tool.spec.name} is taken by {other.where}; write @tool(name=...)"
