"""A tool that is known at run time alone has sentences too, with the names that are known then."""

from __future__ import annotations

from tests.plugins.fakes import Home
from voiced.conversation.events import Sentence, ToolsChanged

LAMPS = """
from voiced.api import DynamicTool, Plugin, ToolOptions, sentence

class Lamps(Plugin):
    async def setup(self, context):
        self.context = context
        self.names = {{"desk lamp": "light.desk"}}

    def dynamic_tools(self):
        properties = {{
            "name": {{"type": "string"}},
            "percent": {{"type": "integer", "minimum": 10, "maximum": 90}},
            "mode": {{"type": "string", "enum": ["warm", "cold"]}},
        }}
        return [
            DynamicTool(
                "set_lamp",
                "Set a lamp.",
                {{"type": "object", "properties": properties, "required": ["name"]}},
                self.set_lamp,
                ToolOptions(sentences=[{sentences}], lists={{"lamp": self.names}}),
            )
        ]

    async def set_lamp(self, arguments, context):
        self.names = {{**self.names, "floor lamp": "light.floor"}}
        context.tools_changed()
        return str(arguments)
"""


async def test_sentences_and_lists_are_those_of_now(home: Home) -> None:
    home.plugin("lamps", LAMPS.format(sentences='"{mode} [the] {lamp:name} at {number:percent}"'))
    async with home.running():
        assert home.status("lamps").problems == ()
        await home.answer("set_lamp", name="light.desk", percent=None, mode="warm")
        [spec] = (await home.next(ToolsChanged)).tools
        assert spec.sentences == (Sentence("{mode} [the] {lamp:name} at {10..90:percent}", {}),)
        assert spec.lists == {
            "mode": {"warm": "warm", "cold": "cold"},
            "lamp": {"desk lamp": "light.desk", "floor lamp": "light.floor"},
        }


async def test_what_is_wrong_with_them_is_told(home: Home) -> None:
    home.plugin("no_name", LAMPS.format(sentences='"light up"'))
    home.plugin("no_such_value", LAMPS.format(sentences='sentence("{lamp:name} on", mode="blue")'))
    async with home.running() as tools:
        assert tools == ()
        assert "name is required and not always given" in home.status("no_name").problems[0]
        assert "mode='blue' does not fit" in home.status("no_such_value").problems[0]
