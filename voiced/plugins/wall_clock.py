"""The time as plugins see it: of day, elapsed, and later."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = Path("/etc/localtime")


class Timer(Protocol):
    """A callback that waits."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Where time comes from: the system, or a test."""

    def now(self) -> datetime:
        """The time of day, aware, in the zone of this machine. May jump."""

    def elapsed(self) -> float:
        """Seconds since some moment; never jumps, and goes on while the machine sleeps."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call on the event loop's thread. On that thread only."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(local_zone())

    def elapsed(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s, callback)


def local_zone(localtime: Path = LOCALTIME) -> tzinfo:
    """The zone of this machine, with its name where it has one: $TZ, else what `localtime` points at.

    Read anew each time: `timedatectl set-timezone` takes effect without a restart.
    """
    name = os.environ.get("TZ", "").lstrip(":") or _zone_name(localtime)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _zone_without_name(localtime)


def _zone_name(localtime: Path) -> str:
    _, found, name = os.path.realpath(localtime).partition("/zoneinfo/")
    return name if found else ""


def _zone_without_name(localtime: Path) -> tzinfo:
    try:
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        zone = datetime.now().astimezone().tzinfo
        assert zone is not None
        return zone
