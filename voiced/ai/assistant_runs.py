"""Runs of assistants: waited for, with the functions that they call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from voiced.ai.assistant_calls import AssistantCalls
from voiced.ai.assistant_records import Message, Run, read_message, read_run
from voiced.ai.functions import FunctionOutput, Functions, run_calls
from voiced.ai.paid_once import PaidOnce
from voiced.ai.polling import LONGEST_PAUSE_S, SLOWER
from voiced.ai.providers import Providers
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens
from voiced.errors import AnswerUnusable, ApiBusy, ApiError, ApiUnreachable, RequestRejected

ROUNDS: Final = 8
"""In which functions are run where nothing else is said."""

READY_WITHIN_S: Final = 600.0
"""After which OpenAI's server gave a run up, too."""

CANCEL_WITHIN_S: Final = 5.0
"""To tell the server that a run is not wanted any more."""

MOST_MESSAGES: Final = 100
"""Of one run."""

_RUN: Final = "/threads/{}/runs/{}"


class Runs:
    """For `ai.assistants`."""

    def __init__(self, providers: Providers, calls: AssistantCalls) -> None:
        self._providers = providers
        self._calls = calls
        self._paid = PaidOnce(providers)

    async def run(
        self,
        thread_id: str,
        assistant_id: str,
        body: Mapping[str, Any],
        functions: Functions,
        *,
        rounds: int,
        progress: Callable[[Run], None] | None,
        provider: str,
        within_s: float | None,
        poll_s: float,
    ) -> Run:
        """A run that has ended well. Otherwise it is cancelled at the server. Raises ApiError."""
        body = {"assistant_id": assistant_id, **body}
        run = await self._calls.post(
            "/threads/{}/runs", read_run, body, thread_id, named=[assistant_id], once=True, provider=provider
        )
        deadline = asyncio.timeout(within_s)
        going = _Going(self, run, functions, rounds, progress, provider, poll_s)
        try:
            async with deadline:
                run = await going.to_its_end()
        except BaseException as error:
            if going.run.unfinished:
                await self._abandon(thread_id, run.id, provider)
            if isinstance(error, TimeoutError) and deadline.expired():
                raise ApiUnreachable(
                    f"assistants: the run was not ready after {within_s:g} s and was cancelled: ask for less, or wait "
                    "longer"
                ) from error
            raise
        if run.usage is None:
            run = replace(run, usage=await self._estimated(run, body, going, provider))
        await self._count(run)
        if run.status != "completed":
            raise _failure(run)
        return await self._told(run, provider)

    async def look(self, thread_id: str, run_id: str, provider: str, within_s: float | None = None) -> Run:
        """Raises ApiError."""
        run = await self._calls.get(_RUN, read_run, thread_id, run_id, provider=provider, within_s=within_s)
        await self._count(run)
        return run

    async def submit(self, run: Run, outputs: Sequence[FunctionOutput], provider: str) -> Run:
        """Raises ApiError."""
        told = [{"tool_call_id": each.call.id, "output": each.text} for each in outputs]
        path = f"{_RUN}/submit_tool_outputs"
        body = {"tool_outputs": told}
        return await self._calls.post(path, read_run, body, run.thread_id, run.id, once=True, provider=provider)

    async def cancel(self, thread_id: str, run_id: str, provider: str, within_s: float | None = None) -> Run:
        """Raises ApiError."""
        run = await self._calls.post(
            f"{_RUN}/cancel", read_run, {}, thread_id, run_id, provider=provider, within_s=within_s
        )
        await self._count(run)
        return run

    async def messages(
        self, thread_id: str, run_id: str, most: int, provider: str, within_s: float | None = None
    ) -> list[Message]:
        """The oldest first; of all runs where `run_id` is empty. Raises ApiError."""
        query = {"order": "asc", **({"run_id": run_id} if run_id else {})}
        return await self._calls.pages(
            "/threads/{}/messages", read_message, thread_id, query=query, most=most, provider=provider,
            within_s=within_s,
        )  # fmt: skip

    async def _abandon(self, thread_id: str, run_id: str, provider: str) -> None:
        """Cancel it, and count what it used until then."""
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(CANCEL_WITHIN_S):
                if (await self.cancel(thread_id, run_id, provider)).unfinished:
                    await self.look(thread_id, run_id, provider)

    async def _told(self, run: Run, provider: str) -> Run:
        """The run with what it said. Raises ApiError."""
        said = [
            message
            for message in await self.messages(run.thread_id, run.id, MOST_MESSAGES, provider)
            if message.run_id in (run.id, "") and message.role == "assistant"
        ]
        return replace(run, text="\n".join(message.text for message in said if message.text), messages=said)

    async def _estimated(self, run: Run, body: Mapping[str, Any], going: _Going, provider: str) -> TokenUsage:
        """Where the server tells nothing: rather too much, as if all was read anew in each round."""
        said: list[Message] = []
        with contextlib.suppress(ApiError):
            said = await self.messages(run.thread_id, "", MOST_MESSAGES, provider)
        read = most_tokens(dict(body)) + going.told + sum(most_tokens(each.text) for each in said)
        wrote = sum(most_tokens(each.text) for each in said if each.run_id == run.id)
        return estimated(read * (1 + going.rounds), wrote + going.called)

    async def _count(self, run: Run) -> None:
        """For the budget, once."""
        if run.usage is not None and not run.unfinished:
            await self._paid.spend(f"run {run.id}", [run.usage.of(run.model)])


