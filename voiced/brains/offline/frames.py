"""How the daemon and a worker talk: frames of a JSON header and bytes, each with its length before it.

    length of the header | length of the body | header | body        lengths: 4 bytes, big endian

A request has a rising number `n` and a verb `do`; each answer to it names that `n`, the last one has `done`. Pure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, Final

from voiced.errors import BrainError

LENGTHS: Final = struct.Struct(">II")

MOST_HEADER: Final = 4 * 1024 * 1024
"""Bytes: the largest is a grammar."""

MOST_BODY: Final = 1024 * 1024
"""Bytes: half a minute of sound."""

Header = dict[str, Any]


class FrameError(BrainError):
    """What came through the pipe is no frame: something else writes to it."""


def packed(header: Header, body: bytes = b"") -> bytes:
    """The frame. Raises FrameError where it is too large."""
    text = json.dumps(header, separators=(",", ":")).encode()
    _check(len(text), len(body))
    return LENGTHS.pack(len(text), len(body)) + text + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """Of header and body, from the first `LENGTHS.size` bytes. Raises FrameError."""
    header, body = LENGTHS.unpack(prefix)
    _check(header, body)
    return header, body


def header_of(text: bytes) -> Header:
    """Raises FrameError."""
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FrameError("a frame's header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("a frame's header is no JSON object")
    return header


def read_frame(read: Callable[[int], bytes]) -> tuple[Header, bytes] | None:
    """The next frame of a blocking pipe, None at its end. `read(n)` returns n bytes, fewer at the end only."""
    prefix = read(LENGTHS.size)
    if len(prefix) < LENGTHS.size:
        return None
    of_header, of_body = lengths(prefix)
    text, body = read(of_header), read(of_body)
    if len(text) < of_header or len(body) < of_body:
        return None
    return header_of(text), body


def _check(header: int, body: int) -> None:
    if header > MOST_HEADER or body > MOST_BODY:
        raise FrameError(f"a frame of {header} + {body} bytes is too large")
