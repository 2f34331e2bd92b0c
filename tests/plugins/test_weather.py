"""The weather, from a server that refuses what Open-Meteo refuses."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.fakes import BERLIN, NOON, FakeClock, Home, all_but
from tests.plugins.open_meteo import OSLO, OpenMeteoServer
from voiced.plugins.builtin import open_meteo
from voiced.plugins.builtin.weather import KEPT_FORECASTS
from voiced.plugins.builtin.weather_words import SKY


@pytest.fixture
async def server() -> AsyncIterator[OpenMeteoServer]:
    """On Friday, the 20th of November, at noon: rain until tomorrow."""
    async with OpenMeteoServer(NOON.date()).running() as server:
        yield server


def home_with(tmp_path: Path, clock: FakeClock, server: OpenMeteoServer, **settings: Any) -> Home:
    table = {**server.settings, **settings}
    others = all_but("weather")
    return Home(tmp_path, clock, plugin_settings={"weather": table}, disabled=others)


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock, server: OpenMeteoServer) -> Home:
    return home_with(tmp_path, clock, server, place="Oslo")


async def test_the_weather_at_home_now(home: Home, server: OpenMeteoServer) -> None:
    async with home.running() as tools:
        assert sorted(tools) == ["get_weather", "will_it_rain"]
        assert await home.answer("get_weather") == (
            "In Oslo it is 4 degrees and feels like 0, with light rain. The wind blows at 12 kilometres an hour. "
            "Today it will be between 2 and 7 degrees, with rain; the chance of rain is 80 percent."
        )
    forecast = server.queries[-1]
    assert (forecast["latitude"], forecast["longitude"]) == ("59.9127", "10.7461")
    assert forecast["temperature_unit"] == "celsius"


async def test_only_the_name_and_the_coordinates_leave_the_device(home: Home, server: OpenMeteoServer) -> None:
    async with home.running():
        await home.answer("get_weather")
    search, forecast = server.queries
    assert search == {"name": "Oslo", "count": "10", "language": "en", "format": "json"}
    assert set(forecast) - set(open_meteo._ASKED) == {
        "latitude", "longitude", "temperature_unit", "wind_speed_unit", "precipitation_unit",
    }  # fmt: skip


async def test_the_weather_of_other_days(home: Home, server: OpenMeteoServer) -> None:
    server.days[1] |= {"weather_code": 73, "temperature_2m_min": -5.4, "temperature_2m_max": -0.6}
    server.days[2] |= {"weather_code": 0, "precipitation_probability_max": 3, "wind_speed_10m_max": 61.0}
    server.days[3] |= {"temperature_2m_min": 1.1, "temperature_2m_max": 1.4, "weather_code": 1234}
    async with home.running():
        assert await home.answer("get_weather", when="tomorrow") == (
            "Tomorrow in Oslo it will be between minus 5 and minus 1 degree, with snow; "
            "the chance of snow is 80 percent."
        )
        assert await home.answer("get_weather", when="2026-11-22") == (
            "On Sunday in Oslo it will be between 2 and 7 degrees, with a clear sky. "
            "The wind reaches 61 kilometres an hour."
        )
        assert await home.answer("get_weather", when="2026-11-23") == (
            "On Monday in Oslo it will be around 1 degree; the chance of rain is 80 percent."
        )
        assert await home.complaint("get_weather", when="2026-12-24") == (
            "The forecast goes from Friday, the 20th of November, to Friday, the 27th of November."
        )
        next_days = await home.call("get_weather", when="next_days")
        assert next_days.output.startswith("Tomorrow in Oslo it will be between minus 5 and minus 1 degree, with snow;")
        assert " On Sunday it will be between 2 and 7 degrees, with a clear sky." in next_days.output
        assert next_days.output.count("it will be") == 7
        assert next_days.output.startswith(next_days.spoken)
        assert next_days.spoken.count("it will be") == 3
    assert server.asked == {"search": 1, "forecast": 1}


async def test_imperial_units(tmp_path: Path, clock: FakeClock, server: OpenMeteoServer) -> None:
    home = home_with(tmp_path, clock, server, place="Oslo", units="imperial")
    server.days[0]["wind_speed_10m_max"] = 26.0
    async with home.running():
        assert await home.answer("get_weather") == (
            "In Oslo it is 4 degrees and feels like 0, with light rain. The wind blows at 12 miles an hour. "
            "Today it will be between 2 and 7 degrees, with rain; the chance of rain is 80 percent. "
            "The wind reaches 26 miles an hour."
        )
    asked = server.queries[-1]
    assert (asked["temperature_unit"], asked["wind_speed_unit"], asked["precipitation_unit"]) == (
        "fahrenheit",
        "mph",
        "inch",
    )


async def test_the_weather_elsewhere_needs_no_home(tmp_path: Path, clock: FakeClock, server: OpenMeteoServer) -> None:
    home = home_with(tmp_path, clock, server)
    async with home.running():
        assert (await home.answer("get_weather", place="Oslo")).startswith("In Oslo it is 4 degrees")
        for place in (None, "home", " "):
            assert await home.complaint("will_it_rain", place=place) == (
                'For which place? To be told the weather at home, write place = "Oslo" below [plugin.weather] in the '
                "settings."
            )
    assert server.asked == {"search": 1, "forecast": 1}


async def test_a_home_with_coordinates_is_not_looked_for(
    tmp_path: Path, clock: FakeClock, server: OpenMeteoServer
) -> None:
    for name, begins in (("", "It is 4 degrees"), ("the valley", "In the valley it is 4 degrees")):
        home = home_with(tmp_path, clock, server, place=name, latitude=0.0, longitude=-7.25)
        async with home.running():
            assert (await home.answer("get_weather")).startswith(begins)
    assert server.asked == {"forecast": 2}
    assert (server.queries[-1]["latitude"], server.queries[-1]["longitude"]) == ("0.0000", "-7.2500")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Paris", "In Paris it is"),
        ("paris, texas", "In Paris, Texas it is"),
        ("Springfield", "In Springfield, Missouri it is"),
        ("Springfield, Massachusetts", "In Springfield, Massachusetts it is"),
        ("Null Island", "In Null Island it is"),
    ],
)
async def test_a_name_that_several_places_have_is_told_with_its_region(home: Home, asked: str, told: str) -> None:
    async with home.running():
        assert (await home.answer("get_weather", place=asked)).startswith(told)


@pytest.mark.parametrize("place", ["Xyzzy", "O", "Oslo, Texas"])
async def test_a_place_that_is_not_there(home: Home, place: str) -> None:
    async with home.running():
        assert await home.complaint("get_weather", place=place) == (
            f"There is no place called {place}. Is it spelled right?"
        )
        assert "at most 100 characters" in await home.complaint("get_weather", place="x" * 101)


@pytest.mark.parametrize(
    ("hours", "code", "chance", "told"),
    [
        ((), 0, 0, "No, it should stay dry in Oslo today."),
        ((9, 10), 61, 90, "No, it should stay dry in Oslo today."),
        (
            (15, 16), 61, 80,
            "Yes, rain is likely in Oslo today from 3 o'clock in the afternoon on. The chance is 80 percent.",
        ),
        ((12, 13), 61, 60, "Yes, rain is likely in Oslo today. The chance is 60 percent."),
        ((15,), 71, 30, "Perhaps: the chance of snow in Oslo today is 30 percent."),
        ((15,), 61, 24, "No, it should stay dry in Oslo today."),
        (
            (15,), 61, None,
            "Yes, rain is likely in Oslo today from 3 o'clock in the afternoon on. The chance is 100 percent.",
        ),
    ],
)  # fmt: skip
async def test_whether_it_will_rain_today(
    home: Home, server: OpenMeteoServer, hours: tuple[int, ...], code: int, chance: float | None, told: str
) -> None:
    server.current["weather_code"] = 3
    server.rains(0, *hours, chance=chance, code=code)
    async with home.running():
        assert await home.answer("will_it_rain") == told


async def test_whether_it_will_rain_on_another_day(home: Home, server: OpenMeteoServer) -> None:
    server.rains(1, 7, chance=60, code=61)
    server.rains(1, 8, chance=70, code=71)
    async with home.running():
        assert await home.answer("will_it_rain", day="tomorrow") == (
            "Yes, rain or snow is likely in Oslo tomorrow from 7 o'clock in the morning on. The chance is 70 percent."
        )
        assert await home.answer("will_it_rain", place="Springfield", day="2026-11-22") == (
            "No, it should stay dry in Springfield, Missouri on Sunday."
        )
        assert "The forecast goes from" in await home.complaint("will_it_rain", day="2026-11-19")


async def test_when_it_rains_now_the_end_is_told(home: Home, server: OpenMeteoServer) -> None:
    server.rains(0, *range(12, 17), chance=90)
    async with home.running():
        assert await home.answer("will_it_rain") == (
            "Yes, there is light rain in Oslo now. It may go on until 5 o'clock in the afternoon."
        )
    server.rains(0, *range(17, 24), chance=90)
    async with home.running():
        assert await home.answer("will_it_rain") == (
            "Yes, there is light rain in Oslo now. It may go on for the rest of the day."
        )


async def test_today_is_that_of_the_place(home: Home, server: OpenMeteoServer) -> None:
    """At 23:30 in Berlin, the next day has begun ten hours further east."""
    home.clock.set_wall_clock(dt.datetime(2026, 11, 19, 23, 30, tzinfo=BERLIN))
    server.zone_offset_s = 11 * 3600
    server.current["weather_code"] = 3
    server.rains(0, 9, chance=90)
    server.rains(0, 10, chance=70)
    async with home.running():
        assert await home.answer("will_it_rain") == "Yes, rain is likely in Oslo today. The chance is 90 percent."
        home.clock.advance(hours=1)
        assert await home.answer("will_it_rain") == "Yes, rain is likely in Oslo today. The chance is 70 percent."
        assert (await home.answer("get_weather", when="tomorrow")).startswith("Tomorrow in Oslo")


async def test_an_answer_is_good_for_ten_minutes(home: Home, server: OpenMeteoServer) -> None:
    async with home.running():
        await home.answer("get_weather")
        await home.answer("will_it_rain")
        home.clock.advance(minutes=9)
        await home.answer("get_weather", place="oslo", when="tomorrow")
        assert server.asked == {"search": 2, "forecast": 1}
        home.clock.advance(minutes=1)
        await home.answer("get_weather")
        assert server.asked == {"search": 2, "forecast": 2}
        home.clock.set_wall_clock(NOON - dt.timedelta(days=1))
        await home.complaint("get_weather")
        assert server.asked["forecast"] == 3


async def test_what_is_remembered_is_bounded(home: Home, server: OpenMeteoServer) -> None:
    server.places = [{**OSLO, "name": f"Oslo {n}", "latitude": float(n)} for n in range(KEPT_FORECASTS + 1)]
    async with home.running():
        for n in range(KEPT_FORECASTS + 1):
            await home.answer("get_weather", place=f"Oslo {n}")
        await home.answer("get_weather", place=f"Oslo {KEPT_FORECASTS}")
        assert server.asked["forecast"] == KEPT_FORECASTS + 1
        await home.answer("get_weather", place="Oslo 0")
        assert server.asked["forecast"] == KEPT_FORECASTS + 2


async def test_without_a_network_it_says_so_and_works_again_with_one(
    tmp_path: Path, clock: FakeClock, server: OpenMeteoServer
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        home = home_with(tmp_path, clock, server, place="Oslo", geocoding_url=url)
        async with home.running():
            for _ in range(2):
                assert await home.complaint("get_weather") == (
                    "The weather service can't be reached. Is there a network?"
                )


async def test_a_server_that_says_nothing_is_given_up(
    home: Home, server: OpenMeteoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_meteo, "WITHIN_S", 0.05)
    server.hang = True
    async with home.running():
        assert await home.complaint("will_it_rain") == "The weather service can't be reached. Is there a network?"
        monkeypatch.undo()
        server.hang = False
        assert "Oslo" in await home.answer("get_weather")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (
            400, b'{"error":true,"reason":"Parameter count must be between 1 and 100."}',
            "The weather service refused the question with 400: Parameter count must be between 1 and 100.",
        ),
        (404, b"<html>", "The weather service refused the question with 404: it does not say why."),
        (301, b"", "The weather service refused the question with 301: it does not say why."),
        (
            429, b'{"error":true,"reason":"Minutely API request limit exceeded. Please try again in one minute."}',
            "The weather service has answered too often; try again in an hour.",
        ),
        (503, b"", "The weather service is out of order at the moment: it answers 503."),
        (200, b"{", "The weather service gave an answer that can't be read."),
        (
            200, b'{"results": [{"name": "Oslo", "latitude": 91}]}',
            "The weather service gave an answer that can't be read.",
        ),
        (
            200, b'{"results": [{"name": "Oslo"}], "utc_offset_seconds": 0, "current": {}, "hourly": {"time": [],'
            b'"precipitation_probability": [1], "precipitation": [], "weather_code": []}}',
            "The weather service gave an answer that can't be read.",
        ),
        (200, b" " * 300_000, "The weather service gave an answer that is far too long."),
    ],
)  # fmt: skip
async def test_what_the_service_does_wrong_is_said_plainly(
    home: Home, server: OpenMeteoServer, status: int, body: bytes, told: str
) -> None:
    server.status, server.body = status, body
    async with home.running():
        assert await home.complaint("get_weather") == told


@pytest.mark.parametrize("missing", ["temperature_2m_min", "weather_code", "precipitation_probability_max"])
async def test_what_is_not_known_of_a_day(home: Home, server: OpenMeteoServer, missing: str) -> None:
    server.days[1][missing] = None
    async with home.running():
        returned = await home.call("get_weather", when="tomorrow")
        if missing == "temperature_2m_min":
            assert returned.output == "The weather service does not know the weather of that day."
        else:
            assert returned.output.startswith("Tomorrow in Oslo it will be between 2 and 7 degrees")
            assert "None" not in returned.output


async def test_what_is_not_known_of_now(home: Home, server: OpenMeteoServer) -> None:
    server.current = {"temperature_2m": -0.3}
    async with home.running():
        assert (await home.answer("get_weather")).startswith("In Oslo it is 0 degrees. Today it will be between")
        server.current = {}
        home.clock.advance(minutes=10)
        assert await home.complaint("get_weather") == "The weather service does not know the weather there now."


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"latitude": 91, "longitude": 0}, "latitude"),
        ({"latitude": 59.9}, "give both latitude and longitude, or a place"),
        ({"units": "kelvin"}, "units"),
        ({"forecast_url": "ftp://x"}, "forecast_url"),
        ({"town": "Oslo"}, "town"),
    ],
)
async def test_wrong_settings_are_told(
    tmp_path: Path, clock: FakeClock, server: OpenMeteoServer, table: dict[str, Any], complaint: str
) -> None:
    home = home_with(tmp_path, clock, server, **table)
    async with home.running() as tools:
        assert tools == ()
        assert complaint in " ".join(home.status("weather").problems)


async def test_the_server_refuses_what_the_real_one_refuses(server: OpenMeteoServer) -> None:
    http = open_meteo.client()
    try:
        for path, query, reason in (
            ("forecast", {"latitude": "91", "longitude": "0"}, "Latitude must be in range of -90 to 90"),
            ("forecast", {"latitude": "0", "longitude": "0", "daily": "temperature"}, "invalid String value"),
            ("forecast", {"latitude": "0", "longitude": "0", "forecast_days": "17"}, "Forecast days is invalid"),
            ("forecast", {"latitude": "0", "longitude": "0", "wind_speed_unit": "knots"}, "wind_speed_unit"),
            ("search", {}, "name"),
            ("search", {"name": "Oslo", "count": "0"}, "Parameter count must be between 1 and 100."),
        ):
            answer = await http.get(f"{server.base_url}/v1/{path}", params=query)
            assert answer.status_code == 400
            assert (json.loads(answer.content)["error"], reason in answer.text) == (True, True), answer.text
    finally:
        await http.aclose()


def test_every_code_of_the_wmo_that_open_meteo_uses_has_words() -> None:
    assert set(SKY) == {
        0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86, 95, 96, 99,
    }  # fmt: skip
