"""A timer, an alarm or a reminder: what it is called, and when it is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from voiced.api import ToolError
from voiced.plugins.builtin.spoken import spoken_date, spoken_duration, spoken_time

Kind = Literal["timer", "alarm", "reminder"]

Repeat = Literal["daily", "weekdays", "weekends", "weekly"]

DAYS: Mapping[Repeat, Sequence[int]] = {"daily": range(7), "weekdays": range(5), "weekends": range(5, 7)}
"""Days of the week, 0 for Monday; "weekly" is the day on which it was first due."""

_OPENINGS = ("to", "of", "about", "that", "when", "for", "not")
"""A reminder begins with one of these: "remind me" was said before it."""

_ARTICLES = ("a", "an", "the", "my", "our", "your")


@dataclass(frozen=True, slots=True)
class Alert:
    """One of them.

    With a `length_s` it counts elapsed time, and `due` is right as long as nobody sets the wall clock. One with a
    `repeat` has `at`, the local time of day.
    """

    number: int
    kind: Kind
    name: str
    due: AwareDatetime
    length_s: int = 0
    repeat: Repeat | None = None
    at: dt.time | None = None

    @property
    def counts_down(self) -> bool:
        return self.kind == "timer" or self.length_s > 0

    def title(self) -> str:
        """What is said after "your": pasta timer, timer of 10 minutes, alarm, reminder to call mum."""
        if self.kind == "reminder":
            return f"reminder {self.name}".strip()
        if self.name:
            return f"{self.name} {self.kind}"
        return f"timer of {spoken_duration(self.length_s)}" if self.kind == "timer" else "alarm"

    def clock_time(self, now: dt.datetime) -> str:
        """When it is due, for the eye: 07:00, every day."""
        shown = f"{self.due.astimezone(now.tzinfo):%H:%M}"
        return f"{shown}, {repetition}" if (repetition := self.repetition(now)) else shown

    def is_called(self, which: str) -> bool:
        """By its number, its name (egg, where it is eggs), its kind or a word of a reminder; in lower case."""
        name = self.name.lower()
        return (
            which in (str(self.number), self.kind, self.title().lower())
            or name in (which, f"{which}s", f"{which}es")
            or (self.kind == "reminder" and f" {which} " in f" {name} ")
        )

    def announcement(self, now: dt.datetime) -> str:
        match self.kind:
            case "timer":
                return f"Your {self.title()} is done."
            case "alarm":
                shown = now if self.counts_down else self.due.astimezone(now.tzinfo)
                return f"It is {spoken_time(shown)}. This is your {self.title()}."
            case "reminder":
                return f"This is your {self.title()}."

    def repetition(self, now: dt.datetime) -> str:
        """As one says it: every day, on weekdays, every Sunday; "" for what does not repeat."""
        match self.repeat:
            case None:
                return ""
            case "daily":
                return "every day"
            case "weekly":
                return f"every {self.due.astimezone(now.tzinfo):%A}"
            case days:
                return f"on {days}"

    def next_due(self, now: dt.datetime) -> dt.datetime | None:
        """When it is due again, in UTC, or None."""
        if self.repeat is None or self.at is None:
            return None
        return next_alarm(now, self.at, self.due.astimezone(now.tzinfo).date(), self.repeat)


def next_alarm(now: dt.datetime, time: dt.time, day: dt.date | None, repeat: Repeat | None = None) -> dt.datetime:
    """The first moment after `now` (aware, in the local zone) that the clock shows `time`, in UTC.

    On `day` if given; with a `repeat` on a day that fits, not before `day`. A time that the clock skips in spring
    counts as if it did not: 02:30 rings at 03:30. One that it shows twice in autumn is the first that is still to
    come. Raises ToolError where the moment is over.
    """
    if time.tzinfo:
        raise ToolError("Give the time as local time, with no zone.")
    for date in _dates(now.date(), day, repeat):
        for fold in (0, 1):
            moment = dt.datetime.combine(date, time, now.tzinfo).replace(fold=fold).astimezone(dt.UTC)
            if moment > now.astimezone(dt.UTC):
                return moment
    raise ToolError(f"That is over already: it is {spoken_time(now)} on {spoken_date(now)}.")


def reminded_of(what: str) -> str:
    """As it follows "remind you": "to call mum" for "call mum", "of the meeting" for "the meeting"."""
    words = " ".join(what.split()).removesuffix(".")
    first = words.partition(" ")[0].lower()
    if not words or first in _OPENINGS:
        return words
    return f"{'of' if first in _ARTICLES else 'to'} {words}"


def _dates(today: dt.date, day: dt.date | None, repeat: Repeat | None) -> Iterator[dt.date]:
    """Those that come into question, in their order."""
    one = dt.timedelta(days=1)
    if repeat is None and day:
        yield day
    elif repeat is None or (repeat == "weekly" and day is None):
        yield from (today, today + one)
    elif repeat == "weekly" and day:
        first = max(day, today + one * ((day - today).days % 7))
        yield from (first, first + 7 * one)
    else:
        first = max(day or today, today)
        yield from (date for n in range(8) if (date := first + n * one).weekday() in DAYS[repeat])
