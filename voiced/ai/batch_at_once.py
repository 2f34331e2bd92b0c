"""Many calls made directly, a few at a time, at the pace that their server allows."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from voiced.ai.batch_answers import BatchAnswer, BatchFailure, failure_of, spent
from voiced.ai.batch_file import HELPER_OF, BatchCall, completed, listed_calls
from voiced.ai.providers import AT_ONCE, Providers, Server
from voiced.ai.token_usage import most_tokens
from voiced.errors import ApiBusy, ApiDenied, ApiError, RequestRejected

MOST: Final = 4
"""Calls that run at one time, where no other number is given."""

PATIENCE_S: Final = 600.0
"""That a call waits for a busy server in all, where nothing else is said."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Before a busy server that says nothing about it is asked again; each pause is up to twice as long as the last."""


class AtOnce:
    """One run. `answers` and `failed`: by custom_id; at the end the answers are in the order of the calls."""

    def __init__(
        self,
        providers: Providers,
        calls: Iterable[BatchCall],
        *,
        provider: str,
        within_s: float | None,
        patience_s: float,
    ) -> None:
        self.answers: dict[str, BatchAnswer] = {}
        self.failed: dict[str, BatchFailure] = {}
        self._providers = providers
        self._calls = _judged(calls)
        self._provider = provider
        self._within_s = within_s
        self._patience_s = patience_s
        self._not_before = 0.0
        self._denied: ApiDenied | None = None

    async def run(self, most: int, progress: Callable[[int, int], None] | None) -> None:
        """All calls, `most` at one time. Raises RequestRejected."""
        if not 1 <= most <= AT_ONCE:
            raise RequestRejected(f"batches: most is {most}: give 1 to {AT_ONCE}")
        left, total = deque(self._calls), len(self._calls)

        async def work() -> None:
            while left:
                await self._make(left.popleft())
                if progress is not None:
                    progress(len(self.answers) + len(self.failed), total)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(most, total)):
                    tasks.create_task(work())
        except BaseExceptionGroup as errors:  # of whoever is told of the progress
            raise errors.exceptions[0] from errors.exceptions[0].__cause__
        self.answers = {call.custom_id: found for call in self._calls if (found := self.answers.get(call.custom_id))}

    async def _make(self, call: BatchCall) -> None:
        if self._denied is not None:  # the next would be denied as well
            self.failed[call.custom_id] = failure_of(call.custom_id, self._denied)
            return
        try:
            self.answers[call.custom_id] = await self._insist(call)
        except ApiError as error:
            self.failed[call.custom_id] = failure_of(call.custom_id, error)
            if isinstance(error, ApiDenied):
                self._denied = error

    async def _insist(self, call: BatchCall) -> BatchAnswer:
        """Ask, and wait with all others while the server is busy."""
        now = asyncio.get_running_loop().time
        give_up_at = now() + self._patience_s
        pause = FIRST_PAUSE_S
        while True:
            if (wait := self._not_before - now()) > 0:
                await asyncio.sleep(wait)
                continue  # another call may have been told to wait longer
            try:
                return await self._ask(call)
            except ApiBusy as error:
                by_chance = pause * random.uniform(0.5, 1.0)  # jitter needs no cryptography
                wait = by_chance if error.retry_after_s is None else error.retry_after_s
                if now() + wait > give_up_at:
                    raise
                self._not_before = max(self._not_before, now() + wait)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _ask(self, call: BatchCall) -> BatchAnswer:
        helper = HELPER_OF[call.url]

        async def request(server: Server) -> Any:
            body = completed(call, server.model)
            return await server.openai.post(call.url.removeprefix("/v1"), body=body, cast_to=object)

        def read(raw: Any, server: Server) -> BatchAnswer:
            if not isinstance(raw, dict) or "error" in raw:
                raise ValueError("no answer")
            answer = BatchAnswer(call.custom_id, call.url, raw, server.provider.name)
            for usage in spent([answer], most_tokens(dict(call.body)), lambda _: server.model):
                self._providers.spend(usage)
            return answer

        return await self._providers.ask(
            helper,
            request,
            read,
            model=str(call.body.get("model") or ""),
            provider=self._provider,
            within_s=self._within_s,
            once=helper == "images",
        )


def _judged(calls: Iterable[BatchCall]) -> list[BatchCall]:
    given = listed_calls(calls)
    ids: set[str] = set()
    for number, call in enumerate(given, 1):
        if not call.custom_id or call.custom_id in ids:
            raise RequestRejected(
                f"batches: call {number} has the custom_id of another, or none: give it one of its own"
            )
        if call.url not in HELPER_OF:
            raise RequestRejected(f"batches: call {number}: url is none of {', '.join(HELPER_OF)}")
        if call.body.get("stream"):
            raise RequestRejected(f"batches: call {number}: stream must be left out of the body")
        ids.add(call.custom_id)
    return given
