"""Every example of the documentation runs, and what it says of settings and messages is true."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import BUILT_IN, Home
from voiced import api
from voiced.ai import signature, strict_schema
from voiced.api import PERMISSIONS, ToolContext
from voiced.conversation.events import Sentence, ToolsChanged
from voiced.plugins import (
    calls,
    cards,
    context,
    loading,
    offer,
    results,
    sentences,
    speech,
    state_file,
    subscriptions,
    traces,
    wav_file,
)
from voiced.plugins.settings import PluginSettings
from voiced.testing.assistant import Assistant
from voiced.testing.tool_bench import ToolBench

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "plugins.md").read_text()
TUTORIAL = (DOCS / "tutorial.md").read_text()
API = (DOCS / "api.md").read_text()
BUILT_IN_PAGE = DOCS / "builtin-plugins.md"

_BLOCK = re.compile(r"```python\n# (\w+)\.py\n(.*?)```", re.DOTALL)
EXAMPLES: dict[str, str] = {**dict(_BLOCK.findall(REFERENCE)), **dict(_BLOCK.findall(TUTORIAL))}
TESTS = [
    (name, function)
    for name, code in EXAMPLES.items()
    if name.startswith("test_")
    for function in re.findall(r"^async def (test_\w+)", code, re.MULTILINE)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With all examples, as modules too."""
    before = set(sys.modules)
    for name, code in EXAMPLES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in EXAMPLES:
            del sys.modules[name]


@pytest.mark.parametrize("page", [REFERENCE, TUTORIAL], ids=["reference", "tutorial"])
def test_every_block_of_python_is_an_example(page: str) -> None:
    assert len(_BLOCK.findall(page)) == page.count("```python")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if not name.startswith("test_")])
async def test_all_examples_load(folder: Path, name: str) -> None:
    bench = ToolBench(folder / "home", [folder])
    bench.plugin(f"{name}.py", settings={"name": "Ada"} if name == "greeting" else {})
    async with bench.running():
        pass


@pytest.mark.parametrize(("name", "function"), TESTS)
async def test_all_tests_pass(folder: Path, name: str, function: str) -> None:
    test: Callable[..., Awaitable[None]] = getattr(importlib.import_module(name), function)
    [fixture] = inspect.signature(test).parameters
    bench = {"tools": ToolBench, "assistant": Assistant}[fixture](folder / "home", [folder])
    await test(bench)


async def test_the_thermostat(home: Home) -> None:
    home.plugin("thermostat", EXAMPLES["thermostat"])
    async with home.running():
        assert await home.answer("set_temperature", room="kitchen", celsius=21) == '{"room":"kitchen","celsius":21.0}'
        assert await home.complaint("set_temperature", room="bath", celsius=21) == "There is no thermostat in the bath."
        assert "celsius: Input should be less than" in await home.complaint("set_temperature", room="bath", celsius=99)


async def test_the_radio(home: Home) -> None:
    home.plugin("radio", EXAMPLES["radio"])
    async with home.running():
        await home.answer("play_radio", url="https://radio.example/news.mp3", seconds=60)
        with capture_logs() as log:
            home.clock.advance(minutes=1)
            assert await home.answer("stop_radio") == "The radio is off."
        assert [line["event"] for line in log] == ["radio stops"] * 2


async def test_the_sentences(home: Home) -> None:
    home.plugin("blinds", EXAMPLES["blinds"])
    home.plugin("radio", EXAMPLES["radio"])
    async with home.running():
        home.host.reload()
        specs = {spec.name: spec for spec in (await home.next(ToolsChanged)).tools}
        returned = await home.call("set_blinds", room="living_room", percent=40)
        assert returned.spoken == "The living room blinds are at 40 percent."
    assert specs["set_blinds"].sentences == (
        Sentence("(raise|open) the {room} blinds", {"percent": 100}),
        Sentence("(lower|close) the {room} blinds", {"percent": 0}),
        Sentence("set the {room} blinds to {number:percent} [percent]"),
    )
    assert specs["set_blinds"].lists == {"room": {"kitchen": "kitchen", "living room": "living_room"}}
    assert specs["play_radio"].lists["station"].keys() == {"[the] news", "jazz [radio]"}
    assert {name: spec.local for name, spec in specs.items()} == {
        "set_blinds": False,
        "play_radio": False,
        "stop_radio": True,
    }


async def test_the_shopping_list(folder: Path) -> None:
    bench = ToolBench(folder / "home", [folder])
    bench.plugin("shopping.py")
    async with bench.running():
        assert await bench.call("add_to_shopping_list", item="milk") == "1 things are on the list."
        assert await bench.error("add_to_shopping_list", item="milk") == "milk is on the list already."
        assert "sort_shopping_list" not in bench.offered
        await bench.call("add_to_shopping_list", item="eggs")
        assert await bench.call("sort_shopping_list") == ["eggs", "milk"]
    async with bench.running():
        assert await bench.call("read_shopping_list") == ["eggs", "milk"]


