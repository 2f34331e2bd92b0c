"""Runs tool calls: in parallel, each in time, none able to harm another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voiced.api import ToolContext, ToolError
from voiced.plugins.settings import PluginSettings
from voiced.plugins.steps import CRASHES, Crashed, Driver
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool, as_text
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

HUNG_LIMIT = 3
"""So many threads of one tool may hang before the tool is disabled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model is told of a call."""

    text: str
    ok: bool = True


class ToolCalls:
    """`disable` is called with a tool whose threads hang again and again."""

    def __init__(self, settings: PluginSettings, clock: Clock, driver: Driver, disable: Callable[[Tool], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._driver = driver
        self._disable = disable
        self._coroutines = 0
        self._threads: set[asyncio.Future[Outcome]] = set()
        self._hung: Counter[str] = Counter()

    async def run(self, tool: Tool, arguments: str, context: ToolContext) -> Outcome:
        """The outcome, after the tool's timeout at the latest. Never raises but when it is cancelled."""
        under_way = self._coroutines if tool.is_async else len(self._threads)
        if under_way >= self._settings.max_parallel:
            _log.error("tool is refused: too many are running", tool=tool.spec.name, running=under_way)
            return Outcome(f"Not done: {under_way} tools are running already. Try again in a moment.", ok=False)
        timeout_s = tool.timeout_s or self._settings.timeout_s
        try:
            if tool.is_async:
                return await self._run_coroutine(tool, arguments, context, timeout_s)
            return await self._run_thread(tool, arguments, context, timeout_s)
        except TimeoutError:
            _log.error("tool took too long", tool=tool.spec.name, where=tool.where, timeout_s=timeout_s)
            return Outcome(f"{tool.spec.name} took longer than {timeout_s:g} s and was given up.", ok=False)

    async def _run_coroutine(self, tool: Tool, arguments: str, context: ToolContext, timeout_s: float) -> Outcome:
        async def call() -> Outcome:
            return self._done(tool, await tool.function(**tool.arguments(arguments, context)))

        self._coroutines += 1
        try:
            return await self._driver.drive(call(), f"tool {tool.spec.name}", timeout_s)
        except Crashed as crash:
            return self._failed(tool, crash.error)
        finally:
            self._coroutines -= 1

    async def _run_thread(self, tool: Tool, arguments: str, context: ToolContext, timeout_s: float) -> Outcome:
        def call() -> Outcome:
            try:
                return self._done(tool, tool.function(**tool.arguments(arguments, context)))
            except CRASHES as error:
                return self._failed(tool, error)

        thread = in_thread(call, f"tool {tool.spec.name}")
        self._threads.add(thread)
        thread.add_done_callback(self._threads.discard)
        if await ended_within(thread, timeout_s, self._clock):
            error = thread.exception()  # call() raises nothing: there is no thread for it
            return self._failed(tool, error) if error else thread.result()
        self._note_hung(tool, thread)
        raise TimeoutError

    def _note_hung(self, tool: Tool, thread: asyncio.Future[Outcome]) -> None:
        self._hung[tool.where] += 1
        thread.add_done_callback(lambda _: self._hung.subtract([tool.where]))
        if self._hung[tool.where] >= HUNG_LIMIT:
            self._disable(tool)

    def _done(self, tool: Tool, returned: object) -> Outcome:
        try:
            return Outcome(as_text(returned, self._settings.max_output_bytes))
        except ToolError:
            _log.error("tool returned no JSON", tool=tool.spec.name, where=tool.where, type=type(returned).__name__)
            raise

    def _failed(self, tool: Tool, error: BaseException) -> Outcome:
        if isinstance(error, ToolError):
            return Outcome(as_text(str(error), self._settings.max_output_bytes), ok=False)
        _log.error("tool crashed", tool=tool.spec.name, where=tool.where, exc_info=error)
        kind = type(error).__name__  # its text may hold a secret
        return Outcome(f"{tool.spec.name} failed ({kind}); calling it again will hardly help.", ok=False)
