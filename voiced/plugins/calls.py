"""Runs tool calls: in parallel, each in time, none able to harm another.

arguments ──> a yes, where it needs one ──> the function, once or (idempotent) twice ──> Outcome
                                              └── background: answered at once, announced in the end
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

from voiced.ai.tool_text import as_text
from voiced.api import NoAnswer, NotPermitted, ToolError
from voiced.conversation.events import CallId
from voiced.plugins import outcomes, results
from voiced.plugins.context import HostContext
from voiced.plugins.fillers import Fillers
from voiced.plugins.outcomes import BEGUN, DECLINED, INTERRUPTED, STOPPING, Outcome
from voiced.plugins.permissions import Permissions
from voiced.plugins.settings import PluginSettings
from voiced.plugins.speech import SAID_LIMIT
from voiced.plugins.steps import CRASHES, Crashed, Driver, log_crash
from voiced.plugins.threads import ended_within, in_thread
from voiced.plugins.tools import Tool
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

HUNG_LIMIT: Final = 3
"""So many threads of one tool may hang before the tool is disabled."""

BACKGROUND_LIMIT: Final = 8
"""So many background tools may run at one time."""

Start = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None] | None"]
"""Begins a task; None where voiced is stopping, and the coroutine was closed."""

Tell = Callable[[str], None]

_Kind = Literal["async", "plain", "background"]


class _Slot:
    """One of the calls that may run at one time; a thread keeps it until it ends, whoever waits for it."""

    def __init__(self, taken: Counter[_Kind], kind: _Kind) -> None:
        self._taken = taken
        self._kind: _Kind = kind
        self._users = 0

    def take(self) -> None:
        """One more uses it."""
        self._taken[self._kind] += not self._users
        self._users += 1

    def release(self) -> None:
        """One of its users is done."""
        self._users -= 1
        self._taken[self._kind] -= not self._users


@dataclass(slots=True, eq=False)
class _Call:
    """One call, and the task that it is in; `context` is its own."""

    tool: Tool
    context: HostContext
    slot: _Slot
    task: asyncio.Task[Any] | None = None
    interrupted: bool = False


class ToolCalls:
    """`disable` is called with a tool whose threads hang again and again, `crashed` with one in the background, and
    `make_ready` with what a tool may do, before its call.
    """

    def __init__(
        self,
        settings: PluginSettings,
        clock: Clock,
        driver: Driver,
        disable: Callable[[Tool], None],
        start: Start,
        crashed: Callable[[Tool, Outcome], None],
        make_ready: Callable[[Permissions], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._driver = driver
        self._disable = disable
        self._start = start
        self._crashed = crashed
        self._make_ready = make_ready
        self._taken: Counter[_Kind] = Counter()
        self._hung: Counter[str] = Counter()
        self._under_way: dict[CallId, _Call] = {}
        self._background: set[_Call] = set()

    async def run(self, call_id: CallId, tool: Tool, arguments: str, context: HostContext) -> Outcome:
        """The outcome, after the tool's timeout at the latest, not counting the time in which the user is asked.

        `context`: the plugin's. Never raises but when it is cancelled.
        """
        kind: _Kind = "background" if tool.options.background else "async" if tool.is_async else "plain"
        if self._taken[kind] >= (BACKGROUND_LIMIT if kind == "background" else self._settings.max_parallel):
            _log.error("tool is refused: too many are running", tool=tool.spec.name, running=self._taken[kind])
            return outcomes.too_many(self._taken[kind])
        task = asyncio.current_task()
        assert task is not None
        call = _Call(tool, context.of_call(call_id, tool.permissions), _Slot(self._taken, kind), task)
        self._under_way[call_id] = call
        call.slot.take()
        try:
            return await self._answer(call, arguments)
        except asyncio.CancelledError:
            if not call.interrupted or task.uncancel():  # somebody else wants the task to end
                raise
            return INTERRUPTED
        finally:
            del self._under_way[call_id]
            call.slot.release()

    def cancel(self, call_id: CallId) -> None:
        """The user took the floor: the call is answered soon. A thread goes on by itself. Nothing where it is over."""
        if call := self._under_way.get(call_id):
            self._interrupt(call)

    def end_background(self, plugin: str) -> None:
        """The plugin is unloaded: what of it runs in the background is ended, and the user is told."""
        for call in tuple(self._background):
            if call.context.voice.plugin == plugin:
                self._interrupt(call)

    def _interrupt(self, call: _Call) -> None:
        assert call.task is not None
        if not call.interrupted:
            call.interrupted = True
            if not self._driver.end(call.task):
                call.task.cancel()

    # One after the other.

    async def _answer(self, call: _Call, text: str) -> Outcome:
        await self._make_ready(call.tool.permissions)
        ready = await self._prepared(call, text)
        if isinstance(ready, Outcome):
            return ready
        if call.tool.options.background:
            return self._begin(call, ready)
        fillers = Fillers(call.context.voice)
        if words := self._worded(call.tool, "filler", ready):
            fillers.say_after(call.tool.options.filler_after_s, words)
        try:
            return await self._outcome(call, ready, fillers.progress)
        finally:
            fillers.end()

    async def _prepared(self, call: _Call, text: str) -> dict[str, Any] | Outcome:
        """The arguments, once they are right and the user agrees; else why it is not done."""
        tool = call.tool

        async def prepare() -> dict[str, Any] | Outcome:
            arguments = tool.arguments(text)
            return await self._refusal(call, arguments) or arguments

        try:
            return await self._driver.drive(prepare(), f"arguments of {tool.spec.name}", self._settings.timeout_s)
        except TimeoutError:
            return INTERRUPTED if call.interrupted else outcomes.not_begun(tool, "took too long to read its arguments")
        except Crashed as crash:
            if isinstance(crash.error, ToolError):
                return self._complaint(crash.error)
            self._log_crash(tool, crash.error)
            return outcomes.not_begun(tool, f"failed to read its arguments ({type(crash.error).__name__})")

    async def _refusal(self, call: _Call, arguments: Mapping[str, Any]) -> Outcome | None:
        """None where no yes is needed, or somebody said it."""
        if not call.tool.options.confirm:
            return None
        question = self._worded(call.tool, "confirm", arguments)
        if not question:
            return outcomes.no_question(call.tool)
        try:
            return None if await call.context.voice.confirm(question) else DECLINED
        except NoAnswer as error:
            return outcomes.not_confirmed(str(error))

    async def _outcome(self, call: _Call, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
        """Of the function; one that is idempotent and crashes is run once more."""
        tool = call.tool
        timeout_s = tool.timeout_s or self._settings.timeout_s
        tries = 2 if tool.options.idempotent else 1
        while True:
            tries -= 1
            try:
                return await self._attempt(call, arguments, tell, timeout_s)
            except TimeoutError:
                if call.interrupted:
                    return INTERRUPTED
                _log.error("tool took too long", tool=tool.spec.name, where=tool.where, timeout_s=timeout_s)
                return outcomes.late(tool, timeout_s)
            except Crashed as crash:
                if isinstance(crash.error, ToolError):
                    return self._complaint(crash.error)
                self._log_crash(tool, crash.error)
                if not tries:
                    return outcomes.crashed(tool, crash.error)

    async def _attempt(self, call: _Call, arguments: Mapping[str, Any], tell: Tell, timeout_s: float) -> Outcome:
        """Raises Crashed and TimeoutError."""
        tool = call.tool
        name = f"tool {tool.spec.name}"
        if tool.is_async:

            async def run() -> Outcome:
                return self._done(tool, arguments, await tool.run(arguments, call.context, tell))

            return await self._driver.drive(run(), name, timeout_s)

        loop = asyncio.get_running_loop()

        def tell_loop(text: str) -> None:
            loop.call_soon_threadsafe(tell, text)

        def run_plain() -> Outcome | Crashed:
            try:
                return self._done(tool, arguments, tool.run_plain(arguments, call.context, tell_loop))
            except CRASHES as error:
                return Crashed(error)

        thread = in_thread(run_plain, name)
        call.slot.take()
        thread.add_done_callback(lambda _: call.slot.release())
        if not await ended_within(thread, timeout_s, self._clock):
            self._note_hung(tool, thread)
            raise TimeoutError
        if error := thread.exception():  # there is no thread for it, or it wanted to end all of voiced
            raise Crashed(error)
        ended = thread.result()
        if isinstance(ended, Crashed):
            raise ended
        return ended

    def _note_hung(self, tool: Tool, thread: asyncio.Future[Any]) -> None:
        self._hung[tool.where] += 1
        thread.add_done_callback(lambda _: self._hung.subtract([tool.where]))
        if self._hung[tool.where] >= HUNG_LIMIT:
            self._disable(tool)

    # In the background.

    def _begin(self, call: _Call, arguments: Mapping[str, Any]) -> Outcome:
        later = _Call(call.tool, call.context.of_call(None, call.tool.permissions), call.slot)
        later.task = self._start(self._finish(later, arguments))
        if later.task is None:
            return STOPPING
        self._background.add(later)
        later.slot.take()
        later.task.add_done_callback(lambda _: self._finished(later))
        return BEGUN

    async def _finish(self, call: _Call, arguments: Mapping[str, Any]) -> None:
        try:
            outcome = await self._outcome(call, arguments, lambda text: None)  # nobody waits for its progress
        except asyncio.CancelledError:
            if not call.interrupted:
                raise
            outcome = INTERRUPTED
        call.context.voice.announce(outcomes.announced(call.tool, outcome))
        if outcome.crashed:
            self._crashed(call.tool, outcome)

    def _finished(self, call: _Call) -> None:
        self._background.discard(call)
        call.slot.release()

    # What came of it.

    def _done(self, tool: Tool, arguments: Mapping[str, Any], returned: object) -> Outcome:
        try:
            read = results.read(returned, self._settings.max_output_bytes)
        except ToolError:
            _log.error("tool returned no JSON", tool=tool.spec.name, where=tool.where, type=type(returned).__name__)
            raise
        spoken = read.spoken or self._worded(tool, "spoken", arguments, result=read.value)
        return Outcome(read.text, spoken=spoken[:SAID_LIMIT], images=read.images)

    def _worded(
        self, tool: Tool, template: Literal["spoken", "confirm", "filler"], arguments: Mapping[str, Any], **more: Any
    ) -> str:
        """One of the tool's templates, filled in; empty where there is none, or it crashed."""
        try:
            return tool.phrase(getattr(tool.options, template), arguments, **more)
        except CRASHES as error:
            log_crash("a template crashed", error, tool=tool.spec.name, where=tool.where, template=template)
            return ""

    def _complaint(self, error: ToolError) -> Outcome:
        if isinstance(error, NotPermitted):
            return outcomes.not_permitted(error)
        return Outcome(as_text(str(error), self._settings.max_output_bytes), ok=False)

    def _log_crash(self, tool: Tool, error: BaseException) -> None:
        log_crash("tool crashed", error, tool=tool.spec.name, where=tool.where)
