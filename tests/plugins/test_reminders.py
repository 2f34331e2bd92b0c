"""Reminders, what repeats, and snoozing."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.fakes import BERLIN, FakeClock, Home, all_but
from voiced.conversation.events import AnnouncementAsked
from voiced.plugins.builtin.alerts import DAYS, Repeat, next_alarm, reminded_of
from voiced.plugins.builtin.timers import LIMIT

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=BERLIN)
NOTHING = "No timer, no alarm and no reminder is set."


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    """On Friday, the 20th of November, at noon."""
    return Home(tmp_path, clock, disabled=all_but("timers"))


async def test_a_reminder_after_some_time(home: Home) -> None:
    async with home.running():
        said = await home.answer("set_reminder", what="to take the pizza out", after_s=1200)
        assert said == "I will remind you to take the pizza out in 20 minutes."
        home.clock.advance(minutes=19)
        assert await home.answer("list_timers") == "Number 1: reminder to take the pizza out, 1 minute left."
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(minutes=1)
        asked = await home.next(AnnouncementAsked)
        assert (asked.text, asked.earcon) == ("This is your reminder to take the pizza out.", "alarm")
        assert await home.answer("list_timers") == NOTHING


async def test_a_reminder_at_a_time_of_day(home: Home) -> None:
    async with home.running():
        said = await home.answer("set_reminder", what="call mum", time="08:00", day="tomorrow")
        assert said == "I will remind you to call mum tomorrow at 8 o'clock in the morning."
        assert await home.answer("list_timers") == (
            "Number 1: reminder to call mum, tomorrow at 8 o'clock in the morning, 20 hours left."
        )
        home.clock.advance(hours=20)
        assert await home.announcement() == "This is your reminder to call mum."


async def test_a_reminder_of_nothing_in_particular(home: Home) -> None:
    """As one asks with no cloud."""
    async with home.running():
        assert await home.answer("set_reminder", after_s=60) == "I will remind you in 1 minute."
        home.clock.advance(minutes=1)
        assert await home.announcement() == "This is your reminder."


@pytest.mark.parametrize(
    ("when", "complaint"),
    [
        ({}, "When? Give after_s, or time."),
        ({"day": "tomorrow"}, "When? Give after_s, or time."),
        ({"after_s": 60, "time": "08:00"}, "Give after_s alone, or time with day and repeat."),
        ({"after_s": 60, "day": "tomorrow"}, "Give after_s alone, or time with day and repeat."),
        ({"after_s": 60, "repeat": "daily"}, "Give after_s alone, or time with day and repeat."),
        ({"time": "08:00", "day": "today"}, "That is over already: it is noon on Friday, the 20th of November 2026."),
    ],
)
async def test_when_is_not_clear(home: Home, when: dict[str, object], complaint: str) -> None:
    async with home.running():
        assert await home.complaint("set_reminder", what="to call mum", **when) == complaint
        assert await home.answer("list_timers") == NOTHING


async def test_a_reminder_is_cancelled_by_a_word_of_it(home: Home) -> None:
    async with home.running():
        await home.answer("set_reminder", what="call mum", after_s=60)
        await home.answer("set_reminder", what="the meeting", after_s=60)
        await home.answer("set_timer", duration_s=60, name="egg")
        assert await home.complaint("cancel_timer", which="all alarms") == (
            "Nothing is cancelled. Number 1: reminder to call mum, 1 minute left. "
            "Number 2: reminder of the meeting, 1 minute left. Number 3: egg timer, 1 minute left."
        )
        assert await home.answer("cancel_timer", which="Mum") == "The reminder to call mum is cancelled."
        assert await home.answer("cancel_timer", which="reminder") == "The reminder of the meeting is cancelled."
        assert "Nothing is cancelled." in await home.complaint("cancel_timer", which="all reminders")
        assert await home.answer("cancel_timer", which="all") == "The egg timer is cancelled."
        for minutes in (1, 2):
            await home.answer("set_reminder", after_s=60 * minutes)
        assert await home.answer("cancel_timer", which="all reminders") == "2 reminders are cancelled."


async def test_a_long_reminder_is_cut_and_all_count_against_one_limit(home: Home) -> None:
    async with home.running():
        assert len(await home.answer("set_reminder", what="x" * 5000, after_s=60)) < 400
        for _ in range(LIMIT - 1):
            await home.answer("set_reminder", after_s=60)
        assert "100 timers, alarms and reminders are set already" in await home.complaint("set_reminder", after_s=60)
        assert "100 timers" in await home.complaint("set_alarm", time="07:00")


async def test_reminders_survive_a_restart_and_a_missed_one_is_told(home: Home) -> None:
    async with home.running():
        await home.answer("set_reminder", what="call mum", after_s=600)
        await home.answer("set_reminder", what="leave", time="18:00")
    home.clock.advance(hours=1)
    async with home.running():
        assert await home.announcement() == ("While I was off: your reminder to call mum was due 50 minutes ago.")
        assert await home.answer("list_timers") == (
            "Number 2: reminder to leave, today at 6 o'clock in the evening, 5 hours left."
        )
        home.clock.advance(hours=5)
        assert await home.announcement() == "This is your reminder to leave."


async def test_a_reminder_after_some_time_counts_it_whatever_the_clock_shows(home: Home) -> None:
    async with home.running():
        await home.answer("set_reminder", what="call mum", after_s=600)
        home.clock.set_wall_clock(dt.datetime(2026, 11, 22, 9, 0, tzinfo=BERLIN))
        home.clock.advance(minutes=9)
        await home.state_holds("timers", "2026-11-22T08:10")
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(minutes=1)
        assert await home.announcement() == "This is your reminder to call mum."


async def test_an_alarm_on_weekdays_leaves_the_weekend_out(home: Home) -> None:
    async with home.running():
        said = await home.answer("set_alarm", time="07:00", repeat="weekdays")
        assert said == (
            "The alarm is set for Monday, the 23rd of November at 7 o'clock in the morning, and then on weekdays."
        )
        await home.answer("set_timer", duration_s=30 * 24 * 3600, name="cake")
        home.clock.advance(days=2, hours=19)
        assert await home.announcement() == "It is 7 o'clock in the morning. This is your alarm."
        assert (await home.answer("list_timers")).startswith(
            "Number 1: alarm, tomorrow at 7 o'clock in the morning, and then on weekdays, 1 day left. Number 2: cake"
        )
        home.clock.advance(days=1)
        assert await home.announcement() == "It is 7 o'clock in the morning. This is your alarm."
        await home.state_holds("timers", "2026-11-25T06:00")
        assert await home.answer("cancel_timer", which="alarm") == "The alarm is cancelled."
        home.clock.advance(days=2)
        assert home.untaken(AnnouncementAsked) == []


async def test_a_daily_alarm_rings_at_its_time_after_summer_time_ends(home: Home) -> None:
    home.clock.set_wall_clock(dt.datetime(2026, 10, 24, 6, 0, tzinfo=BERLIN))
    async with home.running():
        await home.answer("set_alarm", time="07:00", repeat="daily")
        for hours in (1, 25):
            home.clock.advance(hours=hours)
            assert await home.announcement() == "It is 7 o'clock in the morning. This is your alarm."
            assert "tomorrow at 7 o'clock" in await home.answer("list_timers")


async def test_what_repeats_is_told_once_after_a_long_absence_and_goes_on(home: Home) -> None:
    async with home.running():
        await home.answer("set_reminder", what="of the bins", time="20:00", day="2026-11-24", repeat="weekly")
    home.clock.advance(days=20)
    async with home.running():
        assert await home.announcement() == (
            "While I was off: your reminder of the bins was due 15 days and 16 hours ago."
        )
        assert await home.answer("list_timers") == (
            "Number 1: reminder of the bins, Tuesday, the 15th of December at 8 o'clock in the evening, "
            "and then every Tuesday, 5 days and 8 hours left."
        )
    async with home.running():
        assert home.untaken(AnnouncementAsked) == []


async def test_what_rang_last_is_snoozed(home: Home) -> None:
    async with home.running():
        await home.answer("set_timer", duration_s=60, name="egg")
        await home.answer("set_alarm", time="12:02")
        home.clock.advance(minutes=2)
        assert await home.announcement() == "Your egg timer is done."
        assert await home.announcement() == "It is 2 minutes past 12 in the afternoon. This is your alarm."
        assert await home.answer("snooze") == "Your alarm comes again in 9 minutes."
        assert await home.answer("list_timers") == "Number 1: alarm, 9 minutes left."
        assert await home.complaint("snooze") == "Nothing rang in the last hour."
        home.clock.advance(minutes=9)
        assert await home.announcement() == "It is 12:11 in the afternoon. This is your alarm."
        assert await home.answer("snooze", minutes=1) == "Your alarm comes again in 1 minute."


async def test_only_what_rang_a_short_while_ago_is_snoozed(home: Home) -> None:
    async with home.running():
        assert await home.complaint("snooze") == "Nothing rang in the last hour."
        await home.answer("set_timer", duration_s=60)
        home.clock.advance(minutes=1)
        await home.announcement()
        home.clock.advance(minutes=61)
        assert await home.complaint("snooze", minutes=5) == "Nothing rang in the last hour."


async def test_a_missed_one_and_a_repeated_one_are_snoozed_once(home: Home) -> None:
    async with home.running():
        await home.answer("set_alarm", time="12:30", repeat="daily")
    home.clock.advance(minutes=40)
    async with home.running():
        await home.announcement()
        assert await home.answer("snooze") == "Your alarm comes again in 9 minutes."
        assert await home.answer("list_timers") == (
            "Number 1: alarm, tomorrow at 12:30 in the afternoon, and then every day, 23 hours and 50 minutes left. "
            "Number 2: alarm, 9 minutes left."
        )
        home.clock.advance(minutes=9)
        assert await home.announcement() == "It is 12:49 in the afternoon. This is your alarm."
        assert "Number 2" not in await home.answer("list_timers")


async def test_what_an_earlier_version_saved_is_read(home: Home) -> None:
    home.state_folder.mkdir()
    saved = [
        {"number": 1, "kind": "timer", "name": "egg", "due": "2026-11-20T11:05:00Z", "length_s": 600},
        {"number": 2, "kind": "alarm", "name": "", "due": "2026-11-21T06:00:00Z", "length_s": 0},
    ]
    (home.state_folder / "timers.json").write_text(json.dumps(saved))
    async with home.running():
        assert await home.answer("list_timers") == (
            "Number 1: egg timer, 5 minutes left. Number 2: alarm, tomorrow at 7 o'clock in the morning, 19 hours left."
        )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("to call mum", "to call mum"),
        ("call mum.", "to call mum"),
        (" The  meeting\n", "of The meeting"),
        ("about the meeting", "about the meeting"),
        ("that it rains", "that it rains"),
        ("", ""),
    ],
)
def test_what_one_is_reminded_of(what: str, said: str) -> None:
    assert reminded_of(what) == said


@given(
    now=st.integers(0, 365 * 24 * 60).map(lambda minutes: NEW_YEAR + dt.timedelta(minutes=minutes)),
    time=st.times(dt.time(4)),
    later=st.none() | st.integers(-40, 40),
    repeat=st.sampled_from([*DAYS, "weekly"]),
)
def test_what_repeats_is_next_due_on_the_first_day_that_fits(
    now: dt.datetime, time: dt.time, later: int | None, repeat: Repeat
) -> None:
    day = None if later is None else now.date() + dt.timedelta(days=later)
    due = next_alarm(now, time, day, repeat).astimezone(BERLIN)
    assert due > now
    assert due.time() == time
    if repeat == "weekly":
        assert day is None or due.weekday() == day.weekday()
    else:
        assert due.weekday() in DAYS[repeat]
    assert due.date() >= (day or now.date())
    longest = 2 if repeat == "weekly" and day is None else 8
    assert due - now <= dt.timedelta(days=max(later or 0, 0) + longest)
