"""Every example of docs/plugins.md runs."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.conversation.events import Sentence, ToolsChanged
from voiced.plugins.settings import PluginSettings
from voiced.testing.loopback import LoopbackServer

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
EXAMPLES: dict[str, str] = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
async def home(home: Home) -> Home:
    """With all examples in its folder."""
    for name, code in EXAMPLES.items():
        if not name.startswith("test_"):
            home.plugin(name, code)
    return home


def test_every_block_of_python_is_an_example() -> None:
    assert len(EXAMPLES) == PAGE.count("```python")


async def test_all_examples_load(home: Home) -> None:
    async with home.running() as tools:
        assert tools == (
            "set_blinds",
            "roll_dice",
            "watch_laundry",
            "play_radio",
            "stop_radio",
            "add_to_shopping_list",
            "read_shopping_list",
            "set_temperature",
        )
        assert [status.problems for status in home.host.status()] == [()] * 6


async def test_the_first_tool(home: Home) -> None:
    async with home.running():
        assert await home.answer("roll_dice", count=3, sides=1) == "[1,1,1]"


async def test_the_thermostat(home: Home) -> None:
    async with home.running():
        assert await home.answer("set_temperature", room="kitchen", celsius=21) == '{"room":"kitchen","celsius":21.0}'
        assert await home.complaint("set_temperature", room="bath", celsius=21) == "There is no thermostat in the bath."
        assert "celsius: Input should be less than" in await home.complaint("set_temperature", room="bath", celsius=99)
        assert "room: Input should be 'kitchen' or 'bath'" in await home.complaint(
            "set_temperature", room="attic", celsius=21
        )


async def test_the_blinds(home: Home) -> None:
    async with home.running():
        answer = await home.answer("set_blinds", room="living_room", percent=40)
        assert answer == "The living room blinds are at 40 percent."


async def test_the_radio(home: Home) -> None:
    async with home.running():
        await home.answer("play_radio", url="https://radio.example/news.mp3", seconds=60)
        with capture_logs() as log:
            home.clock.advance(minutes=1)
            assert await home.answer("stop_radio") == "The radio is off."
        assert [line["event"] for line in log] == ["radio stops"] * 2


async def test_the_sentences(home: Home) -> None:
    async with home.running():
        home.host.reload()
        specs = {spec.name: spec for spec in (await home.next(ToolsChanged)).tools}
    assert specs["set_blinds"].sentences == (
        Sentence("(raise|open) the {room} blinds", {"percent": 100}),
        Sentence("(lower|close) the {room} blinds", {"percent": 0}),
        Sentence("set the {room} blinds to {number:percent} [percent]"),
    )
    assert specs["set_blinds"].lists == {"room": {"kitchen": "kitchen", "living room": "living_room"}}
    assert specs["play_radio"].lists["station"].keys() == {"[the] news", "jazz [radio]"}
    assert {name: spec.local for name, spec in specs.items() if spec.sentences} == {
        "set_blinds": False,
        "play_radio": False,
        "stop_radio": True,
    }


async def test_the_laundry(home: Home) -> None:
    async with home.running():
        assert await home.answer("watch_laundry", minutes=40) == "I will tell you."
        home.clock.advance(minutes=40)
        assert await home.announcement() == "The laundry is done."


async def test_the_shopping_list(home: Home) -> None:
    async with home.running():
        assert await home.answer("add_to_shopping_list", item="milk") == "1 things are on the list."
        assert await home.complaint("add_to_shopping_list", item="milk") == "milk is on the list already."
    async with home.running():
        assert await home.answer("read_shopping_list") == '["milk"]'


def test_the_test(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(home.folder)
    home.plugin("test_dice", EXAMPLES["test_dice"])
    try:
        importlib.import_module("test_dice").test_dice_have_sides()
    finally:
        for name in ("dice", "test_dice"):
            sys.modules.pop(name, None)


async def test_the_test_aloud(
    home: Home, monkeypatch: pytest.MonkeyPatch, loopback: Callable[..., LoopbackServer], tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(home.folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    home.plugin("test_dice_aloud", EXAMPLES["test_dice_aloud"])
    try:
        await importlib.import_module("test_dice_aloud").test_the_model_rolls_dice(loopback, tmp_path)
    finally:
        sys.modules.pop("test_dice_aloud", None)


def test_the_entry_point() -> None:
    [block] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert tomllib.loads(block)["project"]["entry-points"]["voiced.plugins"] == {"shopping": "voiced_shopping"}


def test_all_settings_are_told_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| ", PAGE.split("## Settings")[1], re.MULTILINE))
    defaults = {name: field.default for name, field in PluginSettings.model_fields.items()}
    assert told.keys() == defaults.keys()
    assert [int(told[name]) for name in ("timeout_s", "max_output_bytes", "max_parallel")] == [15, 16384, 8]
    assert [defaults[name] for name in ("timeout_s", "max_output_bytes", "max_parallel")] == [15, 16384, 8]