async def test_the_scenes(folder: Path) -> None:
    bench = ToolBench(folder / "home", [folder])
    bench.plugin("scenes.py")
    async with bench.running():
        assert list(bench.offered) == ["movie_light", "dinner_light"]
        assert await bench.call("dinner_light") == "Done."


async def test_the_backups_tell_how_far_they_are(folder: Path) -> None:
    bench = ToolBench(folder / "home", [folder])
    bench.plugin("backup.py")
    async with bench.running():
        assert await bench.call("check_backups") == "All 3 backups are whole."
        assert bench.heard[0] == "The backup of the photos is whole."


async def test_the_greeting(folder: Path) -> None:
    bench = ToolBench(folder / "home", [folder])
    bench.plugin("greeting.py", settings={"name": "Ada", "times": 2})
    async with bench.running():
        assert await bench.call("greet") == "Hello, Ada! Hello, Ada!"


# What the reference tells of the API is all that there is, and as it is.


def test_the_entry_point_and_the_settings_of_pytest() -> None:
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)]
    assert {"project": {"entry-points": {"voiced.plugins": {"shopping": "voiced_shopping"}}}} in blocks
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    [told] = [block["tool"]["pytest"]["ini_options"] for block in blocks if "tool" in block]
    assert told.items() <= project.items()


def test_all_settings_are_told_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| ", _part("Settings of [plugins]"), re.MULTILINE))
    defaults = {name: field.default for name, field in PluginSettings.model_fields.items()}
    assert told.keys() == defaults.keys()
    numbers = ("timeout_s", "max_output_bytes", "max_parallel")
    assert [int(told[name]) for name in numbers] == [defaults[name] for name in numbers]


@pytest.mark.parametrize(
    "words",
    [
        f"{offer.MOST_TOOLS}, as a model takes them",
        f"{signature.DESCRIPTION_LIMIT} characters before",
        f"{strict_schema.NESTING_LIMIT} deep, {strict_schema.PROPERTY_LIMIT} fields, {strict_schema.ENUM_LIMIT} values",
        f"{strict_schema.SIZE_LIMIT:,} characters in all",
        f"{sentences.SENTENCE_LIMIT} of a tool, {sentences.CHARACTER_LIMIT} characters each",
        f"{sentences.WORD_LIMIT} values of a list, numbers up to {sentences.LARGEST_NUMBER}",
        f"| {loading.SETUP_S:g} s each |",
        f"| teardown | {loading.TEARDOWN_S:g} s |",
        f"after {calls.HUNG_LIMIT} that hang".replace("3", "three"),
        f"{results.IMAGES} pictures of {results.IMAGE_BYTES // 1_000_000} MB",
        f"{speech.SAID_LIMIT} characters; a sound of {wav_file.LONGEST_S} s",
        f"{cards.CARD_LIMIT} cards of one plugin; a picture of {cards.IMAGE_BYTES // 1_000_000} MB",
        f"{cards.ALL_IMAGE_BYTES // 1_000_000} MB of all; an id of {cards.LONGEST_ID} characters",
        f"a title of {cards.LONGEST_TITLE} and a text of {cards.LONGEST_TEXT}",
        f"{speech.LONGEST_WITHIN_S:g} s; {speech.CHOICES_LIMIT} choices",
        f"{state_file.MAX_BYTES // 1024} KiB of JSON",
        f"{context.THREAD_LIMIT} `in_thread`, {cards.READING_LIMIT} files with pictures to show",
        f"{context.SUBSCRIPTION_LIMIT} subscriptions, {subscriptions.WAITING_LIMIT} events",
        f"{traces.MOST_TASKS} tasks, {context.APPOINTMENT_LIMIT} appointments",
        f"{traces.MOST_ANNOUNCEMENTS} announcements, {traces.MOST_WISHES} wishes in all",
    ],
)
def test_the_limits_are_those(words: str) -> None:
    assert words in _part("Limits")


def test_all_options_of_a_tool_are_told() -> None:
    first_cells = re.findall(r"^\| (`.*?) \| ", _part("Options of @tool"), re.MULTILINE)
    told = re.findall(r"`(\w+)`", " ".join(first_cells))
    assert sorted(told) == sorted(api.ToolOptions.__dataclass_fields__)


def test_all_of_the_context_is_told() -> None:
    page = _part("ToolContext")
    names = [name for name in vars(ToolContext) if not name.startswith("_")]
    assert [name for name in names if not re.search(rf"`(await )?{name}\b|, `?{name}\b", page)] == []


def test_all_that_may_be_imported_is_told() -> None:
    never_written = {"Appointment", "Ai", "OnBargeIn", "Permission", "Sentence", "StateError", "Subscription"}
    missing = [name for name in api.__all__ if not re.search(rf"\b{name}\b", REFERENCE + API)]
    assert set(missing) - never_written - {"PERMISSIONS", "options_of"} == set()


