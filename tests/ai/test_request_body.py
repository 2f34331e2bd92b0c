"""Large requests leave the event loop free: their JSON is written in a thread, and they are sent a little at a time."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._utils._json import openapi_dumps

from voiced.ai.client import Client
from voiced.ai.endpoint import Endpoint
from voiced.ai.request_body import LARGE, MOST_SENT, encoded, is_large
from voiced.errors import RequestRejected
from voiced.testing.http import HttpLoopback

from .desk import desk

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4096
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text("abc\"é"), inner),
)  # fmt: skip


@given(BODIES, st.integers(1, 40))
def test_what_is_written_in_pieces_is_what_the_library_would_write(body: Any, long: int) -> None:
    assert encoded(body, long) == openapi_dumps(body)


def test_what_is_large() -> None:
    assert not is_large({"messages": [{"role": "user", "content": "Hello."}] * 100})
    assert is_large({"messages": [{"role": "user", "content": "x" * LARGE}]})
    assert is_large({"input": [1] * LARGE})
    endless: list[Any] = []
    endless.append(endless)
    assert not is_large(endless[:0])
    assert is_large(endless)


class Noted(dict[str, Any]):
    """Tells in which threads somebody read it as JSON is written."""

    def __init__(self, value: dict[str, Any]) -> None:
        super().__init__(value)
        self.threads: set[int] = set()

    def items(self) -> Any:
        self.threads.add(threading.get_ident())
        return super().items()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was handed to a connection."""
    sizes: list[int] = []
    hand_on = httpx2.AsyncHTTPTransport.handle_async_request

    async def noted(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        body = request.stream
        assert isinstance(body, httpx2.AsyncByteStream)
        request.stream = Noting(body, sizes)
        return await hand_on(self, request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", noted)
    return sizes


class Noting(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, sizes: list[int]) -> None:
        self._body = body
        self._sizes = sizes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            self._sizes.append(len(piece))
            yield piece


async def test_the_json_of_a_large_request_is_written_in_a_thread() -> None:
    async with HttpLoopback() as server:
        client = await Client.open(Endpoint(server.base_url, "sk-test-0123456789"))
        try:
            for content, elsewhere in (("Hello.", False), ("x" * LARGE, True)):
                part = Noted({"type": "text", "text": content})
                said = {"messages": [{"role": "user", "content": [part]}]}
                async with client.request("chat", 5.0):
                    await client.openai.chat.completions.create(model="gpt-5.4-mini", messages=(), extra_body=said)
                assert server.violations == ()
                assert (threading.get_ident() in part.threads) != elsewhere
        finally:
            await client.close()


async def test_a_large_request_is_sent_a_little_at_a_time(sent: list[int]) -> None:
    async with HttpLoopback() as server, desk(server) as here:
        await here.ai.chat.ask("Who is it?", images=[PICTURE])
        await here.ai.files.upload(("a.pdf", PICTURE), "user_data")
        assert server.violations == ()
    assert sum(sent) > 2 * len(PICTURE)
    assert max(sent) <= MOST_SENT


async def test_what_is_no_json_is_refused_however_large() -> None:
    endless: list[Any] = []
    endless.append(endless)
    async with HttpLoopback() as server, desk(server) as here:
        for what in (endless, object(), float("nan")):
            with pytest.raises(RequestRejected, match="can't be written as JSON"):
                await here.ai.chat.ask("x" * LARGE, extra={"thing": what})
        assert server.requests == ()
