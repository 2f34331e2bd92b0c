"""Timers and alarms: they speak by themselves when they are due, and survive a restart."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.fakes import BERLIN, FakeClock, Home, all_but
from voiced.api import ToolError
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked
from voiced.plugins.builtin.alerts import next_alarm
from voiced.plugins.builtin.timers import LIMIT

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    return Home(tmp_path, clock, disabled=all_but("timers"))


async def test_a_timer_speaks_when_it_is_done(home: Home) -> None:
    async with home.running() as tools:
        assert sorted(tools) == [
            "cancel_timer", "list_timers", "set_alarm", "set_reminder", "set_timer", "snooze",
        ]  # fmt: skip
        assert await home.answer("set_timer", duration_s=600, name="pasta") == "The pasta timer is set for 10 minutes."
        home.clock.advance(minutes=9)
        assert await home.answer("list_timers") == "Number 1: pasta timer, 1 minute left."
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(minutes=1)
        assert await home.next(AnnouncementAsked) == AnnouncementAsked("timers-1", "Your pasta timer is done.", "alarm")
        assert await home.answer("list_timers") == "No timer, no alarm and no reminder is set."


async def test_a_timer_without_a_name_says_how_long_it_was(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=3900)
        home.clock.advance(hours=2)
        assert await home.announcement() == "Your timer of 1 hour and 5 minutes is done."


async def test_several_timers_speak_in_their_order(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_timer", duration_s=300, name="egg")
        home.clock.advance(minutes=20)
        assert await home.announcement() == "Your egg timer is done."
        assert await home.announcement() == "Your pasta timer is done."


async def test_an_alarm_speaks_at_its_time_of_day(home: Home) -> None:
    async with home.running():
        assert (
            await home.answer("set_alarm", time="07:00") == "The alarm is set for tomorrow at 7 o'clock in the morning."
        )
        assert (
            await home.answer("list_timers") == "Number 1: alarm, tomorrow at 7 o'clock in the morning, 19 hours left."
        )
        home.clock.advance(hours=19)
        assert await home.announcement() == "It is 7 o'clock in the morning. This is your alarm."


async def test_an_alarm_on_a_day_with_a_name(home: Home) -> None:
    async with home.running():
        said = await home.answer("set_alarm", time="18:30", day="2026-12-24", name="dinner")
        assert said == ("The dinner alarm is set for Thursday, the 24th of December at 6:30 in the evening.")
        home.clock.advance(days=40)
        assert await home.announcement() == "It is 6:30 in the evening. This is your dinner alarm."


async def test_an_alarm_in_the_past_is_refused(home: Home) -> None:
    async with home.running():
        complaint = await home.complaint("set_alarm", time="11:59", day="2026-11-20")
        assert complaint == "That is over already: it is noon on Friday, the 20th of November 2026."


async def test_an_alarm_follows_the_clock_when_somebody_sets_it(home: Home) -> None:
    async with home.running():
        await home.answer("set_alarm", time="18:00")
        await home.answer("set_timer", duration_s=600, name="pasta")
        home.clock.set_wall_clock(dt.datetime(2026, 11, 20, 18, 5, tzinfo=BERLIN))
        home.clock.advance(seconds=30)
        assert await home.announcement() == "It is 6 o'clock in the evening. This is your alarm."
        assert await home.answer("list_timers") == "Number 2: pasta timer, 9 minutes and 30 seconds left."


@pytest.mark.parametrize("which", ["1", "pasta", "Pasta", " pasta timer "])
async def test_a_timer_is_cancelled(home: Home, which: str) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_timer", duration_s=600, name="egg")
        assert await home.answer("cancel_timer", which=which) == "The pasta timer is cancelled."
        home.clock.advance(hours=1)
        assert await home.announcement() == "Your egg timer is done."
        assert home.untaken(AnnouncementAsked) == []


async def test_the_only_timer_needs_no_name(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600)
        await home.answer("set_alarm", time="07:00")
        assert await home.answer("cancel_timer", which="timer") == "The timer of 10 minutes is cancelled."
        assert await home.answer("cancel_timer", which="alarm") == "The alarm is cancelled."


async def test_the_timer_is_not_clear_where_several_are_set(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=60)
        await home.answer("set_timer", duration_s=120, name="egg")
        assert await home.complaint("cancel_timer", which="timer") == (
            "Nothing is cancelled yet. Number 1: timer of 1 minute, 1 minute left. "
            "Number 2: egg timer, 2 minutes left. Which one? Say: cancel number 1."
        )
        assert await home.answer("cancel_timer", which="2") == "The egg timer is cancelled."


async def test_one_egg_or_several(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=60, name="Eggs")
        await home.answer("set_timer", duration_s=60, name="potatoes")
        assert await home.answer("cancel_timer", which="egg") == "The Eggs timer is cancelled."
        assert await home.answer("cancel_timer", which="potato") == "The potatoes timer is cancelled."


@pytest.mark.parametrize(
    ("which", "cancelled"),
    [
        ("all timers", "The egg timer and the timer of 1 minute are cancelled."),
        ("all alarms", "The alarm is cancelled."),
        ("all", "The egg timer, the timer of 1 minute and the alarm are cancelled."),
    ],
)
async def test_all_of_a_kind_are_cancelled(home: Home, which: str, cancelled: str) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=60, name="egg")
        await home.answer("set_timer", duration_s=60)
        await home.answer("set_alarm", time="07:00")
        assert await home.answer("cancel_timer", which=which) == cancelled


async def test_an_alarm_today_and_tomorrow(home: Home) -> None:
    async with home.running():
        said = await home.answer("set_alarm", time="13:00", day="tomorrow")
        assert said == "The alarm is set for tomorrow at 1 o'clock in the afternoon."
        said = await home.answer("set_alarm", time="13:00", day="today")
        assert said == "The alarm is set for today at 1 o'clock in the afternoon."
        assert "That is over already" in await home.complaint("set_alarm", time="11:00", day="today")


async def test_all_timers_are_cancelled(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_alarm", time="07:00")
        assert await home.answer("cancel_timer", which="all") == "The pasta timer and the alarm are cancelled."
        assert await home.answer("list_timers") == "No timer, no alarm and no reminder is set."
        complaint = await home.complaint("cancel_timer", which="all")
        assert complaint == "Nothing is cancelled. No timer, no alarm and no reminder is set."


async def test_which_timer_is_not_clear(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=60, name="egg")
        await home.answer("set_timer", duration_s=120, name="egg")
        assert await home.complaint("cancel_timer", which="egg") == (
            "Nothing is cancelled yet. Number 1: egg timer, 1 minute left. Number 2: egg timer, 2 minutes left. "
            "Which one? Say: cancel number 1."
        )
        assert (await home.complaint("cancel_timer", which="pasta")).startswith(
            "Nothing is cancelled. Number 1: egg timer"
        )


async def test_there_is_a_limit(home: Home) -> None:
    async with home.running():
        for _ in range(LIMIT):
            await home.answer("set_timer", duration_s=60)
        assert "100 timers, alarms and reminders are set already" in await home.complaint("set_timer", duration_s=60)
        assert "duration_s: Input should be greater than" in await home.complaint("set_timer", duration_s=0)
        home.clock.advance(minutes=1)
        for _ in range(LIMIT):
            told = await home.next(AnnouncementAsked)
            home.host.report(RequestEnded(told.request))  # the next one of many waits until one is said
        await home.answer("set_timer", duration_s=60)


async def test_timers_and_alarms_survive_a_restart(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_alarm", time="12:30", name="dinner")
    home.clock.advance(minutes=4)
    async with home.running():
        assert home.untaken(AnnouncementAsked) == []
        assert await home.answer("list_timers") == (
            "Number 1: pasta timer, 6 minutes left. "
            "Number 2: dinner alarm, today at 12:30 in the afternoon, 26 minutes left."
        )
        home.clock.advance(hours=1)
        assert await home.announcement() == "Your pasta timer is done."
        assert await home.announcement() == "It is 12:30 in the afternoon. This is your dinner alarm."
    async with home.running():
        assert await home.answer("list_timers") == "No timer, no alarm and no reminder is set."


async def test_what_became_due_while_voiced_was_off_is_told_at_start_with_how_late_it_is(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_alarm", time="13:00")
        await home.answer("set_timer", duration_s=86400, name="cake")
    home.clock.advance(hours=3)
    async with home.running():
        assert await home.announcement() == (
            "While I was off: your pasta timer was due 2 hours and 50 minutes ago and your alarm was due 2 hours ago."
        )
        assert await home.answer("list_timers") == "Number 3: cake timer, 21 hours left."
    async with home.running():
        assert home.untaken(AnnouncementAsked) == []


async def test_a_timer_set_before_the_clock_was_right_is_saved_by_what_is_left_of_it(home: Home) -> None:
    home.clock.set_wall_clock(dt.datetime(1970, 1, 1, tzinfo=BERLIN))
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        home.clock.set_wall_clock(dt.datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN))
        await home.answer("set_timer", duration_s=900, name="egg")
    home.clock.advance(minutes=5)
    async with home.running():
        assert await home.answer("list_timers") == (
            "Number 1: pasta timer, 5 minutes left. Number 2: egg timer, 10 minutes left."
        )


async def test_a_timer_is_not_lost_when_the_clock_is_put_right_and_voiced_restarts(home: Home) -> None:
    """As on a machine whose clock does not run while it is off: the network sets it a minute after the start."""
    home.clock.set_wall_clock(dt.datetime(1970, 1, 1, tzinfo=BERLIN))
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        home.clock.set_wall_clock(dt.datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN))
        home.clock.advance(minutes=1)
        await home.state_holds("timers", "2026-11-20T11:10")
    async with home.running():
        assert home.untaken(AnnouncementAsked) == []
        assert await home.answer("list_timers") == "Number 1: pasta timer, 9 minutes left."


async def test_a_clock_that_is_put_back_makes_no_timer_longer_and_an_alarm_wait(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=600, name="pasta")
        await home.answer("set_alarm", time="12:30")
        home.clock.set_wall_clock(dt.datetime(2026, 11, 20, 11, 0, tzinfo=BERLIN))
        home.clock.advance(minutes=10)
        assert await home.announcement() == "Your pasta timer is done."
        home.clock.advance(minutes=79)
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(minutes=1)
        assert await home.announcement() == "It is 12:30 in the afternoon. This is your alarm."


async def test_an_alarm_that_rang_does_not_ring_again_when_the_clock_is_put_back(home: Home) -> None:
    async with home.running():
        await home.answer("set_alarm", time="12:30")
        home.clock.advance(minutes=30)
        assert await home.announcement() == "It is 12:30 in the afternoon. This is your alarm."
        home.clock.set_wall_clock(dt.datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN))
        home.clock.advance(hours=1)
        assert await home.answer("list_timers") == "No timer, no alarm and no reminder is set."
        assert home.untaken(AnnouncementAsked) == []


async def test_a_clock_that_jumps_by_days_rings_what_it_passed_once(home: Home) -> None:
    async with home.running():
        await home.answer("set_alarm", time="13:00", name="first")
        await home.answer("set_alarm", time="14:00", name="second")
        await home.answer("set_timer", duration_s=3600, name="cake")
        home.clock.set_wall_clock(dt.datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN))
        home.clock.advance(seconds=30)
        rung = {await home.announcement(), await home.announcement()}
        assert {text.split("This is ")[1] for text in rung} == {"your first alarm.", "your second alarm."}
        assert await home.answer("list_timers") == "Number 3: cake timer, 59 minutes and 30 seconds left."


async def test_a_timer_over_the_end_of_summer_time_is_as_long_as_was_said(home: Home) -> None:
    home.clock.set_wall_clock(dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN))
    async with home.running():
        await home.answer("set_timer", duration_s=3600, name="bread")
    home.clock.advance(minutes=50)
    async with home.running():
        assert await home.answer("list_timers") == "Number 1: bread timer, 10 minutes left."


@pytest.mark.parametrize("content", ["{", "[{}]", '[{"number": 1, "kind": "egg", "name": "", "due": "2026-01-01"}]'])
async def test_a_corrupt_file_is_set_aside_and_timers_work(home: Home, content: str) -> None:
    home.state_folder.mkdir()
    (home.state_folder / "timers.json").write_text(content)
    async with home.running():
        assert "is not what was saved; it is set aside" in home.status("timers").problems[0]
        await home.answer("set_timer", duration_s=60)
        home.clock.advance(minutes=1)
        assert await home.announcement() == "Your timer of 1 minute is done."


async def test_a_disk_that_takes_nothing_is_told_and_the_timer_runs(home: Home) -> None:
    home.state_folder.write_text("no folder")
    async with home.running():
        assert await home.answer("set_timer", duration_s=60, name="egg") == (
            "The egg timer is set for 1 minute. If voiced restarts, this is lost. "
            "It could not be written to disk (File exists)."
        )
        home.clock.advance(minutes=1)
        assert await home.announcement() == "Your egg timer is done."
        home.state_folder.unlink()
        assert await home.answer("set_timer", duration_s=60, name="egg") == "The egg timer is set for 1 minute."
    shutil.rmtree(home.state_folder)


@pytest.mark.parametrize(
    ("now", "time", "due"),
    [
        ("2026-11-20T12:00", "12:01", "2026-11-20T11:01Z"),
        ("2026-11-20T12:00", "12:00", "2026-11-21T11:00Z"),
        ("2026-03-28T12:00", "07:00", "2026-03-29T05:00Z"),  # summer time begins in that night
        ("2026-03-29T01:00", "02:30", "2026-03-29T01:30Z"),  # a time that the clock skips: it shows 03:30 then
        ("2026-10-25T01:00", "02:30", "2026-10-25T00:30Z"),  # a time that it shows twice
        ("2026-10-25T02:40", "02:30", "2026-10-25T01:30Z"),  # between the two
    ],
)
def test_when_an_alarm_is_due(now: str, time: str, due: str) -> None:
    start = dt.datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    assert next_alarm(start, dt.time.fromisoformat(time), None) == dt.datetime.fromisoformat(due)


def test_an_alarm_has_no_zone() -> None:
    with pytest.raises(ToolError, match="no zone"):
        next_alarm(dt.datetime(2026, 1, 1, tzinfo=BERLIN), dt.time(7, tzinfo=dt.UTC), None)


@given(
    now=st.integers(0, 365 * 24 * 60).map(lambda minutes: NEW_YEAR + dt.timedelta(minutes=minutes)),
    time=st.times(),
)
def test_the_next_alarm_is_to_come_within_a_day_or_the_hour_that_summer_time_gives(
    now: dt.datetime, time: dt.time
) -> None:
    due = next_alarm(now.astimezone(BERLIN), time, None)
    wait = due - now
    assert dt.timedelta(0) < wait <= dt.timedelta(hours=25)
    shown = due.astimezone(BERLIN).replace(tzinfo=None, fold=0).time()
    skipped = (dt.datetime.combine(dt.date.min, time) + dt.timedelta(hours=1)).time()
    assert shown in (time, skipped)
