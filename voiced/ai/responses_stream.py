"""A response as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from voiced.ai.providers import Events
from voiced.ai.responses_answer import ResponseAnswer, told
from voiced.ai.responses_cost import costs
from voiced.ai.token_usage import estimated, most_tokens
from voiced.errors import AnswerUnusable, ApiError, StreamCut
from voiced.usage import Usage

FAREWELL_S: Final = 1.0
"""So long a server may take to end a stream after its last event: then the connection can be used again."""

_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
_TEXT: Final = "response.output_text.delta"


class ResponseStream:
    """Iterate over it for the pieces of the text.

    Raises StreamCut where it ends before the answer does, with the text so far; what else ApiError is where the server
    says before any text that it failed.
    """

    def __init__(
        self, events: Events, body: Mapping[str, Any], read: Callable[[Any], Awaitable[ResponseAnswer]]
    ) -> None:
        self._events = events
        self._body = body
        self._read = read
        self._said: list[str] = []
        self._bytes = 0
        self._last: Any = None
        self._answer: ResponseAnswer | None = None

    @property
    def so_far(self) -> str:
        """The text that came."""
        return "".join(self._said)

    @property
    def answer(self) -> ResponseAnswer:
        """All of it, once it was read to its end. Raises RuntimeError before."""
        if self._answer is None:
            raise RuntimeError("the answer is not there yet: read the stream to its end")
        return self._answer

    @property
    def spent(self) -> list[Usage]:
        """For the budget; rather too much where it was not read to its end."""
        model = self._events.server.model
        if self._last is not None:
            with suppress(AttributeError, TypeError, ValueError):
                return costs(self._last, self._body, model)
        return [estimated(most_tokens(dict(self._body)), self._bytes).of(model)]

    def __aiter__(self) -> ResponseStream:
        return self

    async def __anext__(self) -> str:
        while self._last is None:
            try:
                event = await anext(self._events)
            except StopAsyncIteration:
                raise StreamCut(
                    f"responses: {self._called} ended its answer in the middle: ask again", self.so_far
                ) from None
            except ApiError as error:
                raise StreamCut(str(error), self.so_far) from error
            if piece := self._take(event):
                return piece
        if self._answer is None:
            await self._part()
            self._answer = await self._concluded()
        raise StopAsyncIteration

    @property
    def _called(self) -> str:
        return self._events.server.client.endpoint.called

    def _take(self, event: Any) -> str:
        """What the event adds to the text. Raises ApiError."""
        kind = getattr(event, "type", None)
        if kind in _ENDS:
            self._last = getattr(event, "response", None)
            if self._last is None:
                raise self._unusable()
        elif kind == "error":
            parts = (getattr(event, name, None) for name in ("code", "message", "param"))
            raise self._failed(told(self._events.server, *parts))
        elif isinstance(delta := getattr(event, "delta", None), str):
            self._bytes += most_tokens(delta)
            if kind == _TEXT:
                self._said.append(delta)
                return delta
        return ""

    async def _part(self) -> None:
        """What breaks after the end is no news."""
        with suppress(ApiError, TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(FAREWELL_S):
                await anext(self._events)

    async def _concluded(self) -> ResponseAnswer:
        answer = await self._read(self._last)
        if answer.error is not None:
            raise self._failed(answer.error)
        return answer

    def _failed(self, error: ApiError) -> ApiError:
        return StreamCut(str(error), self.so_far) if self._said else error

    def _unusable(self) -> AnswerUnusable:
        return AnswerUnusable(f"responses: {self._called} answers in another form than the API's")
