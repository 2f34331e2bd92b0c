"""Writes the files of a new project."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from voiced import __version__
from voiced.errors import PluginError
from voiced.scaffold.names import PluginName

_ENDING = ".txt"
"""Of the templates, so that no tool takes them for what they become."""


def make(name: PluginName, folder: Path) -> list[Path]:
    """A project in a folder of its own below `folder`; its files, the one to begin with first.

    Raises PluginError where something of that name is there, or it can't be written.
    """
    project = folder / name.package
    files = {
        project / "src" / name.module / "__init__.py": "plugin.py",
        project / "src" / name.module / "py.typed": "py.typed",
        project / "tests" / f"test_{name.plugin}.py": "test.py",
        project / "pyproject.toml": "pyproject.toml",
        project / "README.md": "README.md",
        project / ".gitignore": "gitignore",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        project.mkdir()
        for path, template in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled_in(template, name), encoding="utf-8")
    except FileExistsError as error:
        raise PluginError(f"{error.filename} is there already; choose another name, or another folder") from None
    except OSError as error:
        raise PluginError(f"{error.filename}: it can't be written ({error.strerror})") from None
    return list(files)


def _filled_in(template: str, name: PluginName) -> str:
    text = _templates().joinpath(template + _ENDING).read_text(encoding="utf-8")
    names = {each: getattr(name, each) for each in ("plugin", "package", "module", "kind", "words")}
    return Template(text).substitute(names, version=__version__)


def _templates() -> Traversable:
    return resources.files("voiced.scaffold").joinpath("templates")
