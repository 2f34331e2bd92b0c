"""Runs plain functions in threads that never hold up the exit of voiced.

The threads are daemons, one for each function: `concurrent.futures` would join its threads when the interpreter
ends, and wait there for a function that hangs. Python can't end a thread; a hung one is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from voiced.plugins.acting import ACTING, ourselves
from voiced.plugins.wall_clock import Clock

T = TypeVar("T")


def in_thread(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Start `function` in a thread. The future gets what it returns, or what it raises.

    That is an OSError where the system gives no more threads (TasksMax of the service, or memory). The function is the
    plugin's whose code calls this, if it is one.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    actor = ACTING.get()

    def work() -> None:
        ACTING.set(actor)
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 it goes to whoever awaits the future
            if isinstance(error, StopIteration):  # which a future does not take
                error = RuntimeError("StopIteration was raised")
            deliver(future.set_exception, error)
        else:
            deliver(future.set_result, result)

    def deliver(settle: Callable[[Any], object], value: object) -> None:
        with contextlib.suppress(RuntimeError), ourselves():  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: future.cancelled() or settle(value))

    try:
        with ourselves():
            threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        future.set_exception(OSError(errno.EAGAIN, str(error)))
    return future


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
