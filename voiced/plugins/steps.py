"""Drives a plugin's coroutine step by step: in time, watched, and ended where it will not end.

A coroutine runs on the event loop that also carries the sound, from one `await` to the next with nothing that could
interrupt it. Such a step is timed by `LoopWatch`. A step that blocks for ever can't be ended from inside Python:
systemd's watchdog restarts voiced. Between two steps a coroutine can always be ended, even one that swallows its
cancellation: it is closed and left.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import traceback
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import structlog

from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.wall_clock import Clock, Timer

_log = structlog.get_logger()

T = TypeVar("T")

CRASHES: Final = (BaseException,)
"""What plugin code may raise, and what must not reach the rest of voiced: SystemExit too."""

TRACEBACK: Final = "traceback of a plugin"
"""The event in the log."""

GRACE_S: Final = 0.3
"""How long a coroutine may clean up after it was cancelled."""


class Crashed(Exception):
    """Plugin code raised `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Driver:
    """Drives all coroutines of all plugins."""

    def __init__(self, clock: Clock, watch: LoopWatch) -> None:
        self._clock = clock
        self._watch = watch
        self._under_way: set[_Steps[Any]] = set()

    async def drive(self, coroutine: Coroutine[Any, Any, T], name: str, timeout_s: float) -> T:
        """Await `coroutine`; `name` is for the log.

        Raises Crashed, and TimeoutError when it took longer: it is over then, or `GRACE_S` later at the latest.
        """
        steps = _Steps(coroutine, name, self._clock, self._watch)
        self._under_way.add(steps)
        try:
            with self._watch.under_way():
                return await steps.within(timeout_s)
        finally:
            self._under_way.discard(steps)

    async def contain(
        self,
        function: Callable[[], Awaitable[None]],
        name: str,
        limit_s: float,
        words: Callable[[BaseException], str] | None = None,
    ) -> str:
        """Call and await `function`; what went wrong as one line (`words`, else `one_line`), or nothing."""

        async def call() -> None:
            await function()

        try:
            await self.drive(call(), name, limit_s)
        except TimeoutError:
            return f"it took longer than {limit_s:g} s"
        except Crashed as crash:
            log_crash("plugin code crashed", crash.error, code=name)
            return (words or one_line)(crash.error)
        return ""

    def end(self, task: asyncio.Task[Any]) -> bool:
        """Cancel the coroutine that `task` drives, as if it had taken too long. False where it drives none."""
        driven = [steps for steps in self._under_way if steps.is_driven_by(task)]
        for steps in driven:
            steps.expire()
        return bool(driven)

    def give_up_soon(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """These tasks were cancelled: what they drive and is not over after `GRACE_S` is given up."""
        for steps in self._under_way:
            if any(steps.is_driven_by(task) for task in tasks):
                self._clock.call_later(GRACE_S, steps.give_up)


@contextmanager
def paused() -> Iterator[None]:
    """What plugin code awaits inside does not count as its time: people take as long as they take."""
    steps = _UNDER_WAY.get()
    if steps is None:
        yield
        return
    steps.pause()
    try:
        yield
    finally:
        steps.resume()


class _Steps(Generic[T]):
    def __init__(self, coroutine: Coroutine[Any, Any, T], name: str, clock: Clock, watch: LoopWatch) -> None:
        self._coroutine = coroutine
        self._name = name
        self._clock = clock
        self._watch = watch
        self._task: asyncio.Task[Any] | None = None
        self._timer: Timer | None = None
        self._due = 0.0
        self._left_s = 0.0
        self._pauses = 0
        self._cancels = 0
        self._late = False
        self._given_up = False

    async def within(self, timeout_s: float) -> T:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._wait(timeout_s)
        outer = _UNDER_WAY.get()
        _UNDER_WAY.set(self)
        try:
            result = await self
        except asyncio.CancelledError as error:
            if task.cancelling() > self._cancels:  # somebody else wants the task to end
                raise
            if not self._late:  # it came from inside
                raise Crashed(error) from error
        except (Crashed, GeneratorExit):
            raise
        except CRASHES as error:
            raise Crashed(error) from error
        else:
            if not self._late:
                return result
        finally:
            _UNDER_WAY.set(outer)
            self._stop_waiting()
            self._task = None
            for _ in range(self._cancels):
                task.uncancel()
        raise TimeoutError

    def is_driven_by(self, task: asyncio.Task[Any]) -> bool:
        return self._task is task

    def pause(self) -> None:
        self._pauses += 1
        if self._pauses == 1 and self._timer:
            self._left_s = max(0.0, self._due - self._clock.elapsed())
            self._stop_waiting()

    def resume(self) -> None:
        self._pauses -= 1
        if not self._pauses and self._task and not self._late:
            self._wait(self._left_s)

    def give_up(self) -> None:
        if self._task:
            _log.error("plugin code ignores its cancellation and is given up", code=self._name)
            self._given_up = True
            self._cancel(self._task)

    def expire(self) -> None:
        if self._task is None or self._late:
            return
        self._late = True
        self._stop_waiting()
        self._cancel(self._task)
        self._clock.call_later(GRACE_S, self.give_up)

    def _wait(self, delay_s: float) -> None:
        self._due = self._clock.elapsed() + delay_s
        self._timer = self._clock.call_later(delay_s, self.expire)

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._cancels += 1
        task.cancel()

    def __await__(self) -> Generator[Any, Any, T]:
        resume: Callable[[], Any] = partial(self._coroutine.send, None)
        while True:
            try:
                with self._watch.step(self._name):
                    awaited = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            except GeneratorExit as error:  # its own, and none of ours
                raise Crashed(error) from error
            try:
                value = yield awaited
            except BaseException as thrown:
                if self._given_up or isinstance(thrown, GeneratorExit):
                    close(self._coroutine, self._name)
                    raise
                resume = partial(self._coroutine.throw, thrown)
            else:
                resume = partial(self._coroutine.send, value)


_UNDER_WAY: Final[ContextVar[_Steps[Any] | None]] = ContextVar("plugin code under way", default=None)


def close(coroutine: Coroutine[Any, Any, object], name: str) -> None:
    """End it where it stands; `name` for the log."""
    try:
        coroutine.close()
    except RuntimeError:  # it ignores even GeneratorExit
        _log.exception("plugin code can't be closed", code=name)


def log_crash(event: str, error: BaseException, **where: object) -> None:
    """What an error says may be what somebody said: it is for DEBUG."""
    _log.error(event, **where, error=in_short(error))
    _log.debug(TRACEBACK, **where, exc_info=error)


def in_short(error: BaseException) -> str:
    """The kind of error and the line of the plugin; what it says is left out, unless voiced itself says it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if frames and _is_machinery(frames[-1].f_code.co_filename):
        return one_line(error)
    return f"{type(error).__name__} ({place})" if (place := _place(error)) else type(error).__name__


def one_line(error: BaseException) -> str:
    """What went wrong and in which line of the plugin, for `voiced status`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    what = " ".join(traceback.format_exception_only(error)[-1].split())  # str(error) may itself crash
    return f"{what} ({place})" if (place := _place(error)) else what


def _place(error: BaseException) -> str:
    """The last line of the plugin's own that led to it; what it called may lie anywhere."""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = list(itertools.dropwhile(lambda place: _is_machinery(place[0]), places))
    if not own:
        return ""
    folder = Path(own[0][0]).parent
    file, line = next(place for place in reversed(own) if Path(place[0]).is_relative_to(folder))
    return f"{file}:{line}"


def _is_machinery(file: str) -> bool:
    """What calls the plugin: voiced, and Python's import."""
    return file.startswith("<frozen importlib") or str(Path(file).parent) in _MACHINERY


_IMPORT: Final = Path(importlib.__file__).parent
_MACHINERY: Final = frozenset(map(str, (Path(__file__).parent, _IMPORT, _IMPORT / "metadata")))
