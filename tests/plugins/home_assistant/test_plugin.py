"""Home Assistant, by voice: from a tool call to the devices at home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from tests.plugins.home_assistant.home import furnish
from tests.plugins.home_assistant.server import PATIENCE_S, TOKEN, Call, FakeHomeAssistant
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked, ToolsChanged, ToolSpec
from voiced.plugins.builtin.home_assistant.settings import DOMAINS

OTHERS = all_but("home_assistant")


@pytest.fixture
async def server() -> AsyncIterator[FakeHomeAssistant]:
    async with FakeHomeAssistant() as server:
        furnish(server)
        yield server


def home_with(tmp_path: Path, clock: FakeClock, url: str, token: str = TOKEN, **settings: Any) -> Home:
    home = Home(tmp_path, clock, plugin_settings={"home_assistant": {"url": url, **settings}}, disabled=OTHERS)
    home.environ["VOICED_SECRET_HOME_ASSISTANT_TOKEN"] = token
    return home


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock, server: FakeHomeAssistant) -> Home:
    return home_with(tmp_path, clock, server.url)


async def offered(home: Home, name: str) -> ToolSpec:
    """The tool, once the names of the home are known."""
    await home.clock.timer_is_set(2.0)
    home.clock.advance(seconds=2)
    changed = await home.next(ToolsChanged)
    return next(spec for spec in changed.tools if spec.name == name)


async def answered(home: Home, answer: str) -> str:
    """Somebody answers the question that is asked; gives the question."""
    asked = await home.next(AnnouncementAsked, lambda event: event.answer is not None)
    home.host.report(RequestEnded(asked.request, answer))
    return asked.text


async def test_devices_are_switched(home: Home, server: FakeHomeAssistant) -> None:
    async with home.running():
        await offered(home, "switch_device")
        assert await home.answer("switch_device", name="desk lamp", action="on") == "The Desk Lamp is on."
        assert await home.answer("switch_device", name="kitchen lights", action="off") == (
            "The Spots, Counter and Lamp are off."
        )
        assert await home.answer("switch_device", name="the blinds", action="close") == "The Blinds are closing."
        assert await home.answer("switch_device", name="coffee machine", action="toggle") == "The Coffee Machine is on."
    assert server.calls == [
        Call("light.turn_on", ("light.desk",)),
        Call("light.turn_off", ("light.spots", "light.counter", "light.kitchen_lamp")),
        Call("cover.close_cover", ("cover.blinds",)),
        Call("switch.toggle", ("switch.coffee",)),
    ]
    assert server.violations == []


async def test_levels_temperatures_and_scenes(home: Home, server: FakeHomeAssistant) -> None:
    async with home.running():
        await offered(home, "set_device_level")
        assert await home.answer("set_device_level", name="spots", percent=40) == "The Spots are at 40 percent."
        assert await home.answer("set_device_level", name="spots", percent=0) == "The Spots are at 0 percent."
        assert await home.answer("set_device_level", name="blinds", percent=30) == "The Blinds are at 30 percent."
        said = await home.answer("set_device_temperature", name="thermostat", degrees=20.5)
        assert said == "The Thermostat is set to 20.5 degrees."
        assert await home.answer("run_scene", name="movie night") == "The Movie Night is on."
        assert await home.answer("run_scene", name="good night") == "The Good Night runs."
        assert not (await home.call("set_device_level", name="spots", percent=140)).ok
        assert not (await home.call("set_device_temperature", name="thermostat", degrees=140)).ok
    assert server.calls == [
        Call("light.turn_on", ("light.spots",), {"brightness_pct": 40}),
        Call("light.turn_off", ("light.spots",)),
        Call("cover.set_cover_position", ("cover.blinds",), {"position": 30}),
        Call("climate.set_temperature", ("climate.hall",), {"temperature": 20.5}),
        Call("scene.turn_on", ("scene.movie",)),
        Call("script.turn_on", ("script.goodnight",)),
    ]
    assert server.violations == []


async def test_states_are_read(home: Home, server: FakeHomeAssistant) -> None:
    async with home.running():
        await offered(home, "read_device")
        assert await home.answer("read_device", name="hall temperature") == "The Hall Temperature is 19.5 degrees."
        assert await home.answer("read_device", name="attic") == "The Attic can't be reached."
        assert await home.answer("read_device", name="kitchen lights") == "1 of 3 lights is on: Counter."
        listing = await home.answer("list_devices", area="hall")
        assert listing.splitlines() == [
            "Lamp (light, Hall): off",
            "Garage Door (cover, Hall): closed",
            "Thermostat (climate, Hall): heat",
            "Hall Temperature (sensor, Hall): 19.52 °C",
        ]
        assert "Kitchen" in await home.complaint("list_devices", area="cellar")


async def test_what_is_out_of_reach_or_not_allowed_is_not_switched(home: Home, server: FakeHomeAssistant) -> None:
    async with home.running():
        await offered(home, "switch_device")
        assert "not reachable" in await home.complaint("switch_device", name="attic", action="on")
        assert "There is no front door" in await home.complaint("switch_device", name="front door", action="on")
        assert "can't be opened" in await home.complaint("switch_device", name="desk lamp", action="open")
        assert "Several are called lamp" in await home.complaint("switch_device", name="lamp", action="on")
    assert server.calls == []


@pytest.mark.parametrize(("answer", "calls"), [("yes", [Call("cover.open_cover", ("cover.garage",))]), ("no", [])])
async def test_a_garage_door_moves_only_after_a_yes(
    home: Home, server: FakeHomeAssistant, answer: str, calls: list[Call]
) -> None:
    async with home.running():
        await offered(home, "switch_device")
        call = home.start("switch_device", name="garage door", action="open")
        assert await answered(home, answer) == "Shall I open the garage door?"
        assert (await home.returned(call)).ok == (answer == "yes")
    assert server.calls == calls


async def test_locks_are_there_where_they_are_allowed(
    tmp_path: Path, clock: FakeClock, server: FakeHomeAssistant
) -> None:
    home = home_with(tmp_path, clock, server.url, domains=[*DOMAINS, "lock"])
    async with home.running() as tools:
        assert "lock_door" not in tools  # until one is known
        await offered(home, "lock_door")
        call = home.start("lock_door", name="front door", action="unlock")
        assert await answered(home, "yes") == "Shall I unlock the front door?"
        assert (await home.returned(call)).output == "The Front Door is unlocked."
        assert await home.answer("lock_door", name="front door", action="lock") == "The Front Door is locked."
    assert server.calls == [Call("lock.unlock", ("lock.front",)), Call("lock.lock", ("lock.front",))]


async def test_names_are_in_the_sentences(home: Home) -> None:
    async with home.running():
        switch = await offered(home, "switch_device")
        assert {sentence.template: dict(sentence.arguments) for sentence in switch.sentences} == {
            "(turn|switch) on [the] {device:name}": {"action": "on"},
            "(turn|switch) [the] {device:name} on": {"action": "on"},
            "(turn|switch) off [the] {device:name}": {"action": "off"},
            "(turn|switch) [the] {device:name} off": {"action": "off"},
            "open [the] {cover:name}": {"action": "open"},
            "close [the] {cover:name}": {"action": "close"},
        }
        assert switch.lists["device"]["kitchen lights"] == "Kitchen lights"
        assert switch.lists["device"]["hall lamp"] == "light.hall_lamp"
        assert switch.lists["cover"] == {"blinds": "cover.blinds", "garage door": "cover.garage"}
        assert home.status("home_assistant").problems == ()


async def test_tools_change_only_with_the_names(home: Home, server: FakeHomeAssistant) -> None:
    async with home.running():
        await offered(home, "switch_device")
        await home.answer("switch_device", name="desk lamp", action="on")
        server.set_state("light.desk", "off")
        await home.answer("read_device", name="desk lamp")
        assert home.untaken(ToolsChanged) == []
        server.set_state("light.new", "off", friendly_name="Night Light")
        switch = await offered(home, "switch_device")
        assert switch.lists["device"]["night light"] == "light.new"


async def test_it_is_off_until_it_is_configured(tmp_path: Path, clock: FakeClock) -> None:
    home = home_with(tmp_path, clock, "")
    async with home.running() as tools:
        assert tools == ()
        status = home.status("home_assistant")
    assert (status.problems, "set url in [plugin.home_assistant]" in status.why) == ((), True)


async def test_it_is_off_without_a_token(tmp_path: Path, clock: FakeClock, server: FakeHomeAssistant) -> None:
    home = home_with(tmp_path, clock, server.url)
    del home.environ["VOICED_SECRET_HOME_ASSISTANT_TOKEN"]
    async with home.running() as tools:
        assert tools == ()
        assert "VOICED_SECRET_HOME_ASSISTANT_TOKEN" in home.status("home_assistant").why


@pytest.mark.parametrize("url", ["homeassistant.local:8123", "ftp://home", "http://", "http://home/?x=1"])
async def test_an_address_that_is_none_is_a_mistake(tmp_path: Path, clock: FakeClock, url: str) -> None:
    home = home_with(tmp_path, clock, url)
    async with home.running() as tools:
        assert tools == ()
        assert any(
            "write it as http://homeassistant.local:8123" in line for line in home.status("home_assistant").problems
        )


async def test_a_wrong_token_is_told_once(tmp_path: Path, clock: FakeClock, server: FakeHomeAssistant) -> None:
    home = home_with(tmp_path, clock, server.url, token="wrong")
    async with home.running():
        assert "Make a new long-lived access token" in await home.announcement()
        assert "refuses the token" in await home.complaint("switch_device", name="desk lamp", action="on")
        home.clock.advance(hours=1)
        assert "refuses the token" in await home.complaint("read_device", name="desk lamp")
        assert home.untaken(AnnouncementAsked) == []
    assert server.connections == 1


async def test_a_server_that_is_away_is_told_plainly_and_found_again(
    tmp_path: Path, clock: FakeClock, server: FakeHomeAssistant
) -> None:
    await server.stop()
    home = home_with(tmp_path, clock, server.url)
    async with home.running():
        await home.clock.timer_is_set(1.0)
        complaint = await home.complaint("switch_device", name="desk lamp", action="on")
        assert complaint == "Home Assistant can't be reached at the moment."
        await server.start()
        home.clock.advance(seconds=1)
        await offered(home, "switch_device")
        assert await home.answer("switch_device", name="desk lamp", action="on") == "The Desk Lamp is on."


async def test_it_is_torn_down_while_the_server_hangs(home: Home, server: FakeHomeAssistant) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with home.running():
            await offered(home, "switch_device")
            server.deaf = True
            call = home.start("switch_device", name="desk lamp", action="on")
            await asyncio.sleep(0)
        assert not (await home.returned(call)).ok


async def test_the_token_is_in_no_log(home: Home, server: FakeHomeAssistant, capfd: pytest.CaptureFixture[str]) -> None:
    async with home.running():
        await offered(home, "switch_device")
        server.drop()
        await home.clock.timer_is_set(1.0)
    out, err = capfd.readouterr()
    assert TOKEN not in out + err
