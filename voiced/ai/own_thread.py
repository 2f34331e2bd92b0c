"""Plain functions in threads of their own: one that hangs takes no thread from anybody, and holds up no end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_own_thread(function: Callable[[], T], name: str) -> T:
    """What `function` returns, or raises. It runs in the context of whoever asks; cancelled, it runs on unheard.

    SystemExit and StopIteration, which would end a loop or be lost in it, become a RuntimeError.
    """
    loop = asyncio.get_running_loop()
    came: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result = context.run(function)
        except (StopIteration, SystemExit) as error:
            deliver(came.set_exception, RuntimeError(f"{name} raised {type(error).__name__}"))
        except BaseException as error:  # noqa: BLE001 it goes to whoever waits
            deliver(came.set_exception, error)
        else:
            deliver(came.set_result, result)

    def deliver(settle: Callable[[Any], object], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: came.done() or settle(value))

    threading.Thread(target=work, name=name, daemon=True).start()
    return await came