class _Going:
    """One run on its way. `run`: as it was seen last. `rounds`: in which functions were run."""

    def __init__(
        self,
        runs: Runs,
        run: Run,
        functions: Functions,
        rounds: int,
        progress: Callable[[Run], None] | None,
        provider: str,
        poll_s: float,
    ) -> None:
        self.run = run
        self._runs = runs
        self._functions = functions
        self.rounds = 0
        self._most_rounds = rounds
        self._progress = progress
        self._provider = provider
        self._poll_s = poll_s
        self._outputs: dict[str, FunctionOutput] = {}

    @property
    def told(self) -> int:
        """Tokens at most that came of the functions."""
        return sum(most_tokens(each.text) for each in self._outputs.values())

    @property
    def called(self) -> int:
        """Tokens at most in which the functions were called."""
        return sum(most_tokens(each.call.name + each.call.arguments) for each in self._outputs.values())

    async def to_its_end(self) -> Run:
        """The run, once it has ended. Raises ApiError, and what functions raise."""
        pause_s = self._poll_s
        while self.run.unfinished:
            if self.run.calls:
                await self._answer()
                pause_s = self._poll_s
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * SLOWER, LONGEST_PAUSE_S)
            self.run = await self._runs.look(self.run.thread_id, self.run.id, self._provider)
            if self._progress is not None:
                self._progress(self.run)
        return self.run

    async def _answer(self) -> None:
        """Tell the run what came of the functions that it calls, which run once however often it asks."""
        new = [call for call in self.run.calls if call.id not in self._outputs]
        if new:
            self._judge()
            self.rounds += 1
            self._outputs |= {each.call.id: each for each in await run_calls(self._functions, new)}
        outputs = [self._outputs[call.id] for call in self.run.calls]
        with contextlib.suppress(ApiUnreachable):  # whether they came is seen when it is looked at again
            self.run = await self._runs.submit(self.run, outputs, self._provider)

    def _judge(self) -> None:
        names = ", ".join(dict.fromkeys(call.name for call in self.run.calls))
        if not self._functions:
            raise RequestRejected(f"assistants: the assistant calls {names}: give its functions to the run in tools")
        if self.rounds >= self._most_rounds:
            raise AnswerUnusable(
                f"assistants: after {self.rounds} rounds the model still wants to call functions: allow more rounds, "
                "or say in the instructions when to stop",
                code="rounds",
            )


def _failure(run: Run) -> ApiError:
    """Why a run that has ended is of no use."""
    why = f": {run.error}" if run.error else ""
    match run.status:
        case "failed" if run.error_code == "rate_limit_exceeded":
            return ApiBusy(f"assistants: the run failed{why}", code=run.error_code)
        case "failed" if run.error_code == "invalid_prompt":
            return RequestRejected(f"assistants: the run failed{why}", code=run.error_code)
        case "failed":
            return ApiUnreachable(f"assistants: the run failed{why}", code=run.error_code or "run_failed")
        case "expired":
            return AnswerUnusable(
                "assistants: the run expired before it was ready: make the functions quicker, or ask for less",
                code="run_expired",
            )
        case "cancelled":
            return AnswerUnusable("assistants: somebody cancelled the run: start it again", code="run_cancelled")
        case "incomplete":
            limit = run.incomplete_reason or "a limit"
            return AnswerUnusable(
                f"assistants: the run stopped at {limit}: allow more; what it said is in the messages of the thread",
                code="run_incomplete",
            )
        case status:
            return AnswerUnusable(f"assistants: the run ended as {status!r}", code="run_ended")
