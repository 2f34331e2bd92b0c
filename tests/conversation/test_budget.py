"""Caps by day and month: steps, midnights, and clocks that jump."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.conversation.budget import SPENT_THIS_MONTH, SPENT_TODAY, STEPS, Budget, Caps

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 11, 20, 18, 0, tzinfo=BERLIN)
DAY = timedelta(days=1)
TEN = Caps(daily=10.0)


def at(*numbers: int, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime(*numbers, tzinfo=zone)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("usd", "thrift"),
    [
        (0.0, "none"),
        (5.99, "none"),
        (6.0, "short"),
        (7.49, "short"),
        (7.5, "small"),
        (8.99, "small"),
        (9.0, "cascade"),
        (9.99, "cascade"),
        (10.0, "offline"),
        (400.0, "offline"),
    ],
)
def test_it_steps_down_as_the_cap_comes_near(usd: float, thrift: str) -> None:
    for caps in (TEN, Caps(monthly=10.0), Caps(10.0, 1000.0), Caps(1000.0, 10.0)):
        budget = Budget(caps)
        assert budget.spent(usd, FRIDAY) == FRIDAY.date()
        assert budget.thrift(FRIDAY) == thrift


def test_no_cap_is_never_reached() -> None:
    budget = Budget(Caps())
    budget.spent(1e9, FRIDAY)
    assert (budget.thrift(FRIDAY), budget.notice(FRIDAY)) == ("none", "")


def test_a_new_day_frees_the_cap_of_the_day_and_a_new_month_that_of_the_month() -> None:
    budget = Budget(Caps(10.0, 25.0))
    budget.spent(12.0, FRIDAY)
    assert (budget.thrift(FRIDAY), budget.notice(FRIDAY)) == ("offline", SPENT_TODAY)
    saturday = FRIDAY + DAY
    assert (budget.thrift(saturday), budget.notice(saturday)) == ("none", "")
    budget.spent(13.0, saturday)
    assert (budget.thrift(saturday), budget.notice(saturday)) == ("offline", SPENT_THIS_MONTH)
    sunday = saturday + DAY
    assert (budget.thrift(sunday), budget.notice(sunday)) == ("offline", SPENT_THIS_MONTH)
    december = at(2026, 12, 1, 0, 0)
    assert (budget.thrift(december), budget.notice(december)) == ("none", "")


def test_it_goes_on_with_what_was_spent_before() -> None:
    history = {date(2026, 10, 31): 9.0, date(2026, 11, 1): 5.0, date(2026, 11, 20): 9.5}
    budget = Budget(Caps(10.0, 100.0), history)
    assert (budget.today(FRIDAY), budget.this_month(FRIDAY), budget.thrift(FRIDAY)) == (9.5, 14.5, "cascade")


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (at(2026, 11, 20, 18, 0), 6.0),
        (at(2026, 10, 25, 0, 0), 25.0),  # the clocks go back
        (at(2026, 3, 29, 0, 0), 23.0),  # and forth
        (at(2026, 10, 25, 2, 30), 22.5),  # the first 2:30 of two
        (at(2026, 10, 25, 2, 30).replace(fold=1), 21.5),
        (at(2026, 3, 7, 23, 0, zone=ZoneInfo("America/Havana")), 1.0),
        (at(2026, 3, 8, 1, 0, zone=ZoneInfo("America/Havana")), 23.0),  # there was no midnight: 0:00 was 1:00
    ],
)
def test_a_day_ends_at_the_midnight_of_the_wall(now: datetime, hours: float) -> None:
    change = Budget(TEN).next_change(now)
    assert (change.timestamp() - now.timestamp()) / 3600 == hours
    full = Budget(TEN)
    full.spent(10.0, now)
    just_before = datetime.fromtimestamp(change.timestamp() - 1, now.tzinfo)
    just_after = datetime.fromtimestamp(change.timestamp(), now.tzinfo)
    assert (full.thrift(just_before), full.thrift(just_after)) == ("offline", "none")


# Clocks that jump.


def test_a_machine_that_starts_in_1970_goes_on_with_its_day() -> None:
    budget = Budget(TEN, {FRIDAY.date(): 10.0})
    early = at(1970, 1, 1, 1, 0)
    assert budget.thrift(early) == "offline"
    assert budget.spent(1.0, early) == FRIDAY.date()
    assert budget.today(FRIDAY + timedelta(hours=1)) == 11.0
    assert budget.thrift(FRIDAY + DAY) == "none"


def test_a_step_back_over_midnight_frees_nothing() -> None:
    budget = Budget(TEN)
    budget.spent(10.0, at(2026, 11, 21, 0, 0, 30))
    assert budget.thrift(at(2026, 11, 20, 23, 59, 50)) == "offline"
    assert budget.thrift(at(2026, 11, 21, 0, 0, 1)) == "offline"
    assert budget.thrift(at(2026, 11, 22, 0, 0, 1)) == "none"


def test_a_date_that_never_was_holds_the_cap_until_midnight_and_no_longer() -> None:
    budget = Budget(TEN)
    budget.spent(10.0, at(2099, 1, 1, 12, 0))
    assert budget.thrift(FRIDAY) == "offline"
    assert budget.thrift(FRIDAY + timedelta(hours=5, minutes=59)) == "offline"
    assert budget.thrift(FRIDAY + timedelta(hours=6)) == "none"
    assert budget.spent(10.0, FRIDAY + DAY) == (FRIDAY + DAY).date()


def test_a_machine_that_is_off_at_midnight_sees_the_new_day_too() -> None:
    first = Budget(TEN, {date(2099, 1, 1): 10.0})
    assert (first.thrift(FRIDAY), first.set_back_to) == ("offline", FRIDAY.date())
    restarted = Budget(TEN, {date(2099, 1, 1): 10.0}, first.set_back_to)
    assert restarted.thrift(FRIDAY + timedelta(hours=1)) == "offline"
    next_morning = Budget(TEN, {date(2099, 1, 1): 10.0}, first.set_back_to)
    assert next_morning.thrift(FRIDAY + timedelta(hours=14)) == "none"


def test_a_clock_that_comes_back_to_the_day_ends_nothing() -> None:
    budget = Budget(TEN, {FRIDAY.date(): 10.0})
    assert budget.thrift(FRIDAY - DAY) == "offline"
    assert budget.thrift(FRIDAY) == "offline"
    assert budget.thrift(FRIDAY - DAY) == "offline"


amounts = st.floats(0, 20, allow_nan=False)
hours = st.integers(0, 20 * 24)


@given(st.lists(st.tuples(amounts, hours)))
def test_every_amount_is_counted_once_whatever_the_clock_does(spent: list[tuple[float, int]]) -> None:
    budget = Budget(TEN)
    by_day: dict[date, float] = {}
    for usd, after in spent:
        now = FRIDAY + timedelta(hours=after)
        day = budget.day(now)
        by_day[day] = by_day.get(day, 0.0) + usd
        assert budget.spent(usd, now) == day
        assert budget.today(now) == pytest.approx(by_day[day])
        assert budget.this_month(now) == pytest.approx(
            sum(each for when, each in by_day.items() if when.month == day.month)
        )


ORDER = ["none", *(thrift for _, thrift in reversed(STEPS))]


@given(st.lists(st.tuples(amounts, st.integers(0, 24 * 3600 - 1))), st.floats(0.01, 100), st.floats(0, 100))
def test_thrift_only_rises_within_a_day_whatever_the_clock_does(
    spent: list[tuple[float, int]], daily: float, monthly: float
) -> None:
    midnight = at(2026, 11, 20)
    budget = Budget(Caps(daily, monthly), {date(2026, 11, 19): 3.0})
    levels = []
    for usd, second in spent:
        now = midnight + timedelta(seconds=second)
        budget.spent(usd, now)
        levels.append(ORDER.index(budget.thrift(now)))
    assert levels == sorted(levels)


@given(st.lists(st.tuples(amounts, hours)))
def test_a_clock_that_goes_back_frees_nothing(spent: list[tuple[float, int]]) -> None:
    budget = Budget(TEN)
    latest = FRIDAY
    for usd, after in spent:
        now = FRIDAY + timedelta(hours=after)
        before = budget.thrift(latest)
        if now < latest and (budget.set_back_to is None or now.date() <= budget.set_back_to):
            assert ORDER.index(budget.thrift(now)) >= ORDER.index(before)
        budget.spent(usd, now)
        latest = now


@given(st.lists(hours, max_size=8), amounts)
def test_no_jump_locks_the_cap_for_longer_than_two_midnights(jumps: list[int], usd: float) -> None:
    budget = Budget(TEN)
    for after in jumps:
        budget.spent(usd, FRIDAY + timedelta(hours=after))
    now = FRIDAY - 100 * DAY  # the clock is right at last, and goes on
    budget.thrift(now)
    for midnights in (1, 2):
        budget.thrift(now + midnights * DAY)
    assert budget.thrift(now + 2 * DAY) == "none"
