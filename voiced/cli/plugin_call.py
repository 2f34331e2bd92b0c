"""`voiced plugin call`: runs one tool, in the running assistant or in this process."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import TextIO

from voiced.cli import plugins_here
from voiced.cli.reaching import PROMPTLY_S, paths
from voiced.control import client, protocol
from voiced.plugin_dev.alone import Alone
from voiced.plugin_dev.lines import typed
from voiced.plugins.working_copy import working_copy


def call(arguments: Namespace, out: TextIO) -> int:
    if arguments.plugin is None and _is_there(arguments):
        request = protocol.request(protocol.Call, tool=arguments.tool, arguments=arguments.arguments)
        reply = client.ask(paths(arguments), request)
        print(reply["result"], file=out)
        return 0 if reply["ok"] else 1
    return _call_here(arguments, out)


def _is_there(arguments: Namespace) -> bool:
    """Whether a voiced runs that has the tool."""
    try:
        plugins = client.ask(paths(arguments), protocol.Plugins(), timeout_s=PROMPTLY_S)["plugins"]
    except client.NoDaemon:
        return False
    return any(arguments.tool in plugin["tools"] for plugin in plugins)


def _call_here(arguments: Namespace, out: TextIO) -> int:
    loaded = plugins_here.settings(arguments)
    sources = list(working_copy(arguments.plugin).sources) if arguments.plugin else plugins_here.sources(loaded)
    if len(sources) > 1 and (owner := plugins_here.look(loaded, sources).owner(arguments.tool)):
        sources = [plugins_here.named(owner, sources)]  # what the tool does not need is not set up
    alone = Alone(loaded, out, lambda: typed(sys.stdin.fileno()))
    return 0 if asyncio.run(alone.call(sources, arguments.tool, arguments.arguments)) else 1
