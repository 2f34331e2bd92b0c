"""`voiced plugin list`: which plugins there are, what they may do, and why one is off."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, TextIO

from voiced.cli import plugins_here
from voiced.cli.reaching import PROMPTLY_S, paths
from voiced.control import client, protocol

NOT_RUNNING: Final = (
    "No voiced is running: these were imported here and not set up. Whether one lacks a setting, a password or its "
    "server is told by the voiced that runs."
)


def list_all(arguments: Namespace, out: TextIO) -> int:
    note, loaded_is = "", "on"
    try:
        found = client.ask(paths(arguments), protocol.Plugins(), timeout_s=PROMPTLY_S)["plugins"]
    except client.NoDaemon:
        note, loaded_is = f"{NOT_RUNNING}\n", "loads"
        loaded = plugins_here.settings(arguments)
        found = [asdict(each) for each in plugins_here.look(loaded, plugins_here.sources(loaded)).plugins]
    if arguments.json:
        out.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        out.write("".join(f"{line}\n" for plugin in found for line in plugin_lines(plugin, loaded_is)) + note)
    return 0


def plugin_lines(plugin: Mapping[str, Any], loaded_is: str) -> Iterator[str]:
    """One plugin for people; `loaded_is`: what is said of one with nothing wrong."""
    tools = ", ".join(plugin["tools"]) or "no tools"
    on = plugin["state"] == "on"
    yield f"{plugin['name']:<14} {loaded_is if on else plugin['state']:<7} {tools if on else plugin['why']}"
    if plugin["permissions"]:
        yield f"{'':<22} may: {', '.join(plugin['permissions'])}"
    if not plugin["built_in"]:
        yield f"{'':<22} from: {plugin['place']}"
    yield from (f"{'':<22} {problem}" for problem in plugin["problems"] if problem != plugin["why"])
