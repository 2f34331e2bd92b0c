"""A tool that asks a server is tested against one that the test itself runs."""

import asyncio

import pytest

M5 = {"line": {"name": "M5"}, "direction": "Zoo", "when": "2026-11-20T12:04:30+01:00"}
LATER = {"line": {"name": "M5"}, "direction": "Zoo", "when": "2026-11-20T12:24:00+01:00"}
CANCELLED = {"line": {"name": "M8"}, "direction": "Zoo", "when": None}


@pytest.fixture
def bus(tools, web):
    """The clock of `tools` shows noon of the 20th of November 2026, in Berlin."""
    tools.plugin("bus.py", settings={"stop": "900", "server": web.url})
    return tools


async def test_the_next_buses(bus, web):
    web.pages["/stops/900/departures"] = {"departures": [CANCELLED, M5, LATER]}
    async with bus.running():
        assert await bus.call("next_bus") == [
            {"line": "M5", "direction": "Zoo", "minutes": 4},
            {"line": "M5", "direction": "Zoo", "minutes": 24},
        ]
        assert bus.spoken == "The M5 to Zoo leaves in 4 minutes."
        assert bus.heard == []


@pytest.mark.parametrize("page", [500, {"departures": [{}]}, []])
async def test_a_server_that_is_broken(bus, web, page):
    web.pages["/stops/900/departures"] = page
    async with bus.running():
        assert await bus.error("next_bus") == "The timetable can't be reached. Try again in a minute."


async def test_a_server_that_takes_long(bus, web):
    """The user hears the filler after one and a half seconds."""
    web.pages["/stops/900/departures"] = {"departures": [M5]}
    web.go_on.clear()
    async with bus.running():
        asking = asyncio.create_task(bus.call("next_bus"))
        await bus.time_passes(seconds=1.4)
        assert bus.heard == []
        await bus.time_passes(seconds=0.1)
        assert bus.heard == ["Let me look at the timetable."]
        web.go_on.set()
        assert len(await asking) == 1


async def test_it_must_be_told_the_stop(tools):
    tools.plugin("bus.py")
    with pytest.raises(AssertionError, match=r"write \[plugin.bus\] into them, and below it stop"):
        async with tools.running():
            pass


async def test_with_no_cloud(bus):
    async with bus.running():
        assert bus.offline("When does my next bus leave?") == ("next_bus", {})
