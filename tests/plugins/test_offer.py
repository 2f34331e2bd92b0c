"""Which tools are offered: those whose `when` is true, the dynamic ones, and no more than a model takes."""

from __future__ import annotations

from tests.plugins.fakes import Home
from voiced.conversation.events import ToolsChanged
from voiced.plugins.offer import MOST_TOOLS

DOOR = """
from voiced.api import Plugin, ToolContext, tool

class Door(Plugin):
    open = False

    async def setup(self, context):
        self.context = context

    def is_shut(self):
        return not self.open

    @tool(when="is_shut")
    async def open_door(self):
        'Open it.'
        self.open = True

    @tool(when="open")
    async def shut_door(self):
        'Shut it.'
        self.open = False

    @tool
    async def knock(self):
        'Knock.'
"""

RADIO = """
from voiced.api import DynamicTool, Plugin, ToolOptions, tool

async def play(arguments, context):
    return f"playing {arguments['loud']}"

def station(name):
    return DynamicTool(
        f"play_{name}", f"Play {name}.",
        {"type": "object", "properties": {"loud": {"type": "boolean"}}, "required": ["loud"]}, play)

class Radio(Plugin):
    def __init__(self):
        self.stations = ["news"]

    async def setup(self, context):
        self.context = context

    @tool
    async def tune(self, name: str):
        'Add a station.'
        self.stations.append(name)

    @tool
    async def forget(self):
        'Forget all.'
        self.stations.clear()
        self.context.tools_changed()

    def dynamic_tools(self):
        return [station(name) for name in self.stations]
"""


async def test_a_tool_is_offered_while_its_condition_is_true(home: Home) -> None:
    home.plugin("door", DOOR)
    async with home.running() as tools:
        assert tools == ("open_door", "knock")
        await home.answer("open_door")
        assert await home.tools() == ("shut_door", "knock")
        assert home.status("door").tools == ("shut_door", "knock")
        assert "There is no tool 'open_door'" in await home.complaint("open_door")
        await home.answer("shut_door")
        assert await home.tools() == ("open_door", "knock")


async def test_nothing_is_told_where_nothing_changed(home: Home) -> None:
    home.plugin("door", DOOR)
    async with home.running():
        for _ in range(5):
            await home.answer("knock")
        await home.answer("open_door")
        assert await home.tools() == ("shut_door", "knock")
        assert home.untaken(ToolsChanged) == []


async def test_a_condition_that_crashes_hides_its_tool_and_is_told(home: Home) -> None:
    home.plugin("door", DOOR.replace("return not self.open", "raise OSError('no wire')"))
    async with home.running() as tools:
        assert tools == ("knock",)
        [problem] = home.status("door").problems
        assert "it is not offered, its when crashed: OSError: no wire" in problem


async def test_tools_that_are_known_at_run_time_come_and_go(home: Home) -> None:
    home.plugin("radio", RADIO)
    async with home.running() as tools:
        assert tools == ("tune", "forget", "play_news")
        assert await home.answer("play_news", loud=True) == "playing True"
        await home.answer("tune", name="jazz")
        assert await home.tools() == ("tune", "forget", "play_news", "play_jazz")
        await home.answer("forget")
        assert await home.tools() == ("tune", "forget")


async def test_dynamic_tools_that_crash_are_a_problem_of_their_plugin(home: Home) -> None:
    home.plugin("radio", RADIO.replace("return [station", "raise OSError('no mast')\n        return [station"))
    async with home.running() as tools:
        assert tools == ("tune", "forget")
        assert home.status("radio").problems[0].startswith("it can't tell which tools it has: OSError: no mast")


async def test_a_dynamic_tool_that_is_wrong_is_left_out_alone(home: Home) -> None:
    home.plugin("radio", RADIO.replace('["news"]', '["news", "news", "the best"]'))
    async with home.running() as tools:
        assert tools == ("tune", "forget", "play_news")
        [twice, spaced] = home.status("radio").problems
        assert "the name play_news is taken by" in twice
        assert "play_the best" in spaced


async def test_a_dynamic_tool_does_not_take_another_plugins_name(home: Home) -> None:
    home.plugin("a", 'from voiced.api import tool\n@tool\nasync def play_news():\n    "Play."\n    return "mine"\n')
    home.plugin("radio", RADIO)
    async with home.running() as tools:
        assert tools == ("play_news", "tune", "forget")
        assert await home.answer("play_news") == "mine"
        assert "the name play_news is taken by" in home.status("radio").problems[0]


async def test_what_a_model_cannot_take_is_left_out_and_named(home: Home) -> None:
    home.plugin("radio", RADIO.replace('["news"]', "[str(n) for n in range(200)]"))
    home.plugin("zoo", DOOR)
    async with home.running() as tools:
        assert len(tools) == MOST_TOOLS
        problems = home.status("zoo").problems
        assert problems[0].startswith(f"open_door is left out: a model takes {MOST_TOOLS} tools")
        assert (
            any(problem.startswith("play_199 is left out") for problem in home.status("radio").problems)
            or len(home.status("radio").problems) == 50
        )
