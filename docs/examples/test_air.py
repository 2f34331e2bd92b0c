"""What a plugin does by itself: on a schedule, on an event, in the background."""

import pytest

from voiced.api import Wake

AIR = "/v1/air-quality"


@pytest.fixture
def air(tools, web):
    tools.plugin("air.py", settings={"latitude": 52.5, "longitude": 13.4, "server": web.url})
    return tools


def now(dust):
    return {"current": {"pm2_5": dust}}


async def test_it_looks_each_half_hour_and_warns_once(air, web):
    async with air.running():
        web.pages[AIR] = now(8)
        await air.time_passes(minutes=30)
        assert await air.call("fine_dust") == 8
        web.pages[AIR] = now(40)
        await air.time_passes(minutes=30)
        assert await air.hears() == "The air outside is bad. Better keep the windows closed."
        await air.time_passes(hours=2)
        assert len(air.heard) == 1


async def test_it_is_offered_once_something_is_known(air, web):
    async with air.running():
        assert "fine_dust" not in air.offered
        web.pages[AIR] = now(8.5)
        await air.happens(Wake())
        assert await air.call("fine_dust") == 8.5
        assert air.spoken == "There are 8.5 micrograms of fine dust."
        web.pages[AIR] = 503
        await air.time_passes(minutes=30)
        assert "fine_dust" not in air.offered


async def test_it_waits_for_clean_air(air, web):
    async with air.running():
        web.pages[AIR] = now(40)
        await air.time_passes(minutes=30)
        await air.hears()
        assert await air.call("wait_for_clean_air") == "Begun; the result is announced later."
        web.pages[AIR] = now(8)
        await air.time_passes(minutes=29)
        assert len(air.heard) == 1
        await air.time_passes(minutes=1)
        assert await air.hears() == "The air is clean again. You can open the windows."


async def test_the_week_with_a_picture(air, web):
    web.pages[AIR] = {"hourly": {"pm2_5": [10, None, 20]}}
    async with air.running():
        assert (await air.call("air_of_the_week")).startswith('{"2026-11-13":15.0,')
        assert air.heard == ["I have half of the week."]
        assert air.spoken == "The worst air was on Friday, with 15 micrograms of fine dust."
        [picture] = air.images
        assert picture.startswith(b"\x89PNG")
        assert air.cards["air/week"].image.data == picture
