"""The clock of this machine, by the word of the servers and of systemd."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from voiced.doctor.finding import Finding

WRONG: Final = timedelta(seconds=60)
"""Alarms are late by that, and certificates look expired or not yet valid long after it."""

MEND: Final = "sudo timedatectl set-ntp true   # and wait a minute"


def judged(here: datetime, there: datetime, host: str) -> Finding:
    """`there`: the time that `host` told when it was `here`; both aware."""
    off = here - there
    if abs(off) <= WRONG:
        return Finding("ok", "clock", f"right, by the clock of {host}")
    direction = "fast" if off > timedelta() else "slow"
    what = f"the clock of this machine is {in_words(abs(off))} {direction}, by that of {host}"
    why = "Alarms come at the wrong time, and servers can't prove who they are: their certificates look out of date."
    return Finding("problem", "clock", what, why, MEND)


def never_set(now: datetime, installed: datetime) -> Finding | None:
    """A clock that is before the day on which voiced was installed was never set, as on a Pi that starts offline."""
    if now > installed - timedelta(days=1):
        return None
    what = f"the clock of this machine says {now:%Y-%m-%d}, and voiced was installed on {installed:%Y-%m-%d}"
    return Finding("problem", "clock", what, "It was not set since the machine started.", MEND)


def not_kept(shown: str | None) -> Finding | None:
    """`shown`: what `timedatectl show` says, None where there is none. Whether something keeps the clock right."""
    if shown is None:
        return None
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if found.get("NTP") != "no" or found.get("NTPSynchronized") != "no":
        return None
    return Finding("note", "clock", "nothing sets the clock from the network", "It may go wrong in time.", MEND)


def in_words(span: timedelta) -> str:
    """
    >>> in_words(timedelta(hours=3, seconds=5)), in_words(timedelta(seconds=95)), in_words(timedelta(days=400))
    ('3 hours', '95 seconds', '400 days')
    """
    seconds = round(span.total_seconds())
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{seconds} seconds"
