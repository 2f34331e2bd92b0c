"""Plugins through the control socket of the whole daemon: listed, switched one by one, and their tools run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon.household import Household
from voiced.control.protocol import Call, Plugin, Plugins
from voiced.conversation.commands import ReplyHeard, ToolStarted
from voiced.errors import ControlError
from voiced.testing.loopback import Reply, Say, Turn

LAMP = """
from voiced.api import Plugin, ToolContext, tool

class Lamp(Plugin):
    permissions = ("say", "listen")

    @tool
    async def lamp(self, on: bool) -> str:
        "Switch the lamp."
        return f"It is {'on' if on else 'off'}."

    @tool
    async def tell(self, context: ToolContext) -> str:
        "Tell something."
        return f"heard: {await context.say('The lamp is hot.')}"
"""

BLINDS = """
from voiced.api import tool

@tool
def blinds() -> str:
    "Lower the blinds."
    return "They are down."
"""


def model(turn: Turn) -> Reply:
    """Says what it is told to, and answers nothing."""
    return Say(str(turn.params["instructions"]).partition("\n")[2])


async def plugins(home: Household) -> dict[str, dict[str, Any]]:
    [reply] = await home.control(Plugins())
    return {plugin["name"]: plugin for plugin in reply["plugins"]}


@pytest.fixture
def at_home(household: Callable[..., Household]) -> Callable[..., Household]:
    """With a lamp and blinds."""

    def made(*arguments: Any, **options: Any) -> Household:
        home = household(*arguments, **options)
        home.write_plugin("lamp", LAMP)
        home.write_plugin("blinds", BLINDS)
        return home

    return made


async def test_a_tool_is_run_and_the_conversation_knows_nothing_of_it(at_home: Callable[..., Household]) -> None:
    async with at_home([]) as home:
        await home.ready()
        assert await home.control(Call(tool="lamp", arguments={"on": True})) == [{"result": "It is on.", "ok": True}]
        [failed] = await home.control(Call(tool="lamp", arguments={"on": "perhaps"}))
        assert (failed["ok"], "valid boolean" in failed["result"]) == (False, True)
        [unknown] = await home.control(Call(tool="lmap"))
        assert unknown == {"result": "There is no tool 'lmap'. Did you mean: lamp?", "ok": False}
        assert home.of(ToolStarted) == []
        assert list(home.server.conversation.items) == []


async def test_what_a_tool_says_is_heard_in_the_next_silence(at_home: Callable[..., Household]) -> None:
    async with at_home(model) as home:
        await home.ready()
        assert await home.control(Call(tool="tell")) == [{"result": "heard: True", "ok": True}]
        assert [fact.text for fact in home.of(ReplyHeard)] == ["The lamp is hot."]


async def test_a_plugin_is_switched_off_and_on_while_the_others_go_on(at_home: Callable[..., Household]) -> None:
    async with at_home([]) as home:
        await home.ready()
        assert await home.control(Plugin(name="lamp", action="disable")) == [{"done": True}]
        await home.until(lambda: "lamp" not in _tools(home))
        lamp = (await plugins(home))["lamp"]
        assert (lamp["state"], lamp["tools"]) == ("off", [])
        assert "voiced plugin enable lamp" in lamp["why"]
        assert (await home.control(Call(tool="blinds")))[0]["ok"]
        await home.stop()
        await home.ready()
        assert (await plugins(home))["lamp"]["state"] == "off"
        assert await home.control(Plugin(name="lamp", action="enable")) == [{"done": True}]
        await home.until(lambda: "lamp" in _tools(home))
        assert (await plugins(home))["lamp"]["permissions"] == ["say", "listen"]


async def test_one_plugin_is_loaded_anew(at_home: Callable[..., Household]) -> None:
    async with at_home([]) as home:
        await home.ready()
        home.write_plugin("lamp", LAMP.replace("async def lamp", "async def light"))
        home.write_plugin("blinds", BLINDS.replace("def blinds", "def shutters"))
        await home.control(Plugin(name="lamp", action="reload"))
        await home.until(lambda: "light" in _tools(home))
        assert "blinds" in _tools(home)


async def test_a_plugin_that_is_not_there_is_told_with_the_nearest(at_home: Callable[..., Household]) -> None:
    async with at_home([]) as home:
        await home.ready()
        with pytest.raises(ControlError, match=r"^there is no plugin lmap; did you mean lamp\?$"):
            await home.control(Plugin(name="lmap", action="disable"))


def _tools(home: Household) -> list[str]:
    return [tool.name for tool in home.daemon.tools or ()]
