"""The time and the date."""

from __future__ import annotations

import sys
import zoneinfo
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    return Home(tmp_path, clock, disabled=("timers", "volume"))


async def test_the_time_here(home: Home) -> None:
    async with home.running() as tools:
        assert tools == ("get_time",)
        assert await home.answer("get_time") == "It is 12:00 on Friday, 20 November 2026."
        assert await home.answer("get_time", zone=None) == "It is 12:00 on Friday, 20 November 2026."


async def test_the_time_elsewhere(home: Home) -> None:
    async with home.running():
        answer = await home.answer("get_time", zone="Australia/Sydney")
        assert answer == "In Australia/Sydney it is 22:00 on Friday, 20 November 2026."


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
            assert await home.answer("get_time") == "It is 12:00 on Friday, 20 November 2026."
    finally:
        zoneinfo.reset_tzpath()
