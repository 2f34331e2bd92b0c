"""Answers that no server should give, made of one that it should."""

from __future__ import annotations

from typing import Final

from voiced.testing.http.speech import wav_header

HUGE_BYTES: Final = 4 * 1024 * 1024


def invalid_json(event: bytes) -> bytes:
    """An event of a stream whose last brace is missing."""
    return event.rstrip()[:-1] + b"\n\n"


def no_data(event: bytes) -> bytes:
    """A line that belongs to no event before the right one."""
    return b"\x00\xffgarbage without a colon\n\n" + event


def comment(event: bytes) -> bytes:
    """A comment, as proxies send to keep a connection open, before the event; not wrong at all."""
    return b": keep-alive\n\n" + event


def not_an_object(event: bytes) -> bytes:
    return b"data: [1, 2]\n\n" + event


def no_choices(event: bytes) -> bytes:
    """An event of which nothing can be made, before the right one."""
    return b'data: {"object":"chat.completion.chunk"}\n\n' + event


def not_utf8(event: bytes) -> bytes:
    return b'data: {"id":"\xff\xfe"}\n\n' + event


def huge(event: bytes) -> bytes:
    """A line of `HUGE_BYTES` before the event."""
    return b"data: {" + b" " * (HUGE_BYTES - 10) + b"}\n\n" + event


def with_crlf(event: bytes) -> bytes:
    """Lines end as on Windows, which is allowed."""
    return event.replace(b"\n", b"\r\n")


def as_wav(body: bytes) -> bytes:
    """Sound with the header of a WAV file before it, though PCM was asked for."""
    return wav_header(len(body)) + body


def odd(body: bytes) -> bytes:
    """Sound whose last sample is cut in half."""
    return body[: len(body) // 2 * 2 - 1]


def nothing(body: bytes) -> bytes:
    return b""
