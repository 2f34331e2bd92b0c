"""A plugin's own settings: the table [plugin.NAME], validated before it begins."""

from __future__ import annotations

from tests.plugins.fakes import Home

WEATHER = """
from pydantic import Field
from voiced.api import Plugin, PluginSettings, tool

class Weather(PluginSettings):
    city: str = "Berlin"
    every_s: float = Field(60.0, gt=0)
    servers: dict[str, dict[str, str]] = {}

class Forecast(Plugin):
    settings: Weather

    async def setup(self, context):
        self.at_the_start = self.settings.city

    @tool
    async def where(self):
        'Where it is.'
        return f"{self.at_the_start}, every {self.settings.every_s:g} s, {self.settings.servers}"
"""

GOOD = 'from voiced.api import tool\n\n@tool\nasync def good():\n    """Works."""\n    return "fine"\n'


async def test_a_plugin_finds_its_table_before_it_is_set_up(home: Home) -> None:
    home.plugin("forecast", WEATHER)
    home.plugin_settings["forecast"] = {"city": "Oslo", "servers": {"files": {"command": "ls"}}}
    async with home.running():
        assert await home.answer("where") == "Oslo, every 60 s, {'files': {'command': 'ls'}}"


async def test_with_no_table_a_plugin_has_its_defaults(home: Home) -> None:
    home.plugin("forecast", WEATHER)
    async with home.running():
        assert await home.answer("where") == "Berlin, every 60 s, {}"


async def test_a_mistake_in_a_table_is_one_problem_of_its_plugin_alone(home: Home) -> None:
    home.plugin("forecast", WEATHER)
    home.plugin("good", GOOD)
    home.plugin_settings["forecast"] = {"every_s": "2 min"}
    async with home.running() as tools:
        assert tools == ("good",)
        assert home.status("forecast").problems == (
            'voiced.toml: plugin.forecast.every_s is "2 min"; it is a number, at least 0: '
            "write for example every_s = 60",
        )
        assert home.status("good").problems == ()


async def test_a_name_that_is_nearly_right_is_told(home: Home) -> None:
    home.plugin("forecast", WEATHER)
    home.plugin_settings["forecast"] = {"citty": "Oslo"}
    async with home.running() as tools:
        assert tools == ()
        assert home.status("forecast").problems == (
            "voiced.toml: no such setting: plugin.forecast.citty; did you mean plugin.forecast.city?",
        )


async def test_a_setting_that_must_be_given_and_is_not_leaves_the_plugin_off(home: Home) -> None:
    home.plugin("forecast", WEATHER.replace('city: str = "Berlin"', "city: str"))
    async with home.running() as tools:
        assert tools == ()
        assert home.status("forecast").problems == ()
        assert home.status("forecast").why == (
            "it needs settings: write [plugin.forecast] into them, and below it city"
        )


async def test_a_table_with_a_setting_missing_is_a_mistake(home: Home) -> None:
    home.plugin("forecast", WEATHER.replace('city: str = "Berlin"', "city: str"))
    home.plugin_settings["forecast"] = {"every_s": 5}
    async with home.running():
        assert home.status("forecast").problems == (
            'voiced.toml: [plugin.forecast] has no city; write city = "…" below it',
        )


async def test_a_table_for_a_plugin_that_has_no_settings_is_told(home: Home) -> None:
    home.plugin("good", GOOD)
    home.plugin_settings["good"] = {"city": "Oslo"}
    async with home.running() as tools:
        assert tools == ("good",)
        assert home.status("good").problems == (
            "voiced.toml: [plugin.good] is not read: the plugin has no settings; take the table away",
        )


async def test_an_annotation_that_is_no_settings_is_told(home: Home) -> None:
    home.plugin("forecast", WEATHER.replace("settings: Weather", "settings: dict"))
    async with home.running():
        assert home.status("forecast").problems == (
            "Forecast.settings is reserved: annotate it with a class of PluginSettings",
        )


async def test_a_plugin_that_needs_something_more_is_off_and_not_broken(home: Home) -> None:
    home.plugin(
        "lights",
        "from voiced.api import NotConfigured, Plugin\nclass Lights(Plugin):\n"
        "    async def setup(self, context):\n        raise NotConfigured('write url = ... below [plugin.lights]')\n",
    )
    async with home.running():
        status = home.status("lights")
        assert (status.state, status.why, status.problems) == ("off", "write url = ... below [plugin.lights]", ())
