"""Times and durations, as every voice reads them well."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.fakes import BERLIN
from voiced.plugins.builtin.spoken import listed, spoken_date, spoken_day, spoken_duration, spoken_moment, spoken_time

BAD_TO_HEAR = re.compile(r"\b0|:0|\d{2}:\d{2}:|\b(1[3-9]|2\d):")
"""A plain voice reads 14:05 as "fourteen zero five"."""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (3605, "1 hour and 5 seconds"),
        (3661, "1 hour, 1 minute and 1 second"),
        (2 * 86400 + 120, "2 days and 2 minutes"),
    ],
)
def test_durations_as_one_says_them(seconds: int, said: str) -> None:
    assert spoken_duration(seconds) == said


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ("00:00", "midnight"),
        ("00:01", "1 minute past 12 at night"),
        ("00:30", "12:30 at night"),
        ("07:00", "7 o'clock in the morning"),
        ("11:59", "11:59 in the morning"),
        ("12:00", "noon"),
        ("12:10", "12:10 in the afternoon"),
        ("14:05", "5 minutes past 2 in the afternoon"),
        ("18:30", "6:30 in the evening"),
        ("23:00", "11 o'clock in the evening"),
    ],
)
def test_times_as_one_says_them(clock: str, said: str) -> None:
    assert spoken_time(dt.datetime.fromisoformat(f"2026-11-20T{clock}")) == said


@given(st.datetimes())
def test_no_time_has_a_nought_that_is_read_aloud(moment: dt.datetime) -> None:
    assert not BAD_TO_HEAR.search(spoken_time(moment))


@given(st.datetimes(), st.datetimes())
def test_two_times_that_sound_the_same_are_the_same(one: dt.datetime, other: dt.datetime) -> None:
    same = (one.hour, one.minute) == (other.hour, other.minute)
    assert (spoken_time(one) == spoken_time(other)) == same


def test_dates_as_one_says_them() -> None:
    said = [spoken_day(dt.date(2026, 5, day)).split(" the ")[1] for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)]
    assert [day.removesuffix(" of May") for day in said] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]
    )
    assert spoken_date(dt.date(2026, 11, 20)) == "Friday, the 20th of November 2026"


def test_moments_as_one_says_them() -> None:
    now = dt.datetime(2026, 12, 31, 23, 0, tzinfo=BERLIN)
    hour = dt.timedelta(hours=1)
    assert [spoken_moment((now + n * hour).astimezone(dt.UTC), now) for n in (-24, 0, 1, 26)] == [
        "yesterday at 11 o'clock in the evening",
        "today at 11 o'clock in the evening",
        "tomorrow at midnight",
        "Saturday, the 2nd of January at 1 o'clock in the morning",
    ]


def test_things_as_one_lists_them() -> None:
    assert [listed(things) for things in ([], ["egg"], ["egg", "rice"], ["egg", "rice", "tea"])] == [
        "",
        "egg",
        "egg and rice",
        "egg, rice and tea",
    ]
