"""What can be said of the settings of plugins without running plugins."""

from __future__ import annotations

from collections.abc import Iterator

from voiced.api import NotConfigured
from voiced.config.plugin_tables import PluginTables
from voiced.errors import ConfigError, PluginError
from voiced.plugins import discovery
from voiced.plugins.discovery import Source
from voiced.plugins.settings import PluginSettings
from voiced.plugins.tables import model_of, strangers


def complaints(settings: PluginSettings, tables: PluginTables) -> Iterator[str]:
    """One line each; such a mistake ends no more than its plugin. Those that are built in are asked for their table."""
    if not (tables.places or settings.disabled or settings.denied):
        return  # to look for plugins takes a while
    try:
        sources = discovery.installed() + discovery.in_folder(settings.path())
    except PluginError as error:
        yield str(error)
        return
    yield from strangers(settings, tables, {source.name for source in sources})
    for source in sources:
        if source.built_in and source.name in tables.places:
            yield from _of_built_in(source, tables)


def _of_built_in(source: Source, tables: PluginTables) -> Iterator[str]:
    model = model_of(source.load().plugins)
    try:
        if model is not None:
            tables.settings_of(source.name, model)
        else:
            place = tables.places[source.name]
            yield f"{place}: [plugin.{source.name}] is not read: the plugin has no settings; take the table away"
    except ConfigError as error:
        for line in str(error).splitlines():
            yield f"{line}; until then the plugin {source.name} is off"
    except NotConfigured as error:
        yield f"the plugin {source.name} is off: {error}"
