"""Settings of single plugins: they come from the same places as voiced's own, and mistakes are told as well."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from voiced.api import NotConfigured, PluginSettings
from voiced.config import Loaded, PluginTables, load_config
from voiced.config.sources import Given, Origin, key_of
from voiced.errors import ConfigError


class Server(BaseModel):
    command: tuple[str, ...]
    env: dict[str, str] = {}
    pause_s: float = Field(1.0, ge=0)


class Weather(PluginSettings):
    city: str = "Berlin"
    units: Literal["metric", "imperial"] = "metric"
    every_s: float = Field(60.0, gt=0)
    pin: str = ""
    token_file: str = ""
    cities: list[str] = Field([])
    servers: dict[str, Server] = Field({})

    @model_validator(mode="after")
    def _not_on_the_moon(self) -> Weather:
        if self.city == "Moon":
            raise ValueError("there is no weather on the moon")
        return self


class Lights(PluginSettings):
    url: str = Field(description="Where the bridge is.")
    rooms: int = 1


def loaded_from(
    tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, sets: Sequence[str] = ()
) -> Loaded:
    file = tmp_path / "voiced.toml"
    file.write_text(text)
    return load_config(file, sets, environ or {})


def weather(tmp_path: Path, *where: Any) -> Weather:
    return loaded_from(tmp_path, *where).plugin_tables.settings_of("weather", Weather)


def complaint(
    tmp_path: Path,
    text: str = "",
    environ: dict[str, str] | None = None,
    sets: Sequence[str] = (),
    model: Any = Weather,
) -> str:
    loaded = loaded_from(tmp_path, text, environ, sets)
    with pytest.raises(ConfigError) as raised:
        loaded.plugin_tables.settings_of("weather", model)
    return str(raised.value).replace(str(tmp_path / "voiced.toml"), "voiced.toml")


TABLE = """
[plugin.weather]
city = "Oslo"
cities = ["Rome", "Bern"]

