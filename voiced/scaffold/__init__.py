"""Begins a plugin: a package with a tool, a test and a README that pass as they are."""

from voiced.scaffold.names import PluginName
from voiced.scaffold.project import make

__all__ = ["PluginName", "make"]
