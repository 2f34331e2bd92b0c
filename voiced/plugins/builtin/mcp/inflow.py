"""How much a server may send: what it sends is read on the loop that also carries the sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MESSAGE_BYTES: Final = 8 * 1024**2
"""One message: a picture of 5 MB in base64, and something around it."""

WINDOW_S: Final = 10.0

WINDOW_BYTES: Final = 2 * MESSAGE_BYTES
WINDOW_LINES: Final = 4000
"""A message is one line by stdio and about four by HTTP."""

WINDOW_ITEMS: Final = 250_000
"""Items of JSON lists and objects. A picture has none: they, not bytes, are what reading it costs."""


class Lost(Exception):
    """The connection is over; the text says why, in plain words that quote no server."""


class Unusable(Lost):
    """It will not be better before somebody mends it."""


class Inflow:
    """Counts what comes from one server. `now`: seconds on a clock that nobody sets."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun = now()
        self._bytes = self._lines = self._items = 0

    def count(self, chunk: bytes) -> None:
        """Raises Lost when it was too much within `WINDOW_S`."""
        now = self._now()
        if now - self._begun >= WINDOW_S:
            self._begun = now
            self._bytes = self._lines = self._items = 0
        self._bytes += len(chunk)
        self._lines += chunk.count(b"\n")
        self._items += chunk.count(b",") + chunk.count(b"[") + chunk.count(b"{")
        if self._bytes > WINDOW_BYTES or self._lines > WINDOW_LINES or self._items > WINDOW_ITEMS:
            raise Lost("it sends more than can be read beside a conversation")
