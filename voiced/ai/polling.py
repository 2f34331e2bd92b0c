"""Waiting for what the server does by itself, by looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from voiced.errors import ApiUnreachable

T = TypeVar("T")

POLL_S: Final = 2.0
"""Before it is looked at for the second time."""

SLOWER: Final = 1.5
"""Each pause is so many times as long as the one before it."""

LONGEST_PAUSE_S: Final = 30.0


async def poll(
    look: Callable[[], Awaitable[T]],
    done: Callable[[T], bool],
    *,
    what: str,
    within_s: float | None = None,
    poll_s: float = POLL_S,
) -> T:
    """What `look` finds, once `done` says that this is the end of it. Raises what these two raise.

    `what`: "files: file-1", for the error. `within_s`: seconds until an ApiUnreachable is raised, None for no end.
    `poll_s`: the first pause, in seconds.
    """
    pause_s = poll_s
    deadline = asyncio.timeout(within_s)
    try:
        async with deadline:
            while not done(found := await look()):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * SLOWER, LONGEST_PAUSE_S)
            return found
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ApiUnreachable(f"{what} is not ready after {within_s:g} s: look again later, or wait longer") from error
