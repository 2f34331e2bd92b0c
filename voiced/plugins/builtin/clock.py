"""The time and the date, here and elsewhere."""

from __future__ import annotations

import difflib
import zoneinfo

from voiced.api import ToolContext, ToolError, tool


@tool
def get_time(context: ToolContext, zone: str | None = None) -> str:
    """Tell the time of day and the date: here, or in another part of the world.

    Args:
        zone: IANA name of a time zone, such as America/New_York; null for here.
    """
    now = context.now()
    if zone is None:
        return f"It is {now:%H:%M on %A}, {now.day} {now:%B %Y}."
    there = now.astimezone(_find(zone))
    return f"In {zone} it is {there:%H:%M on %A}, {there.day} {there:%B %Y}."


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
