"""Numbers, durations and times of day, as English says them."""

from __future__ import annotations

import functools
from typing import Final

from voiced.brains.offline.phrases import InOrder, Phrase, Value, Word, in_order, one_of, optional
from voiced.brains.offline.wording import LARGEST, SMALL, TENS, spoken_number

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR
NOON: Final = 12 * 60
"""In minutes of the day."""


def number(low: int, high: int) -> Value:
    """A whole number from `low` to `high`; what is beyond ±`LARGEST` can't be said."""
    low, high = max(low, -LARGEST), min(high, LARGEST)
    above = [_numbers(max(low, 0), high)] if high >= 0 else []
    below = [in_order(one_of("minus", "negative"), _numbers(max(1, -high), -low, -1))] if low < 0 else []
    typical = min(max(30, low), high)
    example = spoken_number(typical) if typical >= 0 else f"minus {spoken_number(-typical)}"
    return Value(one_of(*above, *below), int, example)


def duration() -> Value:
    """A length of time; its value is whole seconds: "two hours and thirty seconds", "an hour and a half"."""
    one = one_of(Word("a"), Word("an"))

    def amount(most: int, unit: int) -> Phrase:
        return one_of(_numbers(1, most, unit), one_of(Word("a", unit), Word("an", unit)))

    def tail(*parts: Phrase) -> Phrase:
        return optional(one_of(*(in_order(optional("and"), part) for part in parts)))

    def with_half(most: int, unit: int, name: str) -> Phrase:
        """one and a half hours; an hour and a half"""
        half = in_order("and a", Word("half", unit // 2))
        return one_of(
            in_order(_numbers(1, most, unit), half, f"{name}s"), in_order(amount(1, unit), one_of(name), half)
        )

    def half_a(unit: int, name: str) -> Phrase:
        return in_order(Word("half", unit // 2), one, name)

    seconds = in_order(amount(120, 1), one_of("second", "seconds"))
    rest_seconds = in_order(amount(59, 1), one_of("second", "seconds"))
    minutes = in_order(amount(120, MINUTE), one_of("minute", "minutes"), tail(rest_seconds))
    rest_minutes = in_order(amount(59, MINUTE), one_of("minute", "minutes"), tail(rest_seconds))
    hours = in_order(amount(48, HOUR), one_of("hour", "hours"), tail(rest_minutes, rest_seconds))
    quarters = one_of(
        in_order(optional(one), Word("quarter", 15 * MINUTE), "of an hour"),
        in_order(Word("three", 45 * MINUTE), one_of("quarters", "quarter"), "of an hour"),
        in_order(one_of(Word("an", HOUR), Word("one", HOUR)), "hour and", one, Word("quarter", 15 * MINUTE)),
    )
    rest_hours = in_order(amount(23, HOUR), one_of("hour", "hours"))
    days = in_order(amount(30, DAY), one_of("day", "days"), tail(rest_hours))
    halves = one_of(
        with_half(12, HOUR, "hour"),
        with_half(12, MINUTE, "minute"),
        half_a(HOUR, "hour"),
        half_a(MINUTE, "minute"),
    )
    return Value(one_of(minutes, seconds, hours, halves, quarters, days), int, "ten minutes")


def time() -> Value:
    """A time of day; its value is "HH:MM".

    Where neither a m nor p m is said, it is the hour on the 24-hour clock: seven thirty is 07:30, twelve thirty 12:30,
    nineteen thirty 19:30. Nothing else would be the same at all times.
    """
    half_of_day = one_of(
        "a m",
        "in the morning",
        in_order("p", Word("m", NOON)),
        in_order("in the", one_of(Word("afternoon", NOON), Word("evening", NOON))),
    )
    hours = one_of(*(Word(SMALL[hour], hour * 60) for hour in range(1, 12)))
    late_hours = _numbers(13, 23, 60)
    return Value(
        one_of(
            in_order(_within(hours, hours), optional(half_of_day)),
            _within(Word("twelve", NOON), Word("twelve", NOON)),
            in_order(_within(Word("twelve"), Word("twelve", NOON)), half_of_day),  # twelve a m is midnight
            in_order(one_of(late_hours, Word("zero")), _minutes()),
            in_order(late_hours, one_of("o'clock", in_order("hundred", optional("hours")))),
            in_order("zero", one_of("o'clock", in_order("hundred", optional("hours")))),
            Word("noon", NOON),
            Word("midday", NOON),
            Word("midnight"),
        ),
        _clock,
        "seven thirty",
    )


def _within(hour: Phrase, coming_hour: Phrase) -> Phrase:
    """An hour of the 12-hour clock with its minutes. `coming_hour`: the one that it is some minutes to."""
    some = one_of(
        in_order(optional("a"), Word("quarter", 15)),
        in_order(_numbers(1, 29), optional(one_of("minute", "minutes"))),
    )
    before = one_of(
        in_order(optional("a"), Word("quarter", -15)),
        in_order(_numbers(1, 29, -1), optional(one_of("minute", "minutes"))),
    )
    return one_of(
        in_order(hour, optional(one_of(_minutes(), "o'clock"))),
        in_order(one_of(Word("half", 30), some), "past", hour),
        in_order(before, "to", coming_hour),
    )


@functools.cache
def _minutes() -> Phrase:
    """As said after the hour: oh five, thirty."""
    return one_of(in_order(one_of("oh", "o"), _numbers(1, 9)), _numbers(10, 59))


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes % (24 * 60), 60)
    return f"{hour:02}:{minute:02}"


@functools.cache
def _numbers(low: int, high: int, worth: int = 1) -> Phrase:
    """The numbers from `low` to `high`, 0 to `LARGEST`, each of which adds itself times `worth`."""
    options: list[Phrase] = [Word(SMALL[n], n * worth) for n in range(low, min(high, 19) + 1)]
    whole: list[Phrase] = []
    for index, name in enumerate(TENS):
        ten = 20 + 10 * index
        ones = range(max(low - ten, 0), min(high - ten, 9) + 1)
        if ones == range(10):
            whole.append(Word(name, ten * worth))
        elif ones:
            options.append(in_order(Word(name, ten * worth), one_of(*(_one(n, worth) for n in ones))))
    if whole:
        options.append(in_order(one_of(*whole), one_of(*(_one(n, worth) for n in range(10)))))
    for size, name in ((100, "hundred"), (1000, "thousand")):
        options.extend(_with(size, name, low, high, worth))
    return one_of(*options)


def _one(n: int, worth: int) -> Phrase:
    return Word(SMALL[n], n * worth) if n else InOrder()


def _with(size: int, name: str, low: int, high: int, worth: int) -> list[Phrase]:
    """Numbers with a hundred or thousand as their largest unit; counts that allow the same rest are put together."""
    most_counts = 9 if size == 100 else LARGEST // size
    counts = range(max(low // size, 1), min(high // size, most_counts) + 1)
    groups: dict[tuple[int, int], list[int]] = {}
    for count in counts:
        rest = (max(low - count * size, 0), min(high - count * size, size - 1))
        groups.setdefault(rest, []).append(count)
    options = []
    for (least, most), group in groups.items():
        heads = _numbers(group[0], group[-1], size * worth)
        if group[0] == 1:
            heads = one_of(heads, Word("a", size * worth))
        said = [in_order(heads, name)] if least == 0 else []
        if most > 0:
            said.append(in_order(heads, name, optional("and"), _numbers(max(least, 1), most, worth)))
        if len(said) == 2:  # one path with an optional rest
            said = [in_order(heads, name, optional(optional("and"), _numbers(1, most, worth)))]
        options.extend(said)
    return options
