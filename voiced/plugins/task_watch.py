"""Tasks that plugins begin by themselves: limited, timed step by step, and ended with their plugin.

A task factory of the event loop sees each task as it is made; who makes it is known from `ACTING`. The tasks of
everybody else are what they always were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import structlog

from voiced.plugins.acting import ACTING, Actor, ourselves
from voiced.plugins.loop_watch import LoopWatch
from voiced.plugins.steps import GRACE_S, close, in_short, log_crash, one_line
from voiced.plugins.threads import ended_within
from voiced.plugins.traces import MOST_TASKS, Traces, listed
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

T = TypeVar("T")


class TaskWatch:
    """Of one event loop."""

    def __init__(self, watch: LoopWatch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._of: WeakKeyDictionary[asyncio.Future[Any], Actor] = WeakKeyDictionary()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """On the event loop's thread."""
        loop = asyncio.get_running_loop()
        factory, handler = loop.get_task_factory(), loop.get_exception_handler()

        def make(on: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **how: Any) -> asyncio.Future[T]:
            context = how.get("context")
            actor = ACTING.get() if context is None else context.get(ACTING)
            if actor is not None:
                coroutine = self._adopted(coroutine, actor)
            task = cast(Any, factory)(on, coroutine, **how) if factory else asyncio.Task(coroutine, loop=on, **how)
            if actor is not None:
                self._note(task, actor)
            return cast("asyncio.Future[T]", task)

        def failed(on: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
            if self._told(context):
                return
            if handler:
                cast(Any, handler)(on, context)
            else:
                on.default_exception_handler(dict(context))

        def stop() -> None:
            if ACTING.get() is not None:
                raise RuntimeError("a plugin must not stop it: the event loop is voiced's own")
            stop_loop()

        stop_loop = loop.stop
        loop.stop = stop  # type: ignore[method-assign]
        loop.set_task_factory(cast(Any, make))
        loop.set_exception_handler(cast(Any, failed))
        try:
            yield
        finally:
            loop.set_task_factory(factory)
            loop.set_exception_handler(handler)
            del loop.stop

    async def end(self, traces: Traces) -> None:
        """Cancel what the plugin left; after `GRACE_S` it is given up."""
        left = set(traces.tasks)
        if left:
            traces.report(f"it left {_counted(len(left), 'task')} behind when it was unloaded: {listed(_names(left))}")
            for task in left:
                task.cancel()
            gone = asyncio.ensure_future(asyncio.wait(left))
            if not await ended_within(gone, GRACE_S, self._clock):
                for task in [task for task in left if not task.done()]:
                    _log.error("a task of a plugin ignores its cancellation and is given up", plugin=traces.plugin)
                    _give_up(task)
                await gone
        if threads := traces.threads():
            left_running = _counted(len(threads), "thread")
            traces.report(f"it left {left_running} running when it was unloaded: {listed(threads)}")

    def _adopted(self, coroutine: Coroutine[Any, Any, T], actor: Actor) -> Coroutine[Any, Any, T]:
        if len(actor.traces.tasks) >= MOST_TASKS:
            coroutine.close()
            raise RuntimeError(f"{MOST_TASKS} tasks of the plugin {actor.plugin} are under way already; await some")
        return _Steps(coroutine, f"task of {actor.plugin}", self._watch)

    def _note(self, task: asyncio.Task[Any], actor: Actor) -> None:
        self._of[task] = actor
        self._watch.begin()
        task.add_done_callback(lambda _: self._watch.end())
        actor.traces.add_task(task)

    def _told(self, context: Mapping[str, Any]) -> bool:
        """Whether it is a plugin that went wrong where nobody waited for it."""
        error = context.get("exception")
        task = context.get("task") or context.get("future")
        handle = context.get("handle")
        actor = self._of.get(task) if task is not None else None
        if actor is None and handle is not None:
            actor = handle._context.get(ACTING)
        if actor is None or error is None:
            return False
        with ourselves():
            where = _names([task])[0] if task is not None else "a callback"
            log_crash("plugin code crashed", error, plugin=actor.plugin, code=where)
            actor.traces.crashed(f"{where}: {in_short(error)}")
        return True


class _Steps(Coroutine[Any, Any, T]):
    """A coroutine that is watched, can be given up, and can't end the process."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], name: str, watch: LoopWatch) -> None:
        self._coroutine = coroutine
        self._name = name
        self._watch = watch
        self.given_up = False

    def send(self, value: Any, /) -> Any:
        return self._step(lambda: self._coroutine.send(value))

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
        /,
    ) -> Any:
        if self.given_up:
            self.close()
            raise kind
        error = kind if isinstance(kind, BaseException) else value
        return self._step(lambda: self._coroutine.throw(cast(BaseException, error)))

    def close(self) -> None:
        close(self._coroutine, self._name)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # cr_frame, cr_code …, for whoever looks into tasks

    def _step(self, step: Callable[[], Any]) -> Any:
        try:
            with self._watch.step(self._name):
                return step()
        except (SystemExit, KeyboardInterrupt) as error:  # of a task they would end the event loop
            raise RuntimeError(one_line(error)) from error


def _give_up(task: asyncio.Task[Any]) -> None:
    steps: object = task.get_coro()
    if isinstance(steps, _Steps):
        steps.given_up = True
    task.cancel()


def _names(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    return [getattr(task.get_coro(), "__qualname__", task.get_name()) for task in tasks]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