def test_all_permissions_are_told() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \|", _part("Permissions"), re.MULTILINE)) == PERMISSIONS


def test_all_of_the_fixtures_is_told() -> None:
    page = _part("Testing")
    for kind in (ToolBench, Assistant):
        names = [name for name in vars(kind) if not name.startswith("_")] + list(vars(kind(DOCS)))
        public = {name for name in names if not name.startswith("_")} - {"report"}
        assert {name for name in public if not re.search(rf"\b{name}\b", page)} == set()


def test_all_built_in_plugins_are_told() -> None:
    page = BUILT_IN_PAGE.read_text()
    assert [name for name in BUILT_IN if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("section", "plugin", "settings"),
    [
        ("Time: `clock`", "clock", {}),
        ("Timers, alarms and reminders: `timers`", "timers", {}),
        ("Loudness: `volume`", "volume", {}),
        ("Lists: `lists`", "lists", {}),
        ("Notes: `notes`", "notes", {}),
        ("Memory: `memory`", "memory", {}),
        ("Weather: `weather`", "weather", {"place": "Oslo"}),
        ("Music: `media`", "media", {"host": "/nowhere/mpd.socket"}),
    ],
)
async def test_what_one_can_say_with_no_cloud_is_understood(
    tmp_path: Path, section: str, plugin: str, settings: dict[str, str]
) -> None:
    told = BUILT_IN_PAGE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    told = re.sub(r"```.*?```|^\|.*?$", "", told, flags=re.DOTALL | re.MULTILINE).replace("\n", " ")
    alone = re.split(r"[Ww]ith a model|needs a model", told.split("With no cloud")[1])[0]
    sentences = re.findall(r'"([^"]+)"', alone)
    bench = ToolBench(tmp_path)
    bench.plugin(plugin, settings=settings)
    async with bench.running():
        assert [said for said in sentences if not bench.offline(said)] == []
        assert sentences


_TOOL = "from voiced.api import *\n@tool{options}\ndef bad({arguments}):\n    'Bad.'\n"


def _bad(arguments: str = "", **options: object) -> str:
    written = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return _TOOL.format(arguments=arguments, options=f"({written})" if written else "")


@pytest.mark.parametrize(
    ("told", "source"),
    [
        ("x: give it a type hint, such as x: str", _bad("x")),
        (
            "write a docstring; it tells the model what the tool does",
            "from voiced.api import *\n@tool\ndef bad(): pass",
        ),
        (
            "the docstring has 1100 characters before its Args; models take 1024",
            f"from voiced.api import *\n@tool\ndef bad():\n    '{'a' * 1100}'\n",
        ),
        (
            "the docstring describes y, which the function does not have",
            "from voiced.api import *\n@tool\ndef bad():\n    '''Bad.\n\n    Args:\n        y: No.\n    '''\n",
        ),
        ("a dict with free keys has no strict schema; name the keys in a dataclass", _bad("x: dict[str, int]")),
        (
            "Tree contains itself; a tool takes no recursive type",
            "from dataclasses import dataclass\n@dataclass\nclass Tree:\n    trees: 'list[Tree]'\n" + _bad("x: Tree"),
        ),
        ("its arguments are nested 11 deep; 10 are allowed", _bad("x: " + "list[" * 10 + "str" + "]" * 10)),
        ("the type hint 'Room' is not known; import it outside of", _bad("x: 'Room'")),
        ("*items: str: the model names each argument; write it without * and /", _bad("*items: str")),
        ("the name roll is taken by", _bad(name="roll") + "\n@tool\ndef roll():\n    'Roll.'\n"),
        ("its brackets can't be read", _bad(sentences=["(a"])),
        ("x is required and not always given", _bad("x: int", sentences=["do"])),
        ("there is no list 'x'; known are", _bad("x: str", sentences=["do {x}"])),
        ("the function has no argument 'x'", _bad(sentences=["do {number:x}"])),
        ("there is no {x}; known are", _bad(spoken="{x}")),
        ("there is no permission 'net'; did you mean", _bad(permissions=["net"])),
        ("local=True is about its sentences, and it has none", _bad(local=True)),
        ("when='x' names an attribute of a Plugin, and this is no method", _bad(when="x")),
        ("it has no function marked with @tool and no Plugin", "x = 1"),
        ("it does not load: ModuleNotFoundError: No module named 'x'", "import x"),
    ],
)
async def test_messages_are_as_they_are_told(home: Home, told: str, source: str) -> None:
    assert told in _part("Messages and what to do").replace("`", "")
    home.plugin("bad", source)
    async with home.running():
        assert told in " ".join(home.status("bad").problems)


def _part(title: str) -> str:
    """What stands below a heading of the reference."""
    return REFERENCE.split(f"\n## {title}\n")[1].split("\n## ")[0]
