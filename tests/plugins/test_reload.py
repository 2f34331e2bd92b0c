"""Plugins come, change and go while voiced runs."""

from __future__ import annotations

from tests.plugins.fakes import Home
from voiced.conversation.events import AnnouncementAsked, ToolReturned

GREETING = '''
from voiced.api import tool

@tool
async def greet():
    """Greet."""
    return "{}"
'''

LIVING = """
from voiced.api import Plugin, tool

class Living(Plugin):
    permissions = ["say"]

    async def setup(self, context):
        self.context = context
        context.announce("here I am")

    async def teardown(self):
        self.context.announce("goodbye")

    @tool
    async def live(self):
        'Live.'
"""


async def test_a_plugin_that_was_edited_is_as_it_was_written_last(home: Home) -> None:
    home.plugin("greeting", GREETING.format("hello"))
    async with home.running():
        assert await home.answer("greet") == "hello"
        home.plugin("greeting", GREETING.format("howdy"))  # as long, and within the same second
        home.host.reload()
        assert await home.tools() == ("greet",)
        assert await home.answer("greet") == "howdy"


async def test_a_plugin_that_was_deleted_is_gone_and_a_new_one_is_there(home: Home) -> None:
    old = home.plugin("old", GREETING.format("hello"))
    async with home.running():
        old.unlink()
        home.plugin("new", LIVING)
        home.host.reload()
        assert await home.tools() == ("live",)
        assert [status.name for status in home.mine()] == ["new"]


async def test_a_plugin_that_was_mended_works_again(home: Home) -> None:
    home.plugin("greeting", "def broken(:")
    async with home.running() as tools:
        assert tools == ()
        home.plugin("greeting", GREETING.format("hello"))
        home.host.reload()
        assert await home.tools() == ("greet",)
        assert home.status("greeting").problems == ()


async def test_setup_and_teardown_come_in_pairs(home: Home) -> None:
    home.plugin("living", LIVING)
    async with home.running():
        home.host.reload()
        await home.tools()
    said = [event.text for event in home.untaken(AnnouncementAsked)]
    assert said == ["here I am", "goodbye", "here I am", "goodbye"]


async def test_a_call_ends_with_the_plugin_that_it_began_with(home: Home) -> None:
    home.plugin(
        "slow",
        "import asyncio\nfrom voiced.api import Plugin, ToolContext, tool\n"
        "class Slow(Plugin):\n"
        "    permissions = ['say']\n"
        "    async def setup(self, context): self.go = asyncio.Event()\n"
        "    async def teardown(self): self.go = None\n"
        "    @tool\n    async def wait(self, context: ToolContext):\n"
        "        'Wait.'\n        context.announce('waiting')\n"
        "        await self.go.wait()\n        return str(self.go)\n"
        "    @tool\n    async def go_on(self):\n        'Go on.'\n        self.go.set()\n",
    )
    async with home.running():
        call = home.start("wait")
        await home.announcement()
        await home.answer("go_on")
        home.host.reload()
        assert "set" in (await home.next(ToolReturned, lambda event: event.call == call)).output
        assert await home.tools() == ("wait", "go_on")


async def test_plugins_are_always_loaded_in_the_same_order(home: Home) -> None:
    for name in ("c", "a", "b"):
        home.plugin(name, GREETING.format(name).replace("greet", f"greet_{name}"))
    async with home.running() as tools:
        assert tools == ("greet_a", "greet_b", "greet_c")
