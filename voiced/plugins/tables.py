"""The tables [plugin.NAME] of the settings, as the host sees them, and which plugin wants one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar, get_type_hints

from pydantic import BaseModel

from voiced.api import Plugin, PluginSettings
from voiced.errors import PluginError

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
