"""`voiced plugin enable` and `disable`: through the running assistant, else for its next start."""

from __future__ import annotations

from argparse import Namespace
from typing import TextIO

from voiced.cli import plugins_here
from voiced.cli.reaching import PROMPTLY_S, paths
from voiced.control import client, protocol
from voiced.errors import PluginError
from voiced.plugins import switches
from voiced.state_folder import state_folder


def enable(arguments: Namespace, out: TextIO) -> int:
    return _switch(arguments, "enable", out)


def disable(arguments: Namespace, out: TextIO) -> int:
    return _switch(arguments, "disable", out)


def _switch(arguments: Namespace, action: protocol.PluginAction, out: TextIO) -> int:
    name, now = arguments.name, "on" if action == "enable" else "off"
    try:
        request = protocol.request(protocol.Plugin, name=name, action=action)
        client.ask(paths(arguments), request, timeout_s=PROMPTLY_S)
    except client.NoDaemon:
        file = _write(arguments, on=action == "enable")
        print(f"{name} is {now} from the next start; no voiced is running ({file})", file=out)
    else:
        print(f"{name} is {now}{'; see how it does with: voiced plugin list' if now == 'on' else ''}", file=out)
    return 0


def _write(arguments: Namespace, *, on: bool) -> str:
    """The file that says so. Raises PluginError."""
    loaded = plugins_here.settings(arguments)
    name = plugins_here.named(arguments.name, plugins_here.sources(loaded)).name
    if on and name in loaded.config.plugins.disabled:
        place = loaded.origins.get("plugins.disabled", "the settings")
        raise PluginError(f"{place}: plugins.disabled names {name}; take it out there")
    path = switches.path_in(state_folder(loaded.places.environ))
    off = switches.read(path)
    switches.write(path, off - {name} if on else off | {name})
    return str(path)
