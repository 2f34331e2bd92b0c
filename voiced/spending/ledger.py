"""What was used and spent, by day and model: lines that add up, in any order and however often they are summed.

Each line of the file is one JSON object with what came since the last one:

    {"day": "2026-11-20", "model": "gpt-realtime-2.1", "usd": 0.0123, "text_in": 512, "audio_out": 140}
    {"day": "2026-11-20", "model": "my-model", "usd": 0.02, "guessed": true, "text_in": 900}
    {"day": "2026-11-20", "clock": "1970-01-01"}

The last kind says which day it is where the clock was set back, and is so no more (null); see
`voiced.conversation.budget`. After `DAYS_KEPT`
days the oldest become months, which have the first of the month for a day and "month": true.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from voiced.conversation.events import Usage
from voiced.spending.prices import PriceTable

DAYS_KEPT: Final = 400
"""Thirteen months of days with something in them; counted, not reckoned by a clock that may be wrong."""

MONTHS_KEPT: Final = 120

LONGEST_NAME: Final = 64

_AMOUNTS: Final = tuple(each.name for each in dataclasses.fields(Usage) if each.name != "model")


@dataclass(slots=True)
class Entry:
    """Of one model on one day. `guessed`: something in `usd` had no price in the table."""

    usage: Usage
    usd: float = 0.0
    guessed: bool = False

    def add(self, usage: Usage, usd: float, guessed: bool) -> None:
        self.usage, self.usd, self.guessed = added(self.usage, usage), self.usd + usd, self.guessed or guessed


def added(one: Usage, other: Usage) -> Usage:
    """The sum, under the name of `one`."""
    sums = {name: getattr(one, name) + getattr(other, name) for name in _AMOUNTS}
    return Usage(one.model, **sums)


Models = dict[str, Entry]


@dataclass(slots=True)
class Ledger:
    """`days` has the last one at the end, which the clock may have shown before others."""

    days: dict[date, Models] = field(default_factory=dict)
    months: dict[date, Models] = field(default_factory=dict)
    set_back_to: date | None = None
    turned: bool = False
    """Somebody said what day it is, and by which clock."""

    def add(self, day: date, usage: Usage, usd: float, guessed: bool = False) -> None:
        """One more request, or a sum of them."""
        if self.day != day:
            self._open(day)
        _entry(self.days[day], usage.model).add(usage, usd, guessed)

    def turn(self, day: date, set_back_to: date | None) -> None:
        """It is this day, by a clock that shows another where it was `set_back_to` one."""
        if self.day != day:
            self._open(day)
        self.set_back_to, self.turned = set_back_to, True

    def merge(self, later: Ledger) -> None:
        """Add what `later` has."""
        for day, models in later.days.items():
            if self.day != day:
                self._open(day)
            for entry in models.values():
                self.add(day, entry.usage, entry.usd, entry.guessed)
        for day, models in later.months.items():
            for model, entry in models.items():
                _entry(self.months.setdefault(day, {}), model).add(entry.usage, entry.usd, entry.guessed)
        if later.turned:
            self.set_back_to, self.turned = later.set_back_to, True

    @property
    def day(self) -> date | None:
        """The last one."""
        return next(reversed(self.days), None)

    def _open(self, day: date) -> None:
        self.days[day] = self.days.pop(day, {})
        self.set_back_to = None

    def usd_by_day(self) -> dict[date, float]:
        """The history that `Budget` begins with."""
        return {day: sum(entry.usd for entry in models.values()) for day, models in self.days.items()}

    def reprice(self, prices: PriceTable) -> None:
        """What was guessed costs what the table says, where it knows by now."""
        for models in (*self.days.values(), *self.months.values()):
            for entry in models.values():
                if entry.guessed and not (cost := prices.cost(entry.usage)).guessed:
                    entry.usd, entry.guessed = cost.usd, False

    def compact(self) -> None:
        """The oldest days become months, and the oldest months go."""
        for day in sorted(self.days)[: max(len(self.days) - DAYS_KEPT, 0)]:
            if day != self.day:
                month = self.months.setdefault(day.replace(day=1), {})
                for model, entry in self.days.pop(day).items():
                    _entry(month, model).add(entry.usage, entry.usd, entry.guessed)
        for month_day in sorted(self.months)[: max(len(self.months) - MONTHS_KEPT, 0)]:
            del self.months[month_day]

    def lines(self) -> Iterator[str]:
        """The ledger as a file, the months first."""
        for day, models in self.months.items():
            yield from (_line(day, entry, month=True) for entry in models.values())
        for day, models in self.days.items():
            yield from (_line(day, entry, month=False) for entry in models.values())
        if self.turned and self.day is not None:
            clock = self.set_back_to.isoformat() if self.set_back_to is not None else None
            yield _json({"day": self.day.isoformat(), "clock": clock})


def read(lines: Iterable[str]) -> tuple[Ledger, int]:
    """The ledger that `lines` make, and how many of them make no sense, which are left out."""
    ledger, bad = Ledger(), 0
    for line in lines:
        try:
            _take(ledger, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            bad += 1
    return ledger, bad


def _take(ledger: Ledger, data: dict[str, Any]) -> None:
    day = date.fromisoformat(data["day"])
    if "model" not in data:
        ledger.turn(day, None if data["clock"] is None else date.fromisoformat(data["clock"]))
        return
    if not isinstance(data["model"], str):
        raise TypeError("a model's name is text")
    usage = Usage(data["model"], **{name: _amount(data[name], name) for name in _AMOUNTS if name in data})
    usd, guessed = _number(data["usd"]), data.get("guessed") is True
    if data.get("month") is True:
        _entry(ledger.months.setdefault(day.replace(day=1), {}), usage.model).add(usage, usd, guessed)
    else:
        ledger.add(day, usage, usd, guessed)


def _entry(models: Models, model: str) -> Entry:
    name = model[:LONGEST_NAME]
    return models.setdefault(name, Entry(Usage(name)))


def _amount(value: Any, name: str) -> Any:
    number = _number(value)
    return number if name == "seconds" else int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("no amount")
    return float(value)


def _line(day: date, entry: Entry, *, month: bool) -> str:
    data: dict[str, Any] = {"day": day.isoformat(), "model": entry.usage.model, "usd": round(entry.usd, 12)}
    flags = {"guessed": entry.guessed, "month": month}
    data |= {name: True for name, holds in flags.items() if holds}
    data |= {name: amount for name in _AMOUNTS if (amount := getattr(entry.usage, name))}
    return _json(data)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False)
