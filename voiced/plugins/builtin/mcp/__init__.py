"""Tools of MCP servers, those that somebody allowed.

Each server has a task, which keeps it connected and ends its program. What may stop, hang or talk without end is a
server, never voiced: docs/mcp.md says how much of each is borne.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import metadata
from typing import Any, Final

from voiced.api import DynamicTool, NotConfigured, Plugin, Result, ToolContext
from voiced.plugins.builtin.mcp.offers import Names
from voiced.plugins.builtin.mcp.server import Server
from voiced.plugins.builtin.mcp.settings import McpSettings

OLDEST: Final = 2
"""The first major version of the package `mcp` whose client this is written for."""

ENDS_S: Final = (0.3, 0.1)
"""How long the servers' tasks are waited for, and once more: one that says goodbye to a server that hangs must be told
twice. A plugin has half a second for its end."""


class McpServers(Plugin):
    """Offers the tools of all servers, as they come and go."""

    settings: McpSettings
    permissions = ("network", "files")

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._names = Names()
        self._tasks: list[asyncio.Task[None]] = []

    async def setup(self, context: ToolContext) -> None:
        if not self.settings.servers:
            raise NotConfigured(
                "no MCP server is configured; write one below [plugin.mcp.servers.NAME], see docs/mcp.md"
            )
        if not await context.in_thread(_is_installed):
            raise NotConfigured("MCP servers need the package mcp: pip install 'voiced[mcp]'")
        self._servers = [
            Server(name, settings, context, context.tools_changed) for name, settings in self.settings.servers.items()
        ]
        self._tasks = [asyncio.create_task(self._begin(context), name="MCP servers")]

    async def teardown(self) -> None:
        try:
            for limit_s in ENDS_S:
                left = [task for task in self._tasks if not task.done()]
                for task in left:
                    task.cancel()
                if left:
                    await asyncio.wait(left, timeout=limit_s)
        finally:
            for server in self._servers:
                server.send_signal(signal.SIGKILL)

    def dynamic_tools(self) -> Sequence[DynamicTool]:
        offered = [(server, offer) for server in self._servers for offer in server.offers]
        names = self._names.give([(server.name, server.prefix, offer.tool) for server, offer in offered])
        return [
            DynamicTool(name, offer.description, offer.parameters, partial(_call, server, offer.tool), offer.options)
            for name, (server, offer) in zip(names, offered, strict=True)
        ]

    async def _begin(self, context: ToolContext) -> None:
        await context.in_thread(_import_client)
        self._tasks += [
            asyncio.create_task(server.keep(), name=f"MCP server {server.name}") for server in self._servers
        ]


async def _call(server: Server, tool: str, arguments: Mapping[str, Any], _context: ToolContext) -> Result:
    return await server.call(tool, arguments)


def _is_installed() -> bool:
    return importlib.util.find_spec("mcp") is not None and int(metadata.version("mcp").split(".")[0]) >= OLDEST


def _import_client() -> None:
    """It takes a second, and five on a small machine."""
    importlib.import_module("voiced.plugins.builtin.mcp.connection")
