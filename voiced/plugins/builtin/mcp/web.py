"""A server that is reached by streamable HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from voiced.api import ToolContext
from voiced.plugins.builtin.mcp.inflow import MESSAGE_BYTES, Inflow, Lost
from voiced.plugins.builtin.mcp.pipe import Message, Pipe

CONNECT_S: Final = 10.0

GOODBYE_S: Final = 2.0
"""How long a server may take to hear that its session is over."""


@asynccontextmanager
async def reached(url: str, headers: Mapping[str, str], context: ToolContext) -> AsyncGenerator[Pipe]:
    """What goes wrong on the way is raised, or ends the pipe."""
    unbounded = await context.in_thread(httpx2.AsyncHTTPTransport)  # it reads the certificates
    transport = _Bounded(unbounded)
    limits = httpx2.Timeout(CONNECT_S, read=None)  # who waits for an answer has a limit of their own
    async with (
        httpx2.AsyncClient(transport=transport, headers=dict(headers), timeout=limits, trust_env=False) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MESSAGE_BYTES) as (incoming, outgoing),
    ):

        async def read() -> Message | None:
            try:
                return await incoming.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                return None

        async def write(message: SessionMessage) -> None:
            await outgoing.send(message)

        pipe = Pipe(read, write)
        transport.lose = pipe.lose
        yield pipe


class _Bounded(httpx2.AsyncBaseTransport):
    """HTTP whose answers are counted. `lose` is told first: the client of `mcp` takes some errors for a pause."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.lose: Callable[[str], None] = lambda why: None
        self._inner = inner
        self._inflow = Inflow(asyncio.get_running_loop().time)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        if request.method == "DELETE":
            request.extensions["timeout"] = httpx2.Timeout(GOODBYE_S).as_dict()
        response = await self._inner.handle_async_request(request)
        if why := _refusal(response):
            await response.aclose()
            self.lose(why)
            raise Lost(why)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream, self._inflow, _is_endless(response), self.lose)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(
        self, inner: httpx2.AsyncByteStream, inflow: Inflow, endless: bool, lose: Callable[[str], None]
    ) -> None:
        self._inner = inner
        self._inflow = inflow
        self._endless = endless
        self._lose = lose

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        try:
            async for chunk in self._inner:
                length += len(chunk)
                self._inflow.count(chunk)
                if length > MESSAGE_BYTES and not self._endless:
                    raise Lost("it sends a message that is too large")
                yield chunk
        except Lost as lost:
            self._lose(str(lost))
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()


def _refusal(response: httpx2.Response) -> str:
    if response.status_code in (401, 403):
        return f"it wants another token (HTTP {response.status_code})"
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return "it packs its answers, though it was asked not to"  # a few bytes may be gigabytes
    return ""


def _is_endless(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-type", "").lower().startswith("text/event-stream"))
