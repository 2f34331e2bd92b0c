"""Async generators that can be closed in the middle of a step.

Before Python 3.13 closing a coroutine that awaits the next item of a generator leaves the generator running for ever.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Next(Generic[T]):
    """Await it for the generator's next item. Raises StopAsyncIteration."""

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator

    def __await__(self) -> Generator[Any, Any, T]:
        step: Any = self._generator.__anext__()
        resume: Callable[[], Any] = partial(step.send, None)
        while True:
            try:
                awaited = resume()
            except StopIteration as end:
                item: T = end.value
                return item
            try:
                sent = yield awaited
            except BaseException as thrown:  # noqa: BLE001 all of it goes to the generator, GeneratorExit too
                resume = partial(step.throw, thrown)
            else:
                resume = partial(step.send, sent)
