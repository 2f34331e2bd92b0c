"""Answers that would not fit into memory, packed so that they are small on their way."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from voiced.ai.answer_bounds import MOST_BYTES, MOST_EVENT_BYTES, MOST_REFUSAL_BYTES
from voiced.errors import AnswerUnusable, RequestRejected, StreamCut
from voiced.testing.http import Answer, Fault, HttpLoopback, Say
from voiced.testing.http.emission import EVENTS

from .desk import desk

_MIB = 1024 * 1024


def packed(mib: int, *, status: int = 200, content_type: str = "application/json", end: bytes = b"") -> Answer:
    """So many MiB of blanks, packed."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b" " * _MIB) for _ in range(mib)]
    body = b"".join([*pieces, packer.compress(end), packer.flush()])
    return Answer(status, body, {"Content-Encoding": "gzip"}, content_type)


async def test_an_answer_without_end() -> None:
    async with (
        HttpLoopback(faults=[Fault(packed(MOST_BYTES // _MIB + 1), "files", every=True)]) as server,
        desk(server) as here,
    ):
        with pytest.raises(AnswerUnusable, match="sends more than 256 MiB in one piece"):
            await here.ai.files.get("file-1")
        await server.wait_for("files", ended=True)


async def test_an_event_without_end() -> None:
    endless = packed(MOST_EVENT_BYTES // _MIB + 1, content_type=EVENTS)
    async with HttpLoopback(faults=[Fault(endless, "chat")]) as server, desk(server) as here:
        with pytest.raises(StreamCut, match="sends more than 64 MiB"):
            async with here.ai.chat.stream("Hi") as stream:
                _ = [piece async for piece in stream]


async def test_a_refusal_without_end_is_one_that_says_nothing() -> None:
    endless = packed(16 * MOST_REFUSAL_BYTES // _MIB, status=400)
    async with HttpLoopback(faults=[Fault(endless, "chat", every=True)]) as server, desk(server) as here:
        for asks in (here.ai.chat.ask("Hi"), here.ai.chat.stream("Hi").__aenter__()):
            tracemalloc.start()
            with pytest.raises(RequestRejected, match="HTTP 400"):
                await asks
            assert tracemalloc.get_traced_memory()[1] < 8 * _MIB
            tracemalloc.stop()


async def test_what_is_packed_and_right_is_read() -> None:
    answer = b'{"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}]}'
    async with HttpLoopback(faults=[Fault(packed(1, end=answer), "chat")]) as server, desk(server) as here:
        assert (await here.ai.chat.ask("Hi")).text == "Hi"


@pytest.mark.parametrize("content_type", ["application/json", EVENTS])
async def test_letters_in_a_header_are_harmless(content_type: str) -> None:
    choice = b'"finish_reason": "stop", "message": {"content": "Hi"}, "delta": {"content": "Hi"}'
    body = b'{"id": "c", "choices": [{"index": 0, ' + choice + b"}]}"
    body = b"data: " + body + b"\n\n" if content_type == EVENTS else body
    answer = Answer(200, body, {"x-city": "Tromsø"}, content_type)
    async with HttpLoopback(faults=[Fault(answer, "chat", every=True)]) as server, desk(server) as here:
        if content_type == EVENTS:
            async with here.ai.chat.stream("Hi") as stream:
                assert [piece async for piece in stream] == ["Hi"]
        else:
            assert (await here.ai.chat.ask("Hi")).text == "Hi"


async def test_a_stream_may_be_longer_than_one_event() -> None:
    """Only what belongs to one event counts."""
    pieces = ["x" * _MIB] * (MOST_EVENT_BYTES // _MIB + 2)
    said = "".join(pieces)
    async with HttpLoopback([Say(said, pieces)]) as server, desk(server) as here, here.ai.chat.stream("Hi") as stream:
        assert sum([len(piece) async for piece in stream]) == len(said)
