"""A new project passes as it is: its tests, its style, its types, and where it is installed voiced finds it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from voiced.errors import PluginError
from voiced.scaffold import PluginName, make

PATIENCE_S = 300


def project(folder: Path, name: str = "weather") -> Path:
    make(PluginName.of(name, {}), folder)
    return folder / f"voiced-{name}"


def installed(project: Path, site: Path) -> None:
    """As `pip install -e` has it, with no build: the metadata, and where the source is."""
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    [(group, entries)] = about["entry-points"].items()
    lines = (f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")


def run(folder: Path, *command: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["weather", "shopping-list2"])
def test_its_tests_pass_as_they_are(name: str, tmp_path: Path) -> None:
    made = project(tmp_path, name)
    installed(made, tmp_path / "site")
    path = os.pathsep.join((str(made / "src"), str(tmp_path / "site")))
    code, said = run(made, "pytest", "-q", "-p", "no:cacheprovider", PYTHONPATH=path, PYTEST_ADDOPTS="")
    assert (code, "3 passed" in said) == (0, True), said


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("name", ["weather", "a", "a-name-of-just-thirty-letters1"])
def test_its_style_is_clean(name: str, tmp_path: Path) -> None:
    made = project(tmp_path, name)
    assert run(made, "ruff", "check", "--no-cache") == (0, "All checks passed!\n")
    code, said = run(made, "ruff", "format", "--check", "--no-cache")
    assert code == 0, said


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_its_types_are_clean(tmp_path: Path) -> None:
    code, said = run(project(tmp_path), "mypy", "--cache-dir", os.devnull)
    assert code == 0, said


def test_all_in_it_is_named_after_it(tmp_path: Path) -> None:
    made = project(tmp_path, "shopping-list")
    files = {path.relative_to(made).as_posix(): path.read_text() for path in made.rglob("*") if path.is_file()}
    assert set(files) == {
        "src/voiced_shopping_list/__init__.py",
        "src/voiced_shopping_list/py.typed",
        "tests/test_shopping_list.py",
        "pyproject.toml",
        "README.md",
        ".gitignore",
    }
    assert [name for name, text in files.items() if "$" in text.replace("$ ", "")] == []
    about = tomllib.loads(files["pyproject.toml"])["project"]
    assert about["entry-points"] == {"voiced.plugins": {"shopping_list": "voiced_shopping_list"}}


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "voiced-weather").mkdir()
    with pytest.raises(PluginError) as raised:
        project(tmp_path)
    complaint = f"{tmp_path / 'voiced-weather'} is there already; choose another name, or another folder"
    assert str(raised.value) == complaint
    assert list((tmp_path / "voiced-weather").iterdir()) == []


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PluginError, match="file is there already"):
        project(tmp_path / "file")
    with pytest.raises(PluginError, match=r"it can't be written \(Not a directory\)"):
        project(tmp_path / "file" / "below")


def test_the_folder_is_made(tmp_path: Path) -> None:
    assert (project(tmp_path / "some" / "where") / "pyproject.toml").is_file()
