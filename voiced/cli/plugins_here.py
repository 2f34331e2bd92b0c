"""Plugins as commands see them that load some in their own process."""

from __future__ import annotations

import asyncio
import difflib
import logging
import sys
from argparse import Namespace
from collections.abc import Collection, Iterable
from pathlib import Path

from voiced import log
from voiced.cli.settings import load
from voiced.config import Loaded
from voiced.errors import PluginError
from voiced.plugin_dev import PRINTED
from voiced.plugins import discovery, switches
from voiced.plugins.discovery import Source
from voiced.plugins.survey import Survey, survey
from voiced.state_folder import state_folder


def settings(arguments: Namespace) -> Loaded:
    """The settings, with a log that says of plugins only what they print: the command says the rest.

    Raises ConfigError.
    """
    loaded = load(arguments)
    log.set_up(log.LogSettings(level="debug"), sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_of_interest)
    return loaded


def sources(loaded: Loaded) -> list[Source]:
    """All that there are, switched off or not. Raises PluginError."""
    return discovery.installed() + discovery.in_folder(loaded.config.plugins.path())


def look(loaded: Loaded, chosen: Iterable[Source], *, also_off: Collection[str] = ()) -> Survey:
    """Import them; those that are switched off only if they are in `also_off`. Raises PluginError."""
    disabled = loaded.config.plugins.disabled
    off = switches.read(switches.path_in(state_folder(loaded.places.environ)))

    def why(name: str) -> str:
        return "" if name in also_off else switches.why_off(name, disabled, off)

    return asyncio.run(survey(chosen, loaded.plugin_tables, loaded.config.plugins.denied, why))


def named(name: str, among: Iterable[Source]) -> Source:
    """The plugin of that name. Raises PluginError with the nearest one."""
    by_name = {source.name: source for source in reversed(list(among))}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(by_name)) or 'none'}"
    raise PluginError(f"there is no plugin {name}; {hint}")


def _of_interest(record: logging.LogRecord) -> bool:
    line = record.msg if isinstance(record.msg, dict) else {}
    return line.get("event") == PRINTED or (record.levelno >= logging.ERROR and "plugin" not in line)


def is_path(text: str) -> bool:
    """Whether it says where a plugin lies, and not what it is called."""
    return "/" in text or text.endswith(".py") or text in (".", "..") or Path(text).is_dir()
