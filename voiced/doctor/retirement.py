"""The models that the settings name: whether the server has them, and for how long."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import date

from voiced import installing
from voiced.ai.models import SHUTDOWN, SOON, SUCCESSOR
from voiced.config import Places
from voiced.doctor import mending
from voiced.doctor.finding import Finding, Level
from voiced.doctor.servers import Server, Use

Listed = Mapping[str, date | None]
"""What GET /models told: ids, and the day of their end where that is told."""


def judged(server: Server, listed: Listed | None, today: date, places: Places) -> Iterator[Finding]:
    """`listed`: None where nobody knows, as for Azure, whose models are named by whoever deployed them."""
    if server.host.endswith(".azure.com"):
        listed = None
    found = [finding for use in server.uses for finding in _of_use(server, use, listed or {}, today, places)]
    yield from found
    if not found and listed and any(use.models for use in server.uses):
        yield Finding("ok", "models", f"{server.host} has those that are configured")


def _of_use(server: Server, use: Use, listed: Listed, today: date, places: Places) -> Iterator[Finding]:
    """The first one is used; a later one where that is gone."""
    level: Level = "problem" if use.brain else "warning"
    gone = {name for name in use.models if _is_gone(name, server, listed, today)}
    left = [name for name in use.models if name not in gone]
    for name in use.models[: 1 if left else None]:
        if name not in gone:
            continue
        day = _day(name, server, listed)
        what = (
            f"{name} was shut down on {day:%Y-%m-%d}" if day and day <= today else f"{server.host} has no model {name}"
        )
        if left:
            why = f"{left[0]} is used for {use.what} in its place, after a failure at each start."
            yield Finding("warning", "models", what, why, _mend(places, use, left))
        else:
            better = _successor(name, server, listed)
            mend = _mend(places, use, [better]) if better else _choose(server, use)
            yield Finding(level, "models", what, f"Without it there is no {use.what}.", mend)
    if left and (day := _day(left[0], server, listed)) and today < day <= today + SOON:
        yield _retiring(left, day, server, use, listed, places)


def _retiring(left: list[str], day: date, server: Server, use: Use, listed: Listed, places: Places) -> Finding:
    name, better = left[0], _successor(left[0], server, listed)
    what = f"{name} is shut down on {day:%Y-%m-%d}"
    later = [each for each in left[1:] if (_day(each, server, listed) or date.max) > day]
    if better or later:
        why = f"It is used for {use.what}. {better or later[0]} takes its place."
        return Finding("warning", "models", what, why, _mend(places, use, [better or later[0]]))
    why = f"It is used for {use.what}, and nothing is known yet that takes its place."
    mend = f"{installing.upgrade()}   # a later one will know" if server.is_openai else _choose(server, use)
    return Finding("warning", "models", what, why, mend)


def _is_gone(name: str, server: Server, listed: Listed, today: date) -> bool:
    if listed and name not in listed and f"{name}:latest" not in listed:
        return True
    day = _day(name, server, listed)
    return day is not None and day <= today and name not in listed


def _day(name: str, server: Server, listed: Listed) -> date | None:
    return listed.get(name) or (SHUTDOWN.get(name) if server.is_openai else None)


def _successor(name: str, server: Server, listed: Listed) -> str:
    """What takes its place, as far as the server has it; or nothing."""
    better = SUCCESSOR.get(name, "") if server.is_openai else ""
    return better if not listed or better in listed else ""


def _choose(server: Server, use: Use) -> str:
    """See which models the server has; `voiced api` knows those of [ai] alone."""
    look = "voiced api models" if server.is_openai else f"curl {shlex.quote(server.url.rstrip('/'))}/models"
    return f"{look}   # then name one in {use.setting}"


def _mend(places: Places, use: Use, names: list[str]) -> str:
    several = use.setting.startswith("cascade.")
    if use.setting.endswith(".models"):
        return f"{mending.edit(places.files[-1])}   # {use.setting}: {names[0]}"
    return mending.in_settings(places, use.setting, names if several else names[0])
