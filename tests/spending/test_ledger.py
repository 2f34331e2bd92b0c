"""The books: they add up, fit in a bounded file, and are read back as they were."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.conversation.events import Usage
from voiced.spending.ledger import DAYS_KEPT, MONTHS_KEPT, Ledger, read
from voiced.spending.prices import PriceTable
from voiced.spending.settings import Prices

FRIDAY = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)


def totals(ledger: Ledger) -> dict[str, tuple[Usage, Any, bool]]:
    """Everything in it, by day or month and model."""
    return {
        f"{kind} {day} {model}": (entry.usage, pytest.approx(entry.usd, abs=1e-9), entry.guessed)
        for kind, books in (("day", ledger.days), ("month", ledger.months))
        for day, models in books.items()
        for model, entry in models.items()
    }


def again(ledger: Ledger) -> Ledger:
    """Written down and read."""
    found, bad = read(ledger.lines())
    assert bad == 0
    return found


def test_a_line_is_what_came_since_the_last_one() -> None:
    ledger = Ledger()
    ledger.add(FRIDAY, Usage("big", text_in=10, audio_out=5), 0.5)
    ledger.add(FRIDAY, Usage("big", text_in=1, seconds=0.5), 0.25)
    ledger.add(FRIDAY, Usage("odd", characters=7), 1.0, guessed=True)
    assert list(map(json.loads, ledger.lines())) == [
        {"day": "2026-11-20", "model": "big", "usd": 0.75, "text_in": 11, "audio_out": 5, "seconds": 0.5},
        {"day": "2026-11-20", "model": "odd", "usd": 1.0, "guessed": True, "characters": 7},
    ]
    assert totals(read([*ledger.lines(), *ledger.lines()])[0]) == {
        "day 2026-11-20 big": (Usage("big", text_in=22, audio_out=10, seconds=1.0), 1.5, False),
        "day 2026-11-20 odd": (Usage("odd", characters=14), 2.0, True),
    }


def test_the_day_that_came_last_is_at_the_end_whatever_its_date() -> None:
    ledger = Ledger()
    for day in (FRIDAY, date(2099, 1, 1), FRIDAY):
        ledger.add(day, Usage("big", text_in=1), 1.0)
    assert list(ledger.usd_by_day().items()) == [(date(2099, 1, 1), 1.0), (FRIDAY, 2.0)]
    assert ledger.day == FRIDAY


def test_a_clock_that_was_set_back_is_remembered_until_the_next_day() -> None:
    ledger = Ledger()
    ledger.add(SATURDAY, Usage("big", text_in=1), 1.0)
    ledger.turn(SATURDAY, FRIDAY)
    ledger.add(SATURDAY, Usage("big", text_in=1), 1.0)
    assert (again(ledger).day, again(ledger).set_back_to) == (SATURDAY, FRIDAY)
    ledger.turn(SATURDAY, None)
    assert again(ledger).set_back_to is None
    ledger.turn(SATURDAY, FRIDAY)
    ledger.add(SATURDAY + timedelta(days=1), Usage("big", text_in=1), 1.0)
    assert again(ledger).set_back_to is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "5",
        "{}",
        '{"day": "2026-11-20"}',
        '{"day": "20th", "model": "big", "usd": 1}',
        '{"day": "2026-11-20", "model": "big"}',
        '{"day": "2026-11-20", "model": 5, "usd": 1}',
        '{"day": "2026-11-20", "model": "big", "usd": -1}',
        '{"day": "2026-11-20", "model": "big", "usd": NaN}',
        '{"day": "2026-11-20", "model": "big", "usd": 1e999}',
        '{"day": "2026-11-20", "model": "big", "usd": true}',
        '{"day": "2026-11-20", "model": "big", "usd": 1, "text_in": "many"}',
        f'{{"day": "2026-11-20", "model": "big", "usd": 1, "text_in": 1{"0" * 400}}}',
        '{"day": "2026-11-20", "clock": 5}',
        "[" * 100_000,
    ],
)
def test_a_line_that_makes_no_sense_is_counted_and_left_out(line: str) -> None:
    good = '{"day": "2026-11-20", "model": "big", "usd": 1}'
    ledger, bad = read([good, line, good])
    assert (ledger.usd_by_day(), bad) == ({FRIDAY: 2.0}, 1)


def test_old_days_become_months_and_nothing_is_lost() -> None:
    ledger = Ledger()
    for number in range(DAYS_KEPT + 45):
        ledger.add(FRIDAY + timedelta(days=number), Usage("big", text_in=1), 1.0)
    ledger.compact()
    assert len(ledger.days) == DAYS_KEPT
    assert totals(again(ledger)) == totals(ledger)
    assert {day: models["big"].usd for day, models in ledger.months.items()} == {
        date(2026, 11, 1): 11.0,
        date(2026, 12, 1): 31.0,
        date(2027, 1, 1): 3.0,
    }


def test_a_hundred_years_stay_small() -> None:
    ledger = Ledger()
    for number in range(36_500):
        ledger.add(FRIDAY + timedelta(days=number), Usage("big", text_in=1), 1.0)
        if number % 500 == 0:
            ledger.compact()
    ledger.compact()
    assert (len(ledger.days), len(ledger.months)) == (DAYS_KEPT, MONTHS_KEPT)


def test_a_date_in_the_future_makes_no_months_of_the_present() -> None:
    ledger = Ledger()
    for number in range(300):
        ledger.add(FRIDAY + timedelta(days=number), Usage("big", text_in=1), 1.0)
    ledger.add(date(2099, 1, 1), Usage("big", text_in=1), 1.0)
    ledger.compact()
    assert len(ledger.days) == 301


def test_the_day_that_it_is_stays_a_day_even_in_1970() -> None:
    ledger = Ledger()
    for number in range(DAYS_KEPT):
        ledger.add(FRIDAY + timedelta(days=number), Usage("big", text_in=1), 1.0)
    ledger.add(date(1970, 1, 2), Usage("big", text_in=1), 1.0)
    ledger.compact()
    assert ledger.day == date(1970, 1, 2)


def test_what_was_guessed_is_priced_as_soon_as_the_table_knows() -> None:
    ledger = Ledger()
    ledger.add(FRIDAY, Usage("new", text_in=1_000_000), 24.0, guessed=True)
    ledger.add(FRIDAY, Usage("big", text_in=1_000_000), 24.0)
    ledger.reprice(PriceTable({"big": Prices(text_in=4)}))
    assert ledger.usd_by_day() == {FRIDAY: 48.0}
    ledger.reprice(PriceTable({"big": Prices(text_in=4), "new": Prices(text_in=2)}))
    assert totals(ledger) == {
        "day 2026-11-20 new": (Usage("new", text_in=1_000_000), 2.0, False),
        "day 2026-11-20 big": (Usage("big", text_in=1_000_000), 24.0, False),
    }


days = st.dates(date(2025, 12, 1), date(2027, 2, 1))
usages = st.builds(
    Usage, st.sampled_from(["big", "odd"]), text_in=st.integers(0, 9), audio_out=st.integers(0, 9), seconds=st.just(0.5)
)
requests = st.lists(st.tuples(days, usages, st.floats(0, 1), st.booleans()))


@given(requests, st.data())
def test_it_is_the_same_in_however_many_pieces_it_was_written(
    spent: list[tuple[date, Usage, float, bool]], data: st.DataObject
) -> None:
    whole, piece = Ledger(), Ledger()
    lines: list[str] = []
    for each in spent:
        whole.add(*each)
        piece.add(*each)
        if data.draw(st.booleans()):
            lines += piece.lines()
            piece = Ledger()
    found, bad = read([*lines, *piece.lines()])
    assert (totals(found), bad, found.day) == (totals(whole), 0, whole.day)
    assert list(found.days) == list(whole.days)
    merged = Ledger()
    merged.merge(whole)
    assert totals(merged) == totals(whole)
