"""Several requests at one time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

S = TypeVar("S")
T = TypeVar("T")

ABREAST: Final = 4
"""So many at one time: a helper with much to do leaves places to the others."""


async def abreast(work: Callable[[S], Awaitable[T]], things: Iterable[S]) -> list[T]:
    """What `work` makes of each, in the order of `things`. The first error ends them all, and is raised."""
    waiting = enumerate(things)
    done: dict[int, T] = {}

    async def go_on() -> None:
        for index, thing in waiting:
            done[index] = await work(thing)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(ABREAST):
                tasks.create_task(go_on())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors.exceptions[0].__cause__
    return [done[index] for index in sorted(done)]
