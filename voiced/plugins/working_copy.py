"""A plugin as somebody works on it: a .py file, a package, or a project that names it as an entry point."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from voiced.errors import PluginError
from voiced.plugins.discovery import GROUP, Found, FreshSource, Source, given

MOST_FILES: Final = 2000
"""Looked at in one folder."""

_SKIPPED: Final = frozenset(("__pycache__", "node_modules", "build", "dist", "tests"))
_WATCHED: Final = (".py", ".toml")
_OURSELVES: Final = "voiced"
"""What runs can't be taken from under itself."""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """What is at `path`. Each source reads the files anew whenever it is loaded."""

    path: Path
    sources: tuple[Source, ...]

    def stamps(self) -> dict[Path, tuple[int, int]]:
        """Of each file, what changes when it is saved. Reads folders: not for the event loop."""
        found = {}
        for path in _files(self.path):
            try:
                status = path.stat()
            except OSError:
                continue  # an editor is just writing it anew
            found[path] = (status.st_mtime_ns, status.st_size)
        return found


def working_copy(path: Path) -> WorkingCopy:
    """The plugin at `path`, or the plugins of the project there. Nothing of it is run yet. Raises PluginError."""
    path = Path(os.path.abspath(path.expanduser()))  # as people wrote it: links stay links
    if path.is_file():
        if path.suffix != ".py":
            raise PluginError(f"{path} is no plugin: give a .py file, a package or a project")
        return WorkingCopy(path, (given(path, path.stem),))
    if not path.is_dir():
        raise PluginError(f"{path} is not there; make a plugin with: voiced plugin new {path.stem}")
    if (path / "pyproject.toml").is_file():
        return WorkingCopy(path, tuple(_of_project(path)))
    if (path / "__init__.py").is_file():
        finder = _Finder(path.parent, only=path.name)
        return WorkingCopy(path, (_source(path.name.removeprefix("voiced_"), path.name, finder, str(path)),))
    raise PluginError(f"{path} is no plugin: it has neither a pyproject.toml nor an __init__.py; give the .py file")


def _of_project(path: Path) -> Iterator[Source]:
    file = path / "pyproject.toml"
    try:
        project: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        named = dict(project["project"]["entry-points"][GROUP])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PluginError(f"{file} can't be read: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise PluginError(
            f'{file} names no plugin; write: [project.entry-points."{GROUP}"] and below it: NAME = "MODULE"'
        ) from None
    for name, value in named.items():
        module = _top(str(value).partition(":")[0])
        if module == _OURSELVES:
            raise PluginError(f"{path} is voiced itself; give the file of one of its plugins")
        roots = [root for root in (path / "src", path) if _has(root, module)]
        if not roots:
            raise PluginError(f"{file}: the plugin {name} is in {module}, which is neither in src nor beside this file")
        yield _source(name, str(value), _Finder(roots[0]), f"{value} in {path}")


def _source(name: str, target: str, finder: _Finder, place: str) -> Source:
    """`target` as an entry point names it: "package.module:Class"."""
    module, _, attributes = target.partition(":")

    def load() -> Found:
        finder.forget(module)
        sys.meta_path.insert(0, finder)
        importlib.invalidate_caches()
        found: object = importlib.import_module(module)
        return given(attrgetter(attributes)(found) if attributes else found, name).load()

    return Source(name, place, load, lambda: finder.forget(module))


class _Finder(MetaPathFinder):
    """Finds modules in `root` and not where an older copy may be installed, and compiles them each time.

    `only`: the one package of `root` that is meant; empty: all that is there.
    """

    def __init__(self, root: Path, only: str = "") -> None:
        self._root = root
        self._only = only

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None and fullname in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(fullname, [str(self._root)] if path is None else path, target)
        if spec is None or spec.origin is None or not self._holds(spec):
            return None
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = FreshSource(fullname, spec.origin)
        return spec

    def forget(self, module: str) -> None:
        """What was imported from here, or came from elsewhere under the name of `module`, is imported anew."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name, known in list(sys.modules.items()):
            if _top(name) == _top(module) or self._holds(getattr(known, "__spec__", None)):
                del sys.modules[name]

    def _holds(self, spec: ModuleSpec | None) -> bool:
        """Whether it is a module of `root` itself: a virtual environment may be there too."""
        if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(self._root):
            return False
        top = _top(spec.name)
        return Path(spec.origin).relative_to(self._root).parts[0] in (top, f"{top}.py") and self._only in ("", top)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _has(root: Path, module: str) -> bool:
    return (root / f"{module}.py").is_file() or (root / module / "__init__.py").is_file()


def _files(path: Path) -> Iterator[Path]:
    """Those that make the plugin, `MOST_FILES` at most; no virtual environment and no cache."""
    if path.is_file():
        yield path
        return
    left = MOST_FILES
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "." and name not in _SKIPPED and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files)[:left]:
            left -= 1
            if name.endswith(_WATCHED):
                yield Path(folder, name)
        if not left:
            return