[plugin.weather.servers.files]
command = ["ls", "-l"]
env.A = "1"
"""


def test_a_table_is_read_with_the_tables_in_it(tmp_path: Path) -> None:
    assert weather(tmp_path, TABLE) == Weather(
        city="Oslo", cities=["Rome", "Bern"], servers={"files": Server(command=("ls", "-l"), env={"A": "1"})}
    )


def test_the_later_place_wins_setting_by_setting(tmp_path: Path) -> None:
    found = weather(
        tmp_path,
        TABLE,
        {
            "VOICED_PLUGIN__WEATHER__CITY": "1234",
            "VOICED_PLUGIN__WEATHER__PIN": "007",
            "VOICED_PLUGIN__WEATHER__SERVERS__FILES__PAUSE_S": "2",
        },
        ["plugin.weather.every_s=5", "plugin.weather.servers.files.env.B=2", "plugin.weather.pin=true"],
    )
    assert (found.city, found.every_s, found.pin) == ("1234", 5.0, "true")
    assert found.servers == {"files": Server(command=("ls", "-l"), env={"A": "1", "B": "2"}, pause_s=2.0)}


def test_a_whole_table_may_be_given_at_once(tmp_path: Path) -> None:
    assert weather(tmp_path, "", {"VOICED_PLUGIN__WEATHER": "{city = 'Oslo'}"}, ["plugin.weather.pin=1"]) == Weather(
        city="Oslo", pin="1"
    )


def test_what_contradicts_itself_is_what_was_written_last(tmp_path: Path) -> None:
    assert weather(tmp_path, "", {}, ["plugin.weather.city.x=5", "plugin.weather.city=Oslo"]).city == "Oslo"
    assert "plugin.weather.city is { x = 5 }" in complaint(
        tmp_path, "", {}, ["plugin.weather.city=Oslo", "plugin.weather.city.x=5"]
    )


@pytest.mark.parametrize("text", ["", "[plugin.other]\ncity = 5\n", "[plugin.weather]\n"])
def test_with_no_table_there_are_the_defaults(tmp_path: Path, text: str) -> None:
    assert weather(tmp_path, text) == Weather()


@pytest.mark.parametrize("text", ["", "[plugin.weather]\n"])
def test_what_must_be_given_and_is_not_at_all_is_no_mistake(tmp_path: Path, text: str) -> None:
    tables = loaded_from(tmp_path, text).plugin_tables
    with pytest.raises(
        NotConfigured, match=r"^it needs settings: write \[plugin\.weather\] into them, and below it url$"
    ):
        tables.settings_of("weather", Lights)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("citty = 'Oslo'", "2: no such setting: plugin.weather.citty; did you mean plugin.weather.city?"),
        ("zzz.y = 1", "2: no such section: plugin.weather.zzz; [plugin.weather] has city, units, every_s, pin, "
         "token_file, cities, servers"),
        ("units = 'metrc'", '2: plugin.weather.units is "metrc"; write units = "metric" '
         "(the choices: metric, imperial)"),
        ("every_s = '2 min'", '2: plugin.weather.every_s is "2 min"; it is a number, at least 0: '
         "write for example every_s = 60"),
        ("\ncity = 5", '3: plugin.weather.city is 5; write text in quotes: city = "5"'),
        ("cities = 'Oslo'", '2: plugin.weather.cities is "Oslo"; write a list: cities = ["Oslo"]'),
        ("servers = 5", "2: plugin.weather.servers is 5; write a section for each: [plugin.weather.servers.NAME]"),
        ("servers.files.comand = ['ls']", "2: no such setting: plugin.weather.servers.files.comand; "
         "did you mean plugin.weather.servers.files.command?"),
        ("[plugin.weather.servers.files]\npause_s = 2", '3: [plugin.weather.servers.files] has no command; '
         'write command = "…" below it'),
        ("city = 'Moon'", "2: plugin.weather: there is no weather on the moon"),
        ("token = 'abc'", "2: no such setting: plugin.weather.token; a secret has no place in the settings: put it in "
         "VOICED_SECRET_WEATHER_TOKEN, or in a file named by token_file"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place_and_the_fix(tmp_path: Path, text: str, line: str) -> None:
    told = complaint(tmp_path, f"[plugin.weather]\n{text}\n").splitlines()
    assert f"voiced.toml:{line}" in told
    assert "abc" not in "".join(told)


def test_a_mistake_in_the_environment_is_told_in_its_words(tmp_path: Path) -> None:
    assert complaint(tmp_path, environ={"VOICED_PLUGIN__WEATHER__UNITS": "metrc"}) == (
        'VOICED_PLUGIN__WEATHER__UNITS: plugin.weather.units is "metrc"; '
        "write VOICED_PLUGIN__WEATHER__UNITS=metric (the choices: metric, imperial)"
    )
    assert complaint(tmp_path, sets=["plugin.weather.every_s=0"]) == (
        "--set plugin.weather.every_s: plugin.weather.every_s is 0; it is a number, at least 0: "
        "write for example --set plugin.weather.every_s=60"
    )


def test_one_setting_that_is_missing_is_a_mistake_where_others_are_there(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[plugin.weather]\nrooms = 2\n", model=Lights) == (
        'voiced.toml:2: [plugin.weather] has no url; write url = "…" below it (Where the bridge is)'
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plugin = 5", "1: plugin is 5; write a section for each: [plugin.NAME]"),
        ("[plugin]\ncity = 5", "2: plugin.city is 5; write it below the [plugin.NAME] of its plugin"),
    ],
)
def test_what_is_no_table_of_a_plugin_is_a_mistake_of_everybodys(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded_from(tmp_path, text)
    assert str(raised.value) == f"{tmp_path}/voiced.toml:{line}"


def test_a_mistake_in_a_table_is_no_mistake_of_voiced(tmp_path: Path) -> None:
    assert loaded_from(tmp_path, "[plugin.weather]\nplace = 5\n").config.plugin == {"weather": {"place": 5}}


values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
keys = st.lists(st.sampled_from(["city", "servers", "files", "env", "cities", "x"]) | st.text(), min_size=1, max_size=4)


@given(st.lists(st.tuples(keys, values), max_size=5))
def test_whatever_is_written_there_are_settings_or_lines_with_the_place(written: list[tuple[list[str], Any]]) -> None:
    origin = Origin("file", "voiced.toml", 1)
    tables = PluginTables([Given(key_of(["plugin", "weather", *parts]), value, origin) for parts, value in written])
    try:
        assert isinstance(tables.settings_of("weather", Weather), Weather)
        complaints = ""
    except ConfigError as error:
        complaints = str(error)
    assert [line for line in complaints.splitlines() if not line.startswith("voiced.toml:1: ")] == []


# What is shown, and what is checked.


def test_tables_are_shown_with_their_places_and_can_be_read_back(tmp_path: Path) -> None:
    shown = loaded_from(tmp_path, TABLE, {"VOICED_PLUGIN__WEATHER__UNITS": "imperial"}).show()
    assert tomllib.loads(shown)["plugin"] == {
        "weather": {
            "city": "Oslo",
            "cities": ["Rome", "Bern"],
            "units": "imperial",
            "servers": {"files": {"command": ["ls", "-l"], "env": {"A": "1"}}},
        }
    }
    file = tmp_path / "voiced.toml"
    assert f'city = "Oslo"  # {file}:3\n' in shown
    assert 'units = "imperial"  # VOICED_PLUGIN__WEATHER__UNITS\n' in shown
    assert f'[plugin.weather.servers.files.env]\nA = "1"  # {file}:8\n' in shown


def test_what_looks_secret_is_not_shown(tmp_path: Path) -> None:
    text = """
    [plugin.lights]
    password = "hunter2"
    api_key = ["hunter2"]
    key_file = "/run/key"
    headers = { Authorization = "hunter2" }
    hosts = [{ name = "a", token = "hunter2" }]
    [plugin.lights.env]
    GITHUB_TOKEN = "hunter2"
    [plugin.lights.secrets]
    a.b = "hunter2"
    """
    shown = loaded_from(tmp_path, text).show()
    assert "hunter2" not in shown
    assert 'key_file = "/run/key"' in shown
    assert 'hosts = [{ name = "a", token = "[redacted]" }]' in shown


def test_a_secret_that_does_not_fit_is_not_told(tmp_path: Path) -> None:
    class Bridge(PluginSettings):
        token: int = 0

    assert "hunter2" not in complaint(tmp_path, "[plugin.weather]\ntoken = 'hunter2'\n", model=Bridge)


def test_what_can_be_said_without_running_plugins_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "lamps.py").write_text("raise SystemExit('this must not run')")
    loaded = loaded_from(
        tmp_path,
        f"plugins.folder = '{folder}'\nplugins.disabled = ['tmers']\nplugins.denied = ['network', 'lmps.files']\n"
        "[plugin.lamps]\nany = 1\n[plugin.lampps]\nany = 1\n[plugin.clock]\nx = 1\n",
    )
    file = tmp_path / "voiced.toml"
    assert loaded.warnings == (
        f"{file}:7: there is a table [plugin.lampps], but there is no such plugin; did you mean lamps?",
        "plugins.disabled names tmers, but there is no such plugin; did you mean timers?",
        "plugins.denied names lmps.files, but there is no such plugin; did you mean lamps?",
        f"{file}:9: [plugin.clock] is not read: the plugin has no settings; take the table away",
    )
