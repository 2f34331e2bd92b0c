"""Plain functions of plugins in threads: the functions are theirs, the threads are voiced's."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from voiced.ai.own_thread import in_own_thread
from voiced.plugins.acting import ourselves
from voiced.plugins.wall_clock import Clock

T = TypeVar("T")


def in_thread(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """As `in_own_thread`. The function is the plugin's whose code calls this, if it is one."""
    context = contextvars.copy_context()
    with ourselves():
        return in_own_thread(partial(context.run, function), name)


async def ended_within(future: asyncio.Future[T], timeout_s: float, clock: Clock) -> bool:
    """Wait for `future` without cancelling it. False: it goes on."""
    late: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(timeout_s, partial(late.set_result, None))
    try:
        either: set[asyncio.Future[Any]] = {future, late}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        late.cancel()
    return future.done()
