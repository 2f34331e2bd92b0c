"""Settings of plugins take effect at a reload, and the conversation goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.daemon.household import Household
from voiced.control.protocol import Plugin, Reload, Status
from voiced.conversation.commands import ReplyHeard
from voiced.testing.loopback import CallTool, Reply, Say, Turn

GREETER = """
from voiced.api import Plugin, PluginSettings, tool

class Words(PluginSettings):
    word: str = "hello"

class Greeter(Plugin):
    settings: Words

    @tool
    async def greet(self) -> str:
        "Greet."
        return self.settings.word
"""


def greets_first(turn: Turn) -> Reply:
    """Says what the tool said."""
    if turn.tool_outputs:
        return Say(f"They say {list(turn.tool_outputs)[-1]}.")
    return CallTool("greet")


async def greeter(home: Household) -> dict[str, Any]:
    [status] = await home.control(Status())
    return next(plugin for plugin in status["status"]["plugins"] if plugin["name"] == "greeter")


async def test_a_table_that_changed_counts_after_a_reload(household: Callable[..., Household]) -> None:
    async with household(greets_first, settings={"plugin.greeter.word": "moin"}) as home:
        home.write_plugin("greeter", GREETER)
        await home.ready()
        home.say("moon")
        await home.next(ReplyHeard)
        home.write_settings(plugin__greeter__word="servus")
        await home.control(Reload())
        home.say("tea")
        await home.next(ReplyHeard)
        outputs = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert outputs == ["moin", "servus"]
        before = len(home.server.conversation.items)

        home.write_settings(plugin__greeter__wrd="x")
        await home.control(Reload())
        await home.run(2)
        status = await greeter(home)
        assert status["state"] == "broken"
        assert status["problems"][0].endswith("no such setting: plugin.greeter.wrd; did you mean plugin.greeter.word?")
        assert len(home.server.conversation.items) == before  # nothing of the conversation is lost


async def test_plugins_are_denied_and_switched_without_a_restart(household: Callable[..., Household]) -> None:
    async with household([Say("Hello.")]) as home:
        home.write_plugin("greeter", GREETER)
        await home.ready()
        assert (await greeter(home))["tools"] == ["greet"]
        home.write_settings(plugins__disabled=["greeter"])
        await home.control(Reload())
        await home.run(2)
        assert (await greeter(home))["why"] == "plugins.disabled in the settings names it"
        home.write_settings(plugins__disabled=[])
        await home.control(Reload())
        await home.run(2)
        assert (await greeter(home))["tools"] == ["greet"]
        await home.control(Plugin(name="greeter", action="disable"))
        await home.run(2)
        status = await greeter(home)
        assert (status["state"], status["tools"]) == ("off", [])
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == "Hello."
