"""Finds plugins: entry points of installed packages, and .py files and packages of a folder."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from voiced.api import Plugin, ToolOptions, options_of
from voiced.errors import PluginError

GROUP = "voiced.plugins"
BUILT_IN = "voiced.plugins.builtin."
_PREFIX = "voiced_plugin_"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from. `load` runs its code and may raise anything; `unload` forgets its module."""

    name: str
    place: str
    load: Callable[[], Found]
    unload: Callable[[], object] = lambda: None
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a module holds: functions marked with `@tool`, in their order, and plugins, those made already."""

    functions: tuple[tuple[Callable[..., Any], ToolOptions], ...] = ()
    plugins: tuple[Plugin, ...] = ()


def given(target: object, name: str) -> Source:
    """A plugin that somebody has in hand: a .py file, a module, a `Plugin` class or a function marked with `@tool`."""
    if isinstance(target, Path):
        return replace(_file(target), name=name)
    return Source(name, name, lambda: _found_in(target))


def installed() -> list[Source]:
    """The entry points of all packages, by name. Another package's takes the place of a built-in one of its name."""
    entries = sorted(entry_points(group=GROUP), key=lambda entry_point: (entry_point.name, entry_point.value))
    found = [_installed(entry_point) for entry_point in entries]
    others = {source.name for source in found if not source.built_in}
    return [source for source in found if not (source.built_in and source.name in others)]


def in_folder(folder: Path) -> list[Source]:
    """The .py files and packages, by name, but those that begin with "_" or "."; none where there is no such folder.

    Raises PluginError when the folder can't be read.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.name[0] not in "_." and _is_module(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PluginError(f"plugins.folder {folder} can't be read: {error.strerror}") from error
    return [_file(path) for path in files]


def _installed(entry_point: EntryPoint) -> Source:
    package = f" of {entry_point.dist.name}" if entry_point.dist else ""
    return Source(
        entry_point.name,
        f"{entry_point.value}{package}",
        lambda: _found_in(entry_point.load()),
        built_in=entry_point.module.startswith(BUILT_IN),
    )


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def _file(path: Path) -> Source:
    module = f"{_PREFIX}{path.stem}"
    return Source(path.stem, str(path), lambda: _found_in(_run(module, path)), lambda: _forget(module))


def _forget(module: str) -> None:
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        sys.modules.pop(name, None)


class FreshSource(SourceFileLoader):
    """Compiles the source each time: bytecode on disk passes for fresh when a file is edited twice in one second."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


class _FreshParts(PathFinder):
    """The modules of the packages of the folder."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not fullname.startswith(_PREFIX):
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = FreshSource(fullname, spec.origin)
        return spec


def _run(name: str, path: Path) -> ModuleType:
    if _FreshParts not in sys.meta_path:
        sys.meta_path.insert(0, _FreshParts)
    importlib.invalidate_caches()
    file = path / "__init__.py" if path.is_dir() else path
    folders = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(
        name, file, loader=FreshSource(name, str(file)), submodule_search_locations=folders
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look their module up there
    spec.loader.exec_module(module)
    return module


def _found_in(target: object) -> Found:
    if inspect.ismodule(target):
        parts = f"{target.__name__}."
        own = [member for member in vars(target).values() if f"{getattr(member, '__module__', '')}.".startswith(parts)]
    else:
        own = [target]
    found = Found(
        tuple((member, options) for member in own if inspect.isfunction(member) and (options := options_of(member))),
        tuple(member() for member in own if inspect.isclass(member) and issubclass(member, Plugin)),
    )
    if not found.functions and not found.plugins:
        raise PluginError("it has no function marked with @tool and no Plugin")
    return found


def methods_of(plugin: Plugin) -> Iterator[tuple[Callable[..., Any], ToolOptions]]:
    """The plugin's methods that are marked with `@tool`, base classes first, in the order of the source."""
    names = dict.fromkeys(name for kind in reversed(type(plugin).__mro__) for name in vars(kind))
    for name in names:
        if options := options_of(inspect.getattr_static(plugin, name)):
            yield getattr(plugin, name), options
