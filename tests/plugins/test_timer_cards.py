"""Where there is a screen, each timer and alarm counts down on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.plugins.fakes import BERLIN
from voiced.testing.clock import NOON
from voiced.testing.tool_bench import ToolBench


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    bench = ToolBench(tmp_path)
    bench.plugin("timers")
    return bench


def seen(bench: ToolBench) -> list[tuple[str, str, float]]:
    """Title, text, and the seconds from now that are counted down, of each card."""
    now = bench.clock.now().timestamp()
    return [(card.title, card.text, round((card.ends_at or 0) - now, 3)) for card in bench.cards.values()]


async def test_a_timer_is_seen_until_it_is_done(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_timer", duration_s=600, name="pasta")
        await bench.call("set_timer", duration_s=60)
        assert seen(bench) == [("Pasta timer", "", 600), ("Timer of 1 minute", "", 60)]
        assert set(bench.cards) == {"timers/1", "timers/2"}
        await bench.time_passes(minutes=1)
        assert seen(bench) == [("Pasta timer", "", 540)]
        await bench.time_passes(minutes=9)
        assert bench.cards == {}


async def test_what_is_cancelled_is_gone(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_timer", duration_s=600, name="pasta")
        await bench.call("set_alarm", time="18:00")
        await bench.call("cancel_timer", which="pasta")
        assert seen(bench) == [("Alarm", "18:00", 6 * 3600)]
        await bench.call("cancel_timer", which="all")
        assert bench.cards == {}


async def test_an_alarm_that_comes_again_counts_down_to_the_next_time(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_alarm", time="12:05", repeat="daily", name="medicine")
        assert seen(bench) == [("Medicine alarm", "12:05, every day", 300)]
        await bench.time_passes(minutes=5)
        assert seen(bench) == [("Medicine alarm", "12:05, every day", 24 * 3600)]
        await bench.call("snooze", minutes=9)
        assert seen(bench)[1:] == [("Medicine alarm", "", 540)]


async def test_reminders_are_for_the_ear_alone(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_reminder", what="to buy a present for Ada", after_s=600)
        assert bench.cards == {}


async def test_they_are_seen_again_after_a_restart(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_timer", duration_s=600, name="pasta")
        await bench.call("set_timer", duration_s=60, name="egg")
        await bench.call("set_alarm", time="18:00")
    assert bench.cards == {}, "whoever shows them is gone"
    bench.clock.advance(minutes=2)
    async with bench.running():
        assert seen(bench) == [("Pasta timer", "", 480), ("Alarm", "18:00", 6 * 3600 - 120)]


async def test_a_countdown_goes_on_as_it_was_when_somebody_sets_the_clock(bench: ToolBench) -> None:
    async with bench.running():
        await bench.call("set_timer", duration_s=600, name="pasta")
        bench.clock.set_wall_clock(NOON + dt.timedelta(hours=3))
        await bench.time_passes(minutes=1)
        assert seen(bench) == [("Pasta timer", "", 540)]
        assert bench.clock.now() == dt.datetime(2026, 11, 20, 15, 1, tzinfo=BERLIN)
