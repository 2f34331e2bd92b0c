"""Volume, stop and mute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from voiced.conversation.events import MuteAsked, StopAsked, VolumeAsked


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    return Home(tmp_path, clock, disabled=all_but("volume"))


async def test_the_volume_is_set(home: Home) -> None:
    async with home.running() as tools:
        assert tools == ("set_volume", "change_volume", "mute_microphone", "stop_talking")
        assert await home.answer("set_volume", percent=70) == "The volume is 70 percent."
        assert await home.next(VolumeAsked) == VolumeAsked(70)


@pytest.mark.parametrize(("by", "percent"), [(15, 55), (-15, 25), (100, 100), (-100, 0)])
async def test_the_volume_is_changed(home: Home, by: int, percent: int) -> None:
    async with home.running():
        assert await home.answer("change_volume", by=by) == f"The volume is {percent} percent; it was 40."
        assert await home.next(VolumeAsked) == VolumeAsked(percent)


async def test_a_volume_above_100_is_refused(home: Home) -> None:
    async with home.running():
        assert "percent: Input should be less than or equal to 100" in await home.complaint("set_volume", percent=101)
        assert home.untaken(VolumeAsked) == []


async def test_the_microphone_is_muted_and_whoever_can_not_ask_any_more_hears_how_to_open_it(home: Home) -> None:
    async with home.running():
        assert (await home.answer("mute_microphone")).endswith("or the command voiced unmute.")
        assert await home.next(MuteAsked) == MuteAsked(True)


async def test_it_stops_talking(home: Home) -> None:
    async with home.running():
        await home.answer("stop_talking")
        assert await home.next(StopAsked) == StopAsked()
