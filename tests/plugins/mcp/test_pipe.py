"""Why a connection is over, whichever of its directions notices it first."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCNotification

from voiced.plugins.builtin.mcp.inflow import Lost
from voiced.plugins.builtin.mcp.pipe import Message, Pipe
from voiced.testing.clock import turns

WORD = SessionMessage(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))


async def test_who_reads_tells_why_nobody_can_write() -> None:
    ended = asyncio.Event()

    async def read() -> Message | None:
        await ended.wait()
        raise Lost("it ended with the exit code 4")

    async def write(_: SessionMessage) -> None:
        raise BrokenPipeError

    pipe = Pipe(read, write)
    sending = asyncio.ensure_future(pipe.outgoing.send(WORD))
    await turns()
    assert not sending.done()
    ended.set()
    with pytest.raises(anyio.EndOfStream):
        await pipe.incoming.receive()
    with pytest.raises(anyio.BrokenResourceError):
        await sending
    assert pipe.why == "it ended with the exit code 4"
