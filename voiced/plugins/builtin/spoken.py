"""Times and durations in words that every voice reads well: a plain one says "two zero five" for 2:05."""

from __future__ import annotations

import datetime as dt


def spoken_duration(seconds: int) -> str:
    """As one says it: 1 hour and 5 minutes."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second")]
    return listed([f"{amount} {unit}{'' if amount == 1 else 's'}" for amount, unit in units if amount]) or "0 seconds"


def spoken_time(time: dt.datetime) -> str:
    """As one says it: 7 o'clock in the morning, 5 minutes past 2 in the afternoon, 12:35 at night, noon."""
    if time.minute == 0 and time.hour in (0, 12):
        return "noon" if time.hour else "midnight"
    hour = time.hour % 12 or 12
    match time.minute:
        case 0:
            clock = f"{hour} o'clock"
        case 1:
            clock = f"1 minute past {hour}"
        case minute if minute < 10:
            clock = f"{minute} minutes past {hour}"
        case minute:
            clock = f"{hour}:{minute}"
    return f"{clock} {_part_of_day(time.hour)}"


def spoken_date(date: dt.date) -> str:
    """As one says it: Friday, the 20th of November 2026."""
    return f"{spoken_day(date)} {date.year}"


def spoken_day(date: dt.date) -> str:
    """As one says it: Friday, the 20th of November."""
    ending = "th" if date.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(date.day % 10, "th")
    return f"{date:%A}, the {date.day}{ending} of {date:%B}"


def spoken_moment(moment: dt.datetime, now: dt.datetime) -> str:
    """As one says it at the moment `now`, in its zone: tomorrow at 7 o'clock in the morning."""
    local = moment.astimezone(now.tzinfo)
    match (local.date() - now.date()).days:
        case 0:
            day = "today"
        case 1:
            day = "tomorrow"
        case -1:
            day = "yesterday"
        case _:
            day = spoken_day(local)
    return f"{day} at {spoken_time(local)}"


def listed(parts: list[str]) -> str:
    """As one says it: egg, rice and pasta."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _part_of_day(hour: int) -> str:
    if hour == 0:
        return "at night"
    if hour < 12:
        return "in the morning"
    return "in the afternoon" if hour < 18 else "in the evening"
