"""Every example of the page about the API runs, and what its tables say is so."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import itertools
import re
import shlex
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from voiced import errors
from voiced.ai.presets import PRESETS
from voiced.api import Ai
from voiced.cli.parser import parser
from voiced.config import load_config
from voiced.testing.http import HttpLoopback, Script
from voiced.testing.tool_bench import ToolBench

from .desk import desk
from .endpoints import ENDPOINTS
from .page_world import SCRIPTS, furnish

CHECKOUT: Final = Path(__file__).parents[2]
PAGE: Final = (CHECKOUT / "docs" / "api.md").read_text()

_BLOCK: Final = re.compile(r"```python\n(.*?)```", re.DOTALL)
_NAME: Final = re.compile(r"# (\w+)\.py\n")
_PRINTED: Final = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)


def _slug(title: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


SECTIONS: Final = {
    _slug(title): text for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
}
BLOCKS: Final = [(slug, code) for slug, text in SECTIONS.items() for code in _BLOCK.findall(text)]
FILES: Final = {name[1]: code for _, code in BLOCKS if (name := _NAME.match(code))}
TESTS: Final = [
    (name, function)
    for name, code in FILES.items()
    for function in re.findall(r"^async def (test_\w+)", code, re.MULTILINE)
]
SNIPPETS: Final[dict[str, list[str]]] = {}
for _section, _code in BLOCKS:
    if not _NAME.match(_code):
        SNIPPETS.setdefault(_section, []).append(_code)


# The examples.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With all that the examples read, and with the files of the page, as modules too."""
    furnish(tmp_path)
    for name, code in FILES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("section", SNIPPETS)
async def test_the_examples_run_and_print_what_they_say(folder: Path, section: str) -> None:
    printed: list[str] = []
    told: list[str] = []
    async with HttpLoopback(SCRIPTS.get(section, Script()), assistants=True) as server, desk(server) as here:
        scope: dict[str, Any] = {
            "ai": here.ai,
            "print": lambda *values, **_: printed.append(" ".join(map(str, values))),
        }
        for code in SNIPPETS[section]:
            told += _PRINTED.findall(code)
            with no_pauses():
                await _run(code, section, scope)
        violations = server.violations
    assert [line for line in told if line not in printed] == []
    assert violations == ()


@contextmanager
def no_pauses() -> Iterator[None]:
    """Whoever pauses before it looks again is woken at once; what ends by a timeout has all of its time."""
    loop = asyncio.get_running_loop()
    loop.call_later = lambda _, *callback, **options: type(loop).call_later(loop, 0, *callback, **options)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del loop.call_later


async def _run(code: str, section: str, scope: dict[str, Any]) -> None:
    """With `await` anywhere, as in a tool."""
    compiled = compile(code, f"api.md#{section}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    running = eval(compiled, scope)
    if inspect.isawaitable(running):
        await running


@pytest.mark.parametrize(("name", "function"), TESTS)
async def test_the_tests_pass(folder: Path, name: str, function: str) -> None:
    test: Callable[..., Awaitable[None]] = getattr(importlib.import_module(name), function)
    await test(tools=ToolBench(folder / "home", [folder]), http_loopback=HttpLoopback)


def test_each_plugin_has_a_test() -> None:
    assert [name for name in FILES if not name.startswith("test_") and f"test_{name}" not in FILES] == []


# What it tells.


def test_all_links_lead_somewhere() -> None:
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", PAGE):
        path, _, anchor = target.partition("#")
        if path.startswith("https:"):
            continue
        there = (CHECKOUT / "docs" / path).resolve() if path else CHECKOUT / "docs" / "api.md"
        assert there.exists(), (text, target)
        if anchor:
            slugs = [_slug(title) for title in re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)]
            assert anchor in slugs, (text, target)


def _rows(section: str) -> list[list[str]]:
    """The cells of a section's tables, without their heads."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row, after in zip(cells, [*cells[1:], []], strict=True) if not _rule(row) and not _rule(after)]


def _rule(row: list[str]) -> bool:
    return bool(row) and all(set(cell) <= set("-:") for cell in row)


EVERYTHING: Final = _rows("everything-in-a-table")


@pytest.mark.parametrize("row", EVERYTHING, ids=lambda row: row[0])
def test_a_row_names_what_there_is(row: list[str]) -> None:
    _, _, helper, example, tests = row
    for name in re.findall(r"`ai\.([\w.]+)`", helper):
        assert _has(name), name
    [anchor] = re.findall(r"\]\(#([\w-]+)\)", example)
    assert "```" in SECTIONS[anchor]
    named = re.findall(r"\[(\w+)\]\(\.\./(tests/[\w/]+\.py)\)", tests)
    assert named
    for function, path in named:
        assert re.search(rf"^(async )?def {function}\(", (CHECKOUT / path).read_text(), re.MULTILINE), function


def test_every_endpoint_that_a_helper_asks_is_in_the_table() -> None:
    told = {endpoint for row in EVERYTHING for endpoint in re.findall(r"`([A-Z]+ /[^`]+)`", row[1])}
    assert frozenset().union(*ENDPOINTS.values()) - told == set()


def _has(name: str) -> bool:
    """Whether `ai` has it: "chat.ask", "embed"."""
    first, _, rest = name.partition(".")
    getter = vars(Ai).get(first)
    if getter is None or not rest:
        return getter is not None
    helper = getter.fget.__annotations__["return"]
    return hasattr(_helper(helper), rest)


def _helper(name: str) -> type:
    """The class that `Ai` names in a type hint."""
    source = Path(importlib.import_module("voiced.api").__file__ or "").read_text()
    [module] = re.findall(rf"from (voiced\.ai\.\w+) import {name}$", source, re.MULTILINE)
    found: type = getattr(importlib.import_module(module), name)
    return found


def test_every_public_method_of_a_helper_is_told() -> None:
    missing = []
    for name, getter in vars(Ai).items():
        if isinstance(getter, property) and name not in ("available", "embedding_model"):
            helper = _helper(getter.fget.__annotations__["return"])
            methods = [method for method in vars(helper) if not method.startswith("_")]
            missing += [f"ai.{name}.{method}" for method in methods if f"ai.{name}.{method}" not in PAGE]
    assert missing == []


def test_all_errors_are_told() -> None:
    told = re.findall(r"`(\w+)`", " ".join(row[0] for row in _rows("errors")))
    kinds = [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.ApiError)]
    assert sorted(told) == sorted(kinds)


def test_all_known_providers_are_told() -> None:
    told = {re.findall(r"`(\w+)`", row[0])[0]: row for row in _rows("providers")}
    assert told.keys() == PRESETS.keys()
    for name, preset in PRESETS.items():
        assert (preset.variable or "none") in told[name][2]


def test_the_settings_are_right(tmp_path: Path) -> None:
    """Each block of settings is read as voiced reads it."""
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        file = tmp_path / "voiced.toml"
        file.write_text(block)
        load_config(file, environ={"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "line", re.findall(r"^.*voiced api .*$", "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE)
)
def test_each_command_is_one(line: str) -> None:
    words = shlex.split(line.split("voiced api ", 1)[1].replace("|", " | ").replace(" < ", " | ").replace(" > ", " | "))
    parser().parse_args(["api", *itertools.takewhile(lambda word: word != "|", words)])
