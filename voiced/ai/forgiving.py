"""Looking at a server that may be down or busy for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from voiced.errors import ApiBusy, ApiUnreachable

T = TypeVar("T")

MOST_FAILURES: Final = 20
"""In a row."""

LONGEST_PAUSE_S: Final = 30.0
"""That a busy server is given in addition, before it is looked at again."""


def forgiving(look: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T | None]]:
    """`look`, that gives None where it failed and another look may help: `MOST_FAILURES` times in a row at most."""
    failures = 0

    async def forgive() -> T | None:
        nonlocal failures
        try:
            found = await look()
        except (ApiUnreachable, ApiBusy) as error:
            failures += 1
            if error.fatal or failures > MOST_FAILURES:
                raise
            await asyncio.sleep(min(error.retry_after_s or 0.0, LONGEST_PAUSE_S))
            return None
        failures = 0
        return found

    return forgive
