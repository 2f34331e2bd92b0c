"""The bodies of large requests, such as pictures, of which the event loop has a little to do at a time."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    import httpx2

LARGE: Final = 128 * 1024
"""Characters, about. Fewer are written as JSON in a few milliseconds, on a small board too."""

MOST_SENT: Final = 64 * 1024
"""Bytes that are handed to a connection at once: it copies and encrypts them on the event loop."""

_OF_A_VALUE: Final = 8
"""Characters that are counted for each value, whatever it is."""


async def written(options: Any) -> Any:
    """The options of a request of the library's, with its JSON where that is large: it is written in a thread.

    Raises TypeError or ValueError for what is no JSON.
    """
    from openai import Omit

    if options.files is not None or not isinstance(options.json_data, Mapping):
        return options
    body = {**options.json_data, **(options.extra_json or {})}
    body = {name: value for name, value in body.items() if not isinstance(value, Omit)}
    if is_large(body):
        options.json_data = await asyncio.to_thread(encoded, body)
        options.extra_json = None
    return options


def is_large(value: object) -> bool:
    """Whether it would keep the event loop to write it. Itself it looks at no more than a little."""
    weight, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            weight += len(each)
        elif isinstance(each, Mapping):
            left.extend(each.values())
        elif isinstance(each, list | tuple):
            left.extend(each[:LARGE])
        weight += _OF_A_VALUE
        if weight + _OF_A_VALUE * len(left) > LARGE:
            return True
    return False


def encoded(body: object, long: int = LARGE) -> bytes:
    """As JSON, in UTF-8. Texts of more than `long` characters in slices: other threads may go on in between.

    Raises TypeError or ValueError for what is no JSON, and for what has itself in it.
    """
    mark = secrets.token_hex(16)
    texts: list[str] = []

    def without_texts(value: object) -> object:
        match value:
            case str() if len(value) > long:
                texts.append(value)
                return mark
            case dict():
                return {name: without_texts(each) for name, each in value.items()}
            case list() | tuple():
                return [without_texts(each) for each in value]
        return value

    try:
        first, *rest = _json(without_texts(body)).split(mark.encode())
    except RecursionError:
        raise ValueError("what is asked has itself in it") from None
    pieces = [first]
    for text, after in zip(texts, rest, strict=True):
        pieces += [_json(text[at : at + long])[1:-1] for at in range(0, len(text), long)]
        pieces.append(after)
    return b"".join(pieces)


def _json(value: object) -> bytes:
    """As httpx2 and the library write it."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=to_jsonable_python)
    return written.encode()


async def in_pieces(stream: httpx2.AsyncByteStream) -> AsyncIterator[bytes]:
    """The bytes of a body, as many at a time as a connection takes without keeping the event loop."""
    async for data in stream:
        for at in range(0, len(data), MOST_SENT):
            yield data[at : at + MOST_SENT]
