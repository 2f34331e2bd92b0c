"""`voiced plugin check`: what is wrong with plugins, with file and line."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from voiced.cli import plugins_here
from voiced.cli.reaching import PROMPTLY_S, paths
from voiced.control import client, protocol
from voiced.errors import ControlError
from voiced.plugins.discovery import Source
from voiced.plugins.survey import Survey
from voiced.plugins.working_copy import working_copy


def check(arguments: Namespace, out: TextIO) -> int:
    loaded = plugins_here.settings(arguments)
    everything = plugins_here.sources(loaded)
    chosen: list[Source] = []
    for text in arguments.what:
        chosen += _meant(text, everything)
    also_off = [source.name for source in chosen]
    found = plugins_here.look(loaded, chosen or everything, also_off=also_off)
    problems = list(_problems(found))
    for problem in problems:
        print(problem, file=out)
    plugins = len([plugin for plugin in found.plugins if plugin.state != "off" or plugin.problems])
    print(f"{_count(plugins, 'plugin')}, {_count(len(problems), 'problem') if problems else 'nothing wrong'}", file=out)
    for plugin in found.plugins:
        if plugin.state == "off" and plugin.why not in plugin.problems:
            print(f"{plugin.name} is off: {plugin.why}", file=out)
    paused = _paused(arguments, {plugin.name for plugin in found.plugins})
    for line in paused:
        print(line, file=out)
    return 1 if problems or paused else 0


def _paused(arguments: Namespace, names: set[str]) -> list[str]:
    """What only a voiced that runs can know."""
    try:
        running = client.ask(paths(arguments), protocol.Plugins(), timeout_s=PROMPTLY_S)["plugins"]
    except ControlError:  # there is none, or it has other things to do
        return []
    return [
        f"{plugin['name']} is {plugin['why']}"
        for plugin in running
        if plugin["state"] == "paused" and plugin["name"] in names
    ]


def _meant(text: str, everything: list[Source]) -> tuple[Source, ...]:
    """Raises PluginError."""
    return working_copy(Path(text)).sources if plugins_here.is_path(text) else (plugins_here.named(text, everything),)


def _problems(found: Survey) -> Iterator[str]:
    from voiced.brains.offline.matching import Understanding  # a tenth of a second that other commands do not take

    for plugin in found.plugins:
        yield from (f"{plugin.name}: {problem}" for problem in plugin.problems)
    for problem in Understanding(found.tools).problems:
        yield f"{found.owner(problem.tool)}: {found.places[problem.tool]}: {problem}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
