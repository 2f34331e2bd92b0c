"""A plugin as somebody works on it: what is at a path is read anew each time, and nothing else is touched."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voiced.errors import PluginError
from voiced.plugins.discovery import Found
from voiced.plugins.working_copy import MOST_FILES, WorkingCopy, working_copy
from voiced.scaffold import PluginName, make

TOOL = """
from voiced.api import tool

@tool
def lamp() -> str:
    "Switch the lamp."
    return {answer!r}
"""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    modules, finders = dict(sys.modules), list(sys.meta_path)
    yield
    assert [finder for finder in sys.meta_path if finder not in finders] == []
    assert [name for name in sys.modules if name not in modules and "lamp" in name] == []


def answer(found: Found) -> object:
    [(function, _)] = found.functions
    return function()


def loaded(copy: WorkingCopy) -> object:
    """What its one tool answers."""
    [source] = copy.sources
    try:
        return answer(source.load())
    finally:
        source.unload()


def package(folder: Path, *, src: bool = True, value: str = "voiced_lamp_parts") -> Path:
    """A project whose tool is in a module of its own, which has what it answers from another one."""
    root = folder / "src" / "voiced_lamp_parts" if src else folder / "voiced_lamp_parts"
    root.mkdir(parents=True)
    (root / "__init__.py").write_text(
        "from voiced.api import tool\nfrom voiced_lamp_parts.words import WORDS\n\n"
        '@tool\ndef lamp() -> str:\n    "Switch the lamp."\n    return WORDS\n'
    )
    (root / "words.py").write_text("WORDS = 'on'\n")
    (folder / "pyproject.toml").write_text(f'[project.entry-points."voiced.plugins"]\nlamp = "{value}"\n')
    return root


def test_a_file_is_read_anew_each_time_also_twice_in_one_second(tmp_path: Path) -> None:
    file = tmp_path / "lamp.py"
    for said in ("a", "b", "c"):  # of one size, in one second: bytecode on disk would pass for fresh
        file.write_text(TOOL.format(answer=said))
        assert loaded(working_copy(file)) == said
    [source] = working_copy(file).sources
    assert (source.name, source.place) == ("lamp", str(file))


@pytest.mark.parametrize("src", [True, False], ids=["src", "flat"])
def test_all_modules_of_a_project_are_read_anew(src: bool, tmp_path: Path) -> None:
    root = package(tmp_path, src=src)
    copy = working_copy(tmp_path)
    assert loaded(copy) == "on"
    (root / "words.py").write_text("WORDS = 'no'\n")
    assert loaded(copy) == "no"
    [source] = copy.sources
    assert (source.name, source.place) == ("lamp", f"voiced_lamp_parts in {tmp_path}")


def test_a_package_is_a_plugin_too(tmp_path: Path) -> None:
    root = package(tmp_path, src=False)
    (tmp_path / "pyproject.toml").unlink()
    copy = working_copy(root)
    assert [source.name for source in copy.sources] == ["lamp_parts"]
    assert loaded(copy) == "on"


def test_an_entry_point_may_name_what_is_in_the_module(tmp_path: Path) -> None:
    package(tmp_path, value="voiced_lamp_parts:lamp")
    assert loaded(working_copy(tmp_path)) == "on"


def test_an_older_copy_that_is_installed_is_not_the_one_that_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "project")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "voiced_lamp_parts.py").write_text(TOOL.format(answer="old"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert importlib.import_module("voiced_lamp_parts").lamp() == "old"
    assert loaded(working_copy(tmp_path / "project")) == "on"


def test_libraries_in_a_virtual_environment_of_the_project_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, src=False)
    site = tmp_path / ".venv" / "lib" / "site-packages"
    site.mkdir(parents=True)
    (site / "library_of_lights.py").write_text("COUNT = 0\n")
    monkeypatch.syspath_prepend(site)
    library = importlib.import_module("library_of_lights")
    assert loaded(working_copy(tmp_path)) == "on"
    assert sys.modules.pop("library_of_lights") is library


def test_a_mistake_in_the_code_is_raised_and_mended_by_the_next_save(tmp_path: Path) -> None:
    root = package(tmp_path)
    [source] = working_copy(tmp_path).sources
    (root / "words.py").write_text("WORDS = = 'on'\n")
    with pytest.raises(SyntaxError) as raised:
        source.load()
    assert (raised.value.filename, raised.value.lineno) == (str(root / "words.py"), 1)
    (root / "words.py").write_text("WORDS = 'mended'\n")
    assert answer(source.load()) == "mended"
    source.unload()


def test_a_new_project_is_one(tmp_path: Path) -> None:
    make(PluginName.of("lamp-light", {}), tmp_path)
    [source] = working_copy(tmp_path / "voiced-lamp-light").sources
    [plugin] = source.load().plugins
    source.unload()
    assert (source.name, type(plugin).__name__) == ("lamp_light", "LampLightPlugin")


@pytest.mark.parametrize(
    ("files", "path", "complaint"),
    [
        ({}, "lamp", "{}/lamp is not there; make a plugin with: voiced plugin new lamp"),
        ({"lamp.txt": ""}, "lamp.txt", "{}/lamp.txt is no plugin: give a .py file, a package or a project"),
        (
            {"lamp/notes.py": ""},
            "lamp",
            "{}/lamp is no plugin: it has neither a pyproject.toml nor an __init__.py; give the .py file",
        ),
        ({"pyproject.toml": "[project\n"}, "", "{}/pyproject.toml can't be read: Expected ']'"),
        ({"pyproject.toml": "[project]\n"}, "", '{}/pyproject.toml names no plugin; write: [project.entry-points."voi'),
        ({"pyproject.toml": "project = 1\n"}, "", "{}/pyproject.toml names no plugin"),
        (
            {"pyproject.toml": '[project.entry-points."voiced.plugins"]\nlamp = "lights"\n'},
            "",
            "{}/pyproject.toml: the plugin lamp is in lights, which is neither in src nor beside this file",
        ),
        (
            {"pyproject.toml": '[project.entry-points."voiced.plugins"]\nclock = "voiced.plugins.builtin.clock"\n'},
            "",
            "{} is voiced itself; give the file of one of its plugins",
        ),
    ],
)
def test_what_is_no_plugin_says_why(files: dict[str, str], path: str, complaint: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(PluginError) as raised:
        working_copy(tmp_path / path)
    assert str(raised.value).startswith(complaint.format(tmp_path))


# What is watched.


def test_what_is_saved_made_or_taken_away_changes_the_stamps(tmp_path: Path) -> None:
    root = package(tmp_path)
    copy = working_copy(tmp_path)
    before = copy.stamps()
    assert set(before) == {root / "__init__.py", root / "words.py", tmp_path / "pyproject.toml"}
    os.utime(root / "words.py", ns=(1, 1))
    (root / "new.py").touch()
    (root / "__init__.py").unlink()
    after = copy.stamps()
    assert {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == {
        "words.py",
        "new.py",
        "__init__.py",
    }


def test_caches_and_virtual_environments_are_not_watched_and_files_have_a_limit(tmp_path: Path) -> None:
    package(tmp_path)
    for place in (".venv/lib", "env/lib", "src/voiced_lamp_parts/__pycache__", "tests"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "module.py").touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    copy = working_copy(tmp_path)
    assert len(copy.stamps()) == 3
    for number in range(MOST_FILES):
        (tmp_path / f"a{number}.py").touch()
    assert len(copy.stamps()) <= MOST_FILES
