"""How much of an answer is taken into memory, whatever a server sends and however it is packed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast

from voiced.errors import AnswerUnusable

if TYPE_CHECKING:
    import httpx2

_MIB: Final = 1024 * 1024

MOST_BYTES: Final = 256 * _MIB
"""Of an answer that is read as a whole: ten pictures of 19 MiB. Files and sound come in pieces."""

MOST_EVENT_BYTES: Final = 64 * _MIB
"""Of one event of a stream: a picture of 48 MiB."""

MOST_REFUSAL_BYTES: Final = _MIB
"""Of an answer that says what is wrong. What is beyond is not read."""

_BREATH_BYTES: Final = _MIB
"""After so many the event loop may do something else: what was packed comes faster than a network."""

_EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_PACKED: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


async def bounded(response: httpx2.Response, *, stream: bool) -> httpx2.Response:
    """The same answer, read unless it streams, and unpacked. Raises AnswerUnusable where it is too large."""
    import httpx2

    try:
        if not stream or not response.is_success:
            data = await _read(response)
            found = httpx2.Response(
                response.status_code,
                headers=_unpacked(response),
                content=data,
                request=response.request,
                extensions=response.extensions,
            )
            found.elapsed = response.elapsed
            return found
    except BaseException:
        await response.aclose()
        raise
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        return response

    class Events(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            """Asked for once more, after the last event: the rest as it came, for the connection to be used again."""
            again = cast(AsyncIterator[bytes], response.stream) if response.is_stream_consumed else _events(response)
            async for piece in again:
                yield piece

        async def aclose(self) -> None:
            await response.aclose()

    return httpx2.Response(
        response.status_code,
        headers=_unpacked(response),
        stream=Events(),
        request=response.request,
        extensions=response.extensions,
    )


async def _read(response: httpx2.Response) -> bytes:
    most = MOST_BYTES if response.is_success else MOST_REFUSAL_BYTES
    pieces: list[bytes] = []
    size = breath = 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            if response.is_success:
                raise _too_much(response, most)
            break
        if size - breath > _BREATH_BYTES:
            breath = size
            await asyncio.sleep(0)
    await response.aclose()
    if size > _BREATH_BYTES:
        return (await asyncio.to_thread(b"".join, pieces))[:most]
    return b"".join(pieces)


async def _events(response: httpx2.Response) -> AsyncIterator[bytes]:
    size, tail = 0, b""
    async for piece in response.aiter_bytes():
        seen = tail + piece
        end = max(seen.rfind(each) for each in _EVENT_ENDS)
        size = len(seen) - end if end >= 0 else size + len(piece)
        if size > MOST_EVENT_BYTES:
            raise _too_much(response, MOST_EVENT_BYTES)
        tail = seen[-3:]
        yield piece


def _too_much(response: httpx2.Response, most: int) -> AnswerUnusable:
    return AnswerUnusable(f"{response.request.url.host} sends more than {most // _MIB} MiB in one piece: ask for less")


def _unpacked(response: httpx2.Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in response.headers.raw if name.lower() not in _PACKED]
