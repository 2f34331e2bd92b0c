"""What plugins are like, for people: they are imported, and none is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from voiced.api import PERMISSIONS
from voiced.conversation.events import ToolSpec
from voiced.plugins import guard
from voiced.plugins.discovery import Source
from voiced.plugins.host import PluginStatus
from voiced.plugins.loading import LoadedPlugin, Workshop
from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.offer import Offer
from voiced.plugins.printing import to_the_log
from voiced.plugins.steps import Driver
from voiced.plugins.tables import Tables
from voiced.plugins.task_watch import TaskWatch
from voiced.plugins.wall_clock import SystemClock


@dataclass(frozen=True, slots=True)
class Survey:
    """`plugins` in the order of their sources. `tools`: those that the model would be offered."""

    plugins: tuple[PluginStatus, ...]
    tools: tuple[ToolSpec, ...]
    places: dict[str, str]
    """Of each tool its file, line and function."""

    def owner(self, tool: str) -> str | None:
        """The name of the plugin that has it."""
        return next((plugin.name for plugin in self.plugins if tool in plugin.tools), None)


async def survey(
    sources: Iterable[Source], tables: Tables, denied: tuple[str, ...], why_off: Callable[[str], str] = lambda name: ""
) -> Survey:
    """Import them, one after the other. `why_off`: why the plugin of that name is not wanted, or nothing."""
    clock = SystemClock()
    watch = LoopWatch(clock.elapsed)
    workshop = Workshop(
        Driver(clock, watch),
        clock,
        TaskWatch(watch, clock),
        tables,
        denied,
        own=lambda name: (),
        crashed=lambda plugin, what: None,
    )
    plugins: list[LoadedPlugin] = []
    offer = Offer()
    guard.install()
    with to_the_log():
        for source in sources:
            plugin = LoadedPlugin(source, workshop)
            if why := why_off(source.name):
                plugin.switch_off("off", why)
            elif any(other.name == source.name for other in plugins):
                plugin.refuse(f"a plugin with the name {source.name} is loaded already; rename this one")
            else:
                await plugin.load()
                offer.admit(plugin)
            plugins.append(plugin)
        offer.settle(plugins)
    return Survey(
        tuple(_status(plugin, offer.names(plugin)) for plugin in plugins),
        offer.specs,
        {name: tool.where for plugin in plugins for name, tool in plugin.tools.items()},
    )


def _status(plugin: LoadedPlugin, tools: tuple[str, ...]) -> PluginStatus:
    return PluginStatus(
        plugin.name,
        plugin.place,
        tools,
        tuple(plugin.problems),
        plugin.state,
        plugin.why,
        tuple(name for name in PERMISSIONS if name in plugin.permissions),
        plugin.built_in,
    )
