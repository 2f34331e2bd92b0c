"""The tables [plugin.NAME], each validated by the plugin that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field, create_model

from voiced.api import NotConfigured
from voiced.config.loading import LayeredSettings, validated
from voiced.config.sources import DEFAULT, PLUGIN, Given, Origin, flat, key_of, nested, parts_of

M = TypeVar("M", bound=BaseModel)


class PluginTables:
    """Implements `plugins.tables.Tables`. `given`: all that people wrote, in rising precedence."""

    def __init__(self, given: Sequence[Given] = ()) -> None:
        self._given: dict[str, list[Given]] = {}
        for one in given:
            section, *names = parts_of(one.key)
            if section == PLUGIN and names:
                self._given.setdefault(names[0], []).append(one)

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, Any]]) -> PluginTables:
        """The same tables as if somebody had written them into one file."""
        origin = Origin("file", "voiced.toml")
        return cls([Given(key, value, origin) for key, value in flat(_Open, {PLUGIN: tables})])

    @property
    def places(self) -> Mapping[str, str]:
        """The plugins that somebody wrote a table for, each with the place of its first line."""
        return {name: str(given[0].origin) for name, given in self._given.items()}

    def settings_of(self, plugin: str, model: type[M]) -> M:
        """The plugin's table as a `model`.

        Raises ConfigError with one line for each mistake, NotConfigured where nothing is in it and something must be.
        """
        root = create_model("Tables", __base__=LayeredSettings, plugin=(dict[str, model], Field(default_factory=dict)))  # type: ignore[valid-type]
        settings, _ = validated(root, list(_for(root, self._given.get(plugin, []))))
        tables: dict[str, M] = getattr(settings, PLUGIN)
        if plugin in tables:
            return tables[plugin]
        if required := [name for name, field in model.model_fields.items() if field.is_required()]:
            table = key_of([PLUGIN, plugin])
            raise NotConfigured(f"it needs settings: write [{table}] into them, and below it {', '.join(required)}")
        return model()


class _Open(BaseModel):
    plugin: dict[str, dict[str, Any]]


def _for(model: type[BaseModel], given: Sequence[Given]) -> Iterator[Given]:
    """`given`, which goes down to the last value, as the settings of `model`: one of them may be a whole table."""
    for layer in dict.fromkeys(one.origin.layer for one in given):
        written = [one.meant_for(model) for one in given if one.origin.layer == layer]
        for key, value in flat(model, nested((one.key, one.value) for one in written)):
            yield Given(key, value, _origin_of(key, written))


def _origin_of(key: str, written: Sequence[Given]) -> Origin:
    """Where `key` stands, or the first of what is in it, or what it is in."""
    within = (one.origin for one in written if one.key == key or one.key.startswith(f"{key}."))
    around = (one.origin for one in written if key.startswith(f"{one.key}."))
    return next(within, None) or next(around, None) or DEFAULT
