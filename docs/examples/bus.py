"""Tells when the next bus goes: it asks a web server, and says something while that takes long."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voiced.api import Plugin, PluginSettings, Result, ToolContext, ToolError, tool

LONGEST_ANSWER = 1_000_000
"""Bytes. A server may send anything; it must not fill the memory."""


class Settings(PluginSettings):
    """The table [plugin.bus]."""

    stop: str
    """Number of your stop. It has no default, so voiced says that it must be set."""

    server: str = "https://v6.vbb.transport.rest"
    """One of those that https://transport.rest describes; this one knows Berlin and Brandenburg."""


@dataclass(frozen=True)
class Departure:
    line: str
    direction: str
    minutes: int


class Bus(Plugin):
    permissions = ("network",)
    settings: Settings

    @tool(
        sentences=["when does (the|my) next bus (go|leave|come)", "when is (the|my) next bus"],
        filler="Let me look at the timetable.",
        filler_after_s=1.5,
        timeout_s=10,
        idempotent=True,
    )
    def next_bus(self, context: ToolContext) -> Result:
        """Tell when the next buses leave from the user's stop."""
        departures = self._departures(context.now())
        if not departures:
            raise ToolError("No bus leaves within the next hour.")
        first = departures[0]
        when = "now" if first.minutes < 1 else f"in {first.minutes} minute{'s' if first.minutes > 1 else ''}"
        return Result(departures, spoken=f"The {first.line} to {first.direction} leaves {when}.")

    def _departures(self, now: datetime) -> list[Departure]:
        stop = urllib.parse.quote(self.settings.stop, safe="")
        try:
            found = fetch(f"{self.settings.server}/stops/{stop}/departures?duration=60&results=3")["departures"]
            return [
                Departure(
                    each["line"]["name"],
                    each["direction"],
                    int((datetime.fromisoformat(each["when"]) - now).total_seconds() // 60),
                )
                for each in found
                if each["when"] is not None  # it is cancelled
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ToolError("The timetable can't be reached. Try again in a minute.") from error


def fetch(address: str) -> Any:
    """What the server answers, from JSON. Raises OSError, ValueError."""
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return json.loads(response.read(LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        error.close()
        raise
