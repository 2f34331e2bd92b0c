"""The time and the date, here and elsewhere."""

from __future__ import annotations

import difflib
import zoneinfo
from typing import Literal

from voiced.api import ToolContext, ToolError, sentence, tool
from voiced.plugins.builtin.spoken import spoken_date, spoken_time

CITIES = {
    "Auckland": "Pacific/Auckland",
    "Beijing": "Asia/Shanghai",
    "Berlin": "Europe/Berlin",
    "Cairo": "Africa/Cairo",
    "Chicago": "America/Chicago",
    "Delhi": "Asia/Kolkata",
    "Denver": "America/Denver",
    "Dublin": "Europe/Dublin",
    "Hong Kong": "Asia/Hong_Kong",
    "Istanbul": "Europe/Istanbul",
    "London": "Europe/London",
    "Los Angeles": "America/Los_Angeles",
    "Madrid": "Europe/Madrid",
    "Mexico City": "America/Mexico_City",
    "Moscow": "Europe/Moscow",
    "New York": "America/New_York",
    "Paris": "Europe/Paris",
    "Rome": "Europe/Rome",
    "San Francisco": "America/Los_Angeles",
    "Singapore": "Asia/Singapore",
    "Sydney": "Australia/Sydney",
    "Tokyo": "Asia/Tokyo",
    "Toronto": "America/Toronto",
}


@tool(
    sentences=[
        sentence("what time is it", part="time"),
        sentence("what time is it now", part="time"),
        sentence("(what's|what is) the time [now]", part="time"),
        sentence("tell me (the time|what time it is)", part="time"),
        sentence("(what's|what is) (the date|the date today|today's date)", part="date"),
        sentence("what (day|date) is (it|today)", part="date"),
        sentence("what day is it today", part="date"),
        sentence("what day of the week is it", part="date"),
        sentence("what time is it in {city:zone}", part="time"),
        sentence("(what's|what is) the time in {city:zone}", part="time"),
    ],
    lists={"city": CITIES},
)
def get_time(context: ToolContext, zone: str | None = None, part: Literal["time", "date", "both"] = "both") -> str:
    """Tell the time of day and the date: here, or in another part of the world.

    Args:
        zone: IANA name of a time zone, such as America/New_York; null for here.
        part: What to tell.
    """
    now = context.now() if zone is None else context.now().astimezone(_find(zone))
    place = f"In {zone.rsplit('/', 1)[-1].replace('_', ' ')} it is" if zone else "It is"
    match part:
        case "time":
            return f"{place} {spoken_time(now)}."
        case "date":
            return f"{place} {spoken_date(now)}."
        case "both":
            return f"{place} {spoken_time(now)} on {spoken_date(now)}."


def _find(zone: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = zoneinfo.available_timezones()
        if not known:
            raise ToolError(
                "Only the time here is known: this machine has no time zone data. The package tzdata brings it."
            ) from error
        near = difflib.get_close_matches(zone, known, n=3, cutoff=0.4)
        raise ToolError(f"There is no time zone {zone!r}. Use an IANA name, such as {', '.join(near)}.") from error
