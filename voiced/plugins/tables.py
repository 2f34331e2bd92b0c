"""The tables [plugin.NAME] of the settings, as the host sees them, and which plugin wants one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar, get_type_hints

from pydantic import BaseModel

from voiced.api import Plugin, PluginSettings
from voiced.errors import PluginError
from voiced.plugins import settings as plugins

M = TypeVar("M", bound=BaseModel)


class Tables(Protocol):
    """What people wrote for plugins."""

    @property
    def places(self) -> Mapping[str, str]:
        """The plugins that somebody wrote a table for, each with the place of its first line."""

    def settings_of(self, plugin: str, model: type[M]) -> M:
        """The plugin's table as a `model`.

        Raises ConfigError with one line for each mistake, NotConfigured where nothing is in it and something must be.
        """


class NoTables:
    """Nobody wrote any."""

    places: Mapping[str, str] = {}

    def settings_of(self, plugin: str, model: type[M]) -> M:
        """The defaults. Raises ValidationError where a setting has none."""
        return model()


def strangers(settings: plugins.PluginSettings, tables: Tables, names: Collection[str]) -> Iterator[str]:
    """What the settings say of plugins that are not there, one line each; `names`: of those that are."""

    def line(said: str, name: str) -> str:
        near = get_close_matches(name, names, n=1)
        return f"{said}, but there is no such plugin; {f'did you mean {near[0]}?' if near else 'is it installed?'}"

    for name, place in tables.places.items():
        if name not in names:
            yield line(f"{place}: there is a table [plugin.{name}]", name)
    for name in settings.disabled:
        if name not in names:
            yield line(f"plugins.disabled names {name}", name)
    for entry in settings.denied:
        name, dot, _ = entry.rpartition(".")
        if dot and name not in names:
            yield line(f"plugins.denied names {entry}", name)


def model_of(plugins: tuple[Plugin, ...]) -> type[PluginSettings] | None:
    """The `PluginSettings` that the plugins of one module are annotated with. Raises PluginError."""
    models = {_annotated(type(plugin)) for plugin in plugins} - {None}
    if len(models) > 1:
        raise PluginError("its classes have settings of several kinds; write one PluginSettings for all of them")
    return models.pop() if models else None


def give(plugins: tuple[Plugin, ...], settings: PluginSettings) -> None:
    """Put the settings where those that are annotated so find them."""
    for plugin in plugins:
        if _annotated(type(plugin)):
            plugin.settings = settings  # type: ignore[attr-defined]  # the annotation says that it is there


def _annotated(kind: type[Plugin]) -> type[PluginSettings] | None:
    for base in kind.__mro__:
        written = vars(base).get("__annotations__", {}).get("settings")
        if written is not None:
            return _model(base, written)
    return None


def _model(base: type, written: Any) -> type[PluginSettings]:
    """What the annotation means; the others of the class may name what is imported for the type checker alone."""
    alone = SimpleNamespace(__annotations__={"settings": written})
    try:
        model = get_type_hints(alone, vars(sys.modules[base.__module__]), dict(vars(base)))["settings"]
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise PluginError(f"the type hint of {base.__qualname__}.settings can't be read: {error}") from error
    if not (isinstance(model, type) and issubclass(model, PluginSettings)):
        raise PluginError(f"{base.__qualname__}.settings is reserved: annotate it with a class of PluginSettings")
    return model
