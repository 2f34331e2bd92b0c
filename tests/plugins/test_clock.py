"""The time and the date."""

from __future__ import annotations

import sys
import zoneinfo
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from voiced.plugins.builtin.clock import CITIES


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    return Home(tmp_path, clock, disabled=all_but("clock"))


async def test_the_time_here(home: Home) -> None:
    async with home.running() as tools:
        assert tools == ("get_time",)
        assert await home.answer("get_time") == "It is noon on Friday, the 20th of November 2026."
        assert await home.answer("get_time", zone=None) == "It is noon on Friday, the 20th of November 2026."


async def test_the_time_alone_and_the_date_alone(home: Home) -> None:
    async with home.running():
        home.clock.advance(hours=2, minutes=5)
        assert await home.answer("get_time", part="time") == "It is 5 minutes past 2 in the afternoon."
        assert await home.answer("get_time", part="date") == "It is Friday, the 20th of November 2026."
        assert await home.answer("get_time", part="time", zone="America/New_York") == (
            "In New York it is 5 minutes past 8 in the morning."
        )


@pytest.mark.parametrize("zone", sorted(set(CITIES.values())))
def test_every_city_has_a_time(zone: str) -> None:
    assert zoneinfo.ZoneInfo(zone).key == zone


async def test_the_time_elsewhere(home: Home) -> None:
    async with home.running():
        answer = await home.answer("get_time", zone="Australia/Sydney")
        assert answer == "In Sydney it is 10 o'clock in the evening on Friday, the 20th of November 2026."


@pytest.mark.parametrize("zone", ["Europe/Berlni", "Berlin", "../etc/passwd", "/etc/passwd", "Europe", "", "\0"])
async def test_a_zone_that_does_not_exist(home: Home, zone: str) -> None:
    async with home.running():
        complaint = await home.complaint("get_time", zone=zone)
        assert complaint.startswith(f"There is no time zone {zone!r}. Use an IANA name, such as ")
        if zone.startswith("Europe/"):
            assert "Europe/Berlin" in complaint


async def test_a_machine_without_time_zone_data_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    try:
        async with home.running():
            assert "package tzdata" in await home.complaint("get_time", zone="Pacific/Fiji")
            assert await home.answer("get_time") == "It is noon on Friday, the 20th of November 2026."
    finally:
        zoneinfo.reset_tzpath()
