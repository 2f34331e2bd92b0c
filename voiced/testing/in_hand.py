"""Plugins as a test names them, each with its settings and secrets."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from voiced.api import Plugin, options_of
from voiced.plugins import discovery
from voiced.plugins.discovery import Source
from voiced.plugins.host import PluginStatus


class PluginsInHand:
    """`folders`: where a file is looked for. `settings` are by plugin, `environ` holds the secrets."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.sources: list[Source] = []
        self.settings: dict[str, Mapping[str, Any]] = {}
        self.environ: dict[str, str] = {}
        self._folders = tuple(folders) or (Path.cwd(),)

    def add(self, plugin: object, name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """`name`: another one than its own, or "". Raises LookupError, TypeError where it is no plugin."""
        source = _source_of(plugin, name, self._folders)
        self.sources.append(source)
        if settings:
            self.settings[source.name] = settings
        for secret, value in secrets.items():
            self.environ[f"VOICED_SECRET_{source.name}_{secret}".upper().replace("-", "_")] = value


def trouble_of(statuses: Iterable[PluginStatus]) -> str:
    """What is wrong with the plugins, or nothing."""
    lines: list[str] = []
    for status in statuses:
        why = [status.why] if status.state != "on" and status.why not in status.problems else []
        lines += [f"{status.name}: {each}" for each in (*why, *status.problems)]
    return "\n".join(["a plugin does not work:", *lines]) if lines else ""


def _source_of(plugin: object, name: str, folders: Sequence[Path]) -> Source:
    match plugin:
        case Path():
            return _file(plugin, name, folders)
        case str() if plugin.endswith(".py"):
            return _file(Path(plugin), name, folders)
        case str():
            return _named(plugin, name)
        case ModuleType():
            return discovery.given(plugin, name or _plugin_name(plugin.__name__))
        case type() if issubclass(plugin, Plugin):
            return discovery.given(plugin, name or _plugin_name(plugin.__module__))
        case _ if inspect.isfunction(plugin) and options_of(plugin):
            return discovery.given(plugin, name or plugin.__name__)
        case _ if inspect.isfunction(plugin):
            raise TypeError(f"{plugin.__name__} is no tool; put @tool before it")
        case _:
            raise TypeError(
                f"{plugin!r} is no plugin; give a .py file, the name of an installed plugin, a module, a Plugin class "
                "or a function marked with @tool"
            )


def _file(path: Path, name: str, folders: Iterable[Path]) -> Source:
    looked = [folder / path for folder in folders]
    for file in looked:
        if file.is_file():
            return discovery.given(file.resolve(), name or path.stem)
    raise LookupError(f"there is no {path}; looked at {', '.join(map(str, looked))}")


def _named(plugin: str, name: str) -> Source:
    installed = discovery.installed()
    for source in installed:
        if source.name == plugin:
            return source
    try:
        module = importlib.import_module(plugin)
    except ModuleNotFoundError as error:
        if error.name != plugin.partition(".")[0] and error.name != plugin:
            raise  # it is there, and what it imports is not
        raise LookupError(
            f"there is no plugin and no module {plugin!r}; installed are {', '.join(one.name for one in installed)}"
        ) from None
    return discovery.given(module, name or _plugin_name(plugin))


def _plugin_name(module: str) -> str:
    """As `voiced plugin new` names things: the module voiced_weather is the plugin weather."""
    return module.rpartition(".")[2].removeprefix("voiced_")
