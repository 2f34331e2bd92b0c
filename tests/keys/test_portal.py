"""Hotkeys on Wayland: a real bus, and on it a stand-in for the desktop's portal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from tests.keys.private_bus import Desktop, PrivateBus
from tests.keys.recorder import Recorder, failure_of, watching
from voiced.keys.desktop_entry import APP_ID
from voiced.keys.hotkey import hotkey_of
from voiced.keys.port import KeysAbsent, KeysLost, KeysRefused
from voiced.keys.portal import PortalKeys, has_portal
from voiced.keys.settings import KeyName


def source(bus: PrivateBus, recorder: Recorder) -> PortalKeys:
    texts: dict[KeyName, str] = {"talk": "ctrl+alt+space", "mute": "super+f9"}
    hotkeys = {name: hotkey_of(text) for name, text in texts.items()}
    return PortalKeys(hotkeys, recorder, bus.environ, recorder.on_ready)


async def test_the_desktop_is_asked_once_and_tells_of_each_key(bus: PrivateBus, tmp_path: Path) -> None:
    keys = Recorder()
    async with Desktop(bus, needs_id=True) as desktop, watching(source(bus, keys), keys):
        assert desktop.registered == APP_ID
        assert "Name=voiced" in (tmp_path / ".local/share/applications" / f"{APP_ID}.desktop").read_text()
        assert desktop.bound == {
            "talk": ("Talk to the assistant", "CTRL+ALT+space"),
            "mute": ("Mute the microphone, or open it", "LOGO+F9"),
        }
        assert keys.ready == ["Press CTRL+ALT+space, Press LOGO+F9"]
        desktop.activate("talk")
        await keys.moved("talk down")
        desktop.activate("mute")
        desktop.deactivate("mute")
        desktop.deactivate("talk")
        await keys.moved("talk down", "mute down", "mute up", "talk up")


async def test_a_stranger_on_the_bus_presses_no_key(bus: PrivateBus) -> None:
    keys = Recorder()
    async with Desktop(bus) as desktop, watching(source(bus, keys), keys):
        stranger = await MessageBus(bus_address=bus.address).connect()
        desktop.activate("talk", as_stranger=stranger)
        await stranger.request_name("local.stranger")  # by then the bus has passed it on
        stranger.disconnect()
        await stranger.wait_for_disconnect()  # type: ignore[no-untyped-call]
        desktop.activate("unheard of")
        desktop.activate("mute")
        await keys.moved("mute down")


async def test_a_person_who_says_no_is_not_asked_again(bus: PrivateBus) -> None:
    keys = Recorder()
    async with Desktop(bus, response=1):
        error = await failure_of(source(bus, keys))
    assert isinstance(error, KeysRefused)
    assert "bind the command `voiced ptt toggle`" in str(error)


async def test_a_desktop_that_gives_no_key_to_talk_counts_as_a_no(bus: PrivateBus) -> None:
    keys = Recorder()
    async with Desktop(bus, gives=False):
        error = await failure_of(source(bus, keys))
    assert isinstance(error, KeysRefused)
    assert keys.ready == []


@pytest.mark.parametrize("what", ["no portal", "it fails", "it does not know us"])
async def test_where_the_desktop_can_not_the_command_to_bind_is_told(
    bus: PrivateBus, tmp_path: Path, what: str
) -> None:
    keys = Recorder()
    (tmp_path / ".local").write_text("no folder, so that no desktop entry can be written")
    match what:
        case "no portal":
            error = await failure_of(source(bus, keys))
        case "it fails":
            async with Desktop(bus, response=2):
                error = await failure_of(source(bus, keys))
        case _:
            async with Desktop(bus, needs_id=True) as desktop:
                desktop.knows_entries = False
                error = await failure_of(source(bus, keys))
    assert isinstance(error, KeysAbsent)
    assert "bind the command `voiced ptt toggle`" in str(error)


@pytest.mark.parametrize("what", ["portal restarted", "session closed", "bus gone"])
async def test_a_portal_that_lets_go_ends_it(bus: PrivateBus, what: str) -> None:
    keys = Recorder()
    async with Desktop(bus) as desktop:
        running = asyncio.ensure_future(failure_of(source(bus, keys)))
        await keys.until(lambda: keys.ready)
        match what:
            case "portal restarted":
                await desktop.leave()
                why = "the desktop's portal was restarted"
            case "session closed":
                desktop.close()
                why = "the desktop took the hotkeys away"
            case _:
                bus.stop()
                why = "the session bus is gone"
                bus.start()
        error = await running
    assert (type(error), str(error)) == (KeysLost, why)


async def test_whether_there_is_a_portal(bus: PrivateBus) -> None:
    assert not await has_portal(bus.environ)
    async with Desktop(bus):
        assert await has_portal(bus.environ)
    assert not await has_portal({})
    assert not await has_portal({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"})
    assert not await has_portal({"DBUS_SESSION_BUS_ADDRESS": "what is this"})
