"""Plain functions in threads of their own: one that hangs takes no thread from anybody, and holds up no end.

The threads are daemons: `concurrent.futures` would join its threads when the interpreter ends, and wait there for a
function that hangs. Python can't end a thread; a hung one is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def in_own_thread(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Start `function`, in the context of whoever asks. The future gets what it returns, or what it raises.

    That is an OSError where the system gives no more threads (TasksMax of the service, or memory), and a RuntimeError
    for StopIteration, which a future does not take. Cancelled, the function runs on unheard.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result = context.run(function)
        except StopIteration:
            deliver(future.set_exception, RuntimeError(f"{name} raised StopIteration"))
        except BaseException as error:  # noqa: BLE001 it goes to whoever awaits the future
            deliver(future.set_exception, error)
        else:
            deliver(future.set_result, result)

    def deliver(settle: Callable[[Any], object], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: future.cancelled() or settle(value))

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        future.set_exception(OSError(errno.EAGAIN, str(error)))
    return future
