"""Plugins are switched on and off one by one, also for the next start, and loaded anew one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fakes import BUILT_IN, FakeClock, Home
from tests.plugins.test_reload import GREETING
from voiced.errors import PluginError
from voiced.plugins import switches


@pytest.fixture
async def home(home: Home) -> Home:
    """Of two who greet."""
    for name in ("ada", "bob"):
        home.plugin(name, GREETING.format(name).replace("greet", f"greet_{name}"))
    return home


async def test_a_plugin_that_is_switched_off_is_gone_and_says_why(home: Home) -> None:
    async with home.running() as tools:
        assert tools == ("greet_ada", "greet_bob")
        home.host.disable("ada")
        assert await home.tools() == ("greet_bob",)
        assert (home.status("ada").state, home.status("ada").tools) == ("off", ())
        assert home.status("ada").why == "disabled by `voiced plugin disable`; `voiced plugin enable ada` turns it on"
        assert "Did you mean: greet_bob?" in await home.complaint("greet_ada")


async def test_it_stays_off_over_a_reload_and_a_restart_until_it_is_switched_on(home: Home) -> None:
    async with home.running():
        home.host.disable("ada")
        assert await home.tools() == ("greet_bob",)
        home.host.reload()
        assert await home.tools() == ("greet_bob",)
        assert switches.read(switches.path_in(home.state_folder)) == {"ada"}
    async with home.running() as tools:
        assert tools == ("greet_bob",)
        home.host.enable("ada")
        assert await home.tools() == ("greet_ada", "greet_bob")
        assert await home.answer("greet_ada") == "ada"
        assert home.status("ada").state == "on"
    async with home.running() as tools:
        assert tools == ("greet_ada", "greet_bob")


async def test_what_somebody_else_wrote_counts_at_the_next_reload(home: Home) -> None:
    async with home.running():
        switches.write(switches.path_in(home.state_folder), ["bob"])
        home.host.reload()
        assert await home.tools() == ("greet_ada",)


async def test_the_settings_say_so_where_they_switched_it_off(tmp_path: Path, clock: FakeClock) -> None:
    home = Home(tmp_path, clock, disabled=("ada", *BUILT_IN))
    home.plugin("ada", GREETING.format("ada"))
    async with home.running() as tools:
        assert tools == ()
        assert home.status("ada").why == "plugins.disabled in the settings names it"
        with pytest.raises(PluginError, match=r"plugins\.disabled in the settings names ada; take it out there"):
            home.host.enable("ada")


async def test_a_name_that_is_nearly_right_is_told(home: Home) -> None:
    async with home.running():
        for switch in (home.host.disable, home.host.enable, home.host.reload):
            with pytest.raises(PluginError, match=r"^there is no plugin addda; did you mean ada\?$"):
                switch("addda")


async def test_one_plugin_is_loaded_anew_and_the_others_stay(home: Home) -> None:
    home.plugin("bob", GREETING.format("bob").replace("greet", "greet_bob"))
    async with home.running():
        module = home.module("bob")
        home.plugin("ada", GREETING.format("hello").replace("greet", "greet_ada"))
        home.host.reload("ada")
        assert await home.tools() == ("greet_ada", "greet_bob")
        assert await home.answer("greet_ada") == "hello"
        assert home.module("bob") is module


async def test_a_file_that_is_new_is_loaded_by_its_name(home: Home) -> None:
    async with home.running():
        home.plugin("cleo", GREETING.format("cleo").replace("greet", "greet_cleo"))
        home.host.reload("cleo")
        assert await home.tools() == ("greet_ada", "greet_bob", "greet_cleo")


async def test_a_file_that_is_gone_is_no_plugin_any_more(home: Home) -> None:
    async with home.running():
        (home.folder / "ada.py").unlink()
        home.host.reload("ada")
        assert await home.tools() == ("greet_bob",)
        with pytest.raises(PluginError):
            home.host.reload("ada")


async def test_a_switch_that_cannot_be_written_works_until_the_next_start(home: Home) -> None:
    home.state_folder.mkdir()
    switches.path_in(home.state_folder).mkdir()
    async with home.running() as tools:
        assert tools == ("greet_ada", "greet_bob")
        home.host.disable("ada")
        assert await home.tools() == ("greet_bob",)


async def test_a_package_in_the_folder_is_a_plugin(home: Home) -> None:
    package = home.folder / "lamps"
    package.mkdir()
    (package / "__init__.py").write_text("from .bulbs import light\n")
    (package / "bulbs.py").write_text(
        "from voiced.api import tool\nfrom . import words\n"
        "@tool\nasync def light():\n    'Light.'\n    return words.DONE\n"
    )
    (package / "words.py").write_text("DONE = 'lit'\n")
    (home.folder / "no_plugin").mkdir()
    async with home.running() as tools:
        assert tools == ("greet_ada", "greet_bob", "light")
        assert await home.answer("light") == "lit"
        (package / "words.py").write_text("DONE = 'out'\n")
        home.host.reload("lamps")
        await home.tools()
        assert await home.answer("light") == "out"
        assert home.status("lamps").place == str(package)
