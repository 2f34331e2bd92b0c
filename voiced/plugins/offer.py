"""Which tools the model is offered: each name once, at most as many as a model takes, in the order of the plugins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from voiced.conversation.events import ToolSpec
from voiced.plugins.loading import LoadedPlugin, same_name
from voiced.plugins.tools import Tool

MOST_TOOLS: Final = 128
"""OpenAI's limit for one session."""


class Offer:
    """`specs`: as they were said last. A name belongs to whoever was there first, also while it is not offered."""

    def __init__(self) -> None:
        self.specs: tuple[ToolSpec, ...] = ()
        self._holders: dict[str, tuple[LoadedPlugin, Tool]] = {}
        self._offered: dict[str, tuple[LoadedPlugin, Tool]] = {}

    def admit(self, plugin: LoadedPlugin) -> None:
        """Give it the names of its tools that nobody has; of the others it is told."""
        self._holders = {name: held for name, held in self._holders.items() if held[0] is not plugin}
        for name, tool in list(plugin.tools.items()):
            if name in self._holders:
                del plugin.tools[name]
                plugin.report(same_name(tool, self._holders[name][1]))
            else:
                self._holders[name] = (plugin, tool)

    def withdraw(self, plugin: LoadedPlugin) -> None:
        """It is gone, and its names are free."""
        self._holders = {name: held for name, held in self._holders.items() if held[0] is not plugin}
        self._offered = {name: held for name, held in self._offered.items() if held[0] is not plugin}

    def find(self, name: str) -> tuple[LoadedPlugin, Tool] | None:
        """The tool of that name, if it is offered."""
        return self._offered.get(name)

    def names(self, plugin: LoadedPlugin | None = None) -> tuple[str, ...]:
        """What is offered of this plugin, or of all."""
        return tuple(name for name, (owner, _) in self._offered.items() if plugin is None or owner is plugin)

    def settle(self, plugins: Iterable[LoadedPlugin]) -> bool:
        """See anew which tools are offered; whether that is something else than before."""
        wanted = [(plugin, tool) for plugin in plugins for tool in self._wanted(plugin)]
        for plugin, tool in wanted[MOST_TOOLS:]:
            plugin.report(
                f"{tool.spec.name} is left out: a model takes {MOST_TOOLS} tools; name plugins in plugins.disabled"
            )
        self._offered = {tool.spec.name: (plugin, tool) for plugin, tool in wanted[:MOST_TOOLS]}
        before, self.specs = self.specs, tuple(tool.spec for _, tool in self._offered.values())
        return self.specs != before

    def _wanted(self, plugin: LoadedPlugin) -> Iterator[Tool]:
        for name, tool in plugin.tools.items():
            holder = self._holders.get(name)
            if holder is not None and holder[1] is tool and name not in plugin.hidden:
                yield tool
