"""Both directions of a connection, in the shape in which the client of `mcp` takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCNotification, JSONRPCResponse

from voiced.plugins.builtin.mcp.inflow import Lost

_HEARD: Final = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/cancelled",
        "notifications/subscriptions/acknowledged",
    }
)
"""What a server may say unasked. Its log, its progress and the rest are dropped before they cost anything."""

TOLD_WITHIN_S: Final = 2.0
"""Who reads knows soon, and better, why nobody can write any more."""

_MOST_WAITING: Final = 16
"""Messages that wait until the server reads."""

_MOST_LISTED: Final = 1000
"""Tools on one page of a server's list; each is checked in full."""

Message = SessionMessage | Exception


class Pipe:
    """`read` gives None at the end. Either may raise Lost; `write` OSError, or what anyio's streams raise."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Message | None]],
        write: Callable[[SessionMessage], Awaitable[None]],
    ) -> None:
        self.lost = asyncio.Event()
        self.why = ""
        self.incoming = _Incoming(self, read)
        self.outgoing = _Outgoing(self, write)

    def lose(self, why: str) -> None:
        """It is over; the first reason counts."""
        if not self.lost.is_set():
            self.why = why
            self.lost.set()

    def shut(self) -> None:
        """Nothing is sent any more, and nobody waits for it: a client has last words for each call it gives up."""
        self.outgoing.shut()

    @asynccontextmanager
    async def as_transport(self) -> AsyncGenerator[tuple[_Incoming, _Outgoing]]:
        """What `mcp.Client` is given for a server."""
        yield self.incoming, self.outgoing


class _Incoming:
    def __init__(self, pipe: Pipe, read: Callable[[], Awaitable[Message | None]]) -> None:
        self._pipe = pipe
        self._read = read

    async def receive(self) -> Message:
        while True:
            try:
                message = await self._read()
            except Lost as lost:
                self._pipe.lose(str(lost))
                message = None
            if message is None:
                self._pipe.lose("it closed the connection")
                raise anyio.EndOfStream
            if isinstance(message, SessionMessage) and _is_heard(message):
                return message

    def __aiter__(self) -> _Incoming:
        return self

    async def __anext__(self) -> Message:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        pass

    async def __aenter__(self) -> _Incoming:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class _Outgoing:
    def __init__(self, pipe: Pipe, write: Callable[[SessionMessage], Awaitable[None]]) -> None:
        self._pipe = pipe
        self._write = write
        self._under_way: set[anyio.CancelScope] = set()
        self._shut = False

    async def send(self, item: SessionMessage, /) -> None:
        if len(self._under_way) >= _MOST_WAITING:
            self._pipe.lose("it does not read what it is sent")
            self._shut = True
        if self._shut:
            raise anyio.ClosedResourceError
        with anyio.CancelScope() as scope:
            self._under_way.add(scope)
            try:
                await self._write(item)
            except OSError as error:
                with anyio.move_on_after(TOLD_WITHIN_S):
                    await self._pipe.lost.wait()
                self._pipe.lose("it closed the connection")
                raise anyio.BrokenResourceError from error
            else:
                return
            finally:
                self._under_way.discard(scope)
        raise anyio.ClosedResourceError

    def shut(self) -> None:
        self._shut = True
        for scope in self._under_way:
            scope.cancel()

    async def aclose(self) -> None:
        self.shut()

    async def __aenter__(self) -> _Outgoing:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.shut()


def _is_heard(message: SessionMessage) -> bool:
    match message.message:
        case JSONRPCNotification(method=method):
            return method in _HEARD
        case JSONRPCResponse(result={"tools": list() as tools}):
            _without_excess(tools)
    return True


def _without_excess(tools: list[Any]) -> None:
    """A result is not checked against its server's schema: that runs patterns of the server's own, for any time."""
    del tools[_MOST_LISTED:]
    for tool in tools:
        if isinstance(tool, dict):
            tool.pop("outputSchema", None)
