"""One open page: what is to be told to it waits here, bounded, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from voiced.control.lines import line_of
from voiced.kiosk.allowance import Allowance

MOST_LINES: Final = 500
MOST_CHARS: Final = 16 * 2**20
"""What may wait for a page that does not read; beyond, it is hung up on. All cards with their pictures fit in."""

MOST_BLOCKS: Final = 10
MOST_UNSENT: Final = 64 * 1024
"""Blocks of sound, and bytes in the socket's buffer, at which the page takes no more sound."""

MESSAGES_PER_S: Final = 500
MESSAGES_AT_ONCE: Final = 1000
REQUESTS_PER_S: Final = 50
REQUESTS_AT_ONCE: Final = 150
"""What a page may send: ten times what one does that captures sound, and has its volume turned by a finger."""


log = structlog.get_logger(__name__)


class Visitor:
    """A page as the server sees it, and as the BrowserCard does. On the loop; no method waits but `send_all`."""

    def __init__(self, connection: ServerConnection, now: float) -> None:
        self.connection = connection
        self.holds_key = False
        """Whether the key to talk was pressed here and not let go."""
        self.had_sound = False
        """Whether it ever was the microphone: what it sends after it is none any more was on its way."""
        self._lines: deque[str] = deque()
        self._chars = 0
        self._newest: dict[str, str] = {}
        self._blocks: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._over = False
        self._complaint = ""
        self._messages = Allowance(MESSAGES_PER_S, MESSAGES_AT_ONCE, now)
        self._requests = Allowance(REQUESTS_PER_S, REQUESTS_AT_ONCE, now)

    def may_send(self, message: str | bytes, now: float) -> bool:
        """Whether it has not sent too much."""
        if isinstance(message, str) and not self._requests.take(1, now):
            return False
        return self._messages.take(1, now)

    def tell(self, message: dict[str, Any]) -> None:
        """Something that every page must know."""
        self.tell_line(as_line(message))

    def tell_line(self, line: str) -> None:
        """The same, written already: of one message for all pages there is one text."""
        self._complaint = ""
        if self._over:
            return
        self._lines.append(line)
        self._chars += len(line)
        if len(self._lines) > MOST_LINES or self._chars > MOST_CHARS:
            log.warning("kiosk.hung_up", reason="a page does not read what it is told")
            self.hang_up()
        self._news.set()

    def show(self, kind: str, line: str) -> None:
        """Something of which only the newest counts."""
        self._newest[kind] = line
        self._news.set()

    def complain(self, error: str) -> None:
        """What is wrong with what it asked for; the same again and again is told once."""
        if error != self._complaint:
            self.tell({"error": error})
            self._complaint = error

    # As a loudspeaker.

    @property
    def backed_up(self) -> bool:
        """Whether it does not read what it is sent."""
        unsent = self.connection.transport.get_write_buffer_size()
        return len(self._blocks) >= MOST_BLOCKS or unsent > MOST_UNSENT

    def play(self, pcm: bytes) -> None:
        """One block of sound, before all else."""
        self._blocks.append(pcm)
        self._news.set()

    def flush(self) -> None:
        """Forget the sound that it has."""
        self._blocks.clear()
        self.tell({"flush": True})

    def sound_off(self, reason: str) -> None:
        """It is no microphone and loudspeaker any more."""
        self._blocks.clear()
        self.tell({"sound": "off", "reason": reason})

    # The connection.

    async def send_all(self) -> None:
        """Send what is to be told, until the connection is over."""
        try:
            while not self._over:
                await self._news.wait()
                self._news.clear()
                while (message := self._next()) is not None and not self._over:
                    await self.connection.send(message)
        except ConnectionClosed:
            self._over = True

    def leave(self) -> None:
        """The connection is over: `send_all` ends."""
        self._over = True
        self._news.set()

    def hang_up(self) -> None:
        """Drop the connection with whatever was not read."""
        self.leave()
        self.connection.transport.abort()

    def _next(self) -> str | bytes | None:
        if self._blocks:
            return self._blocks.popleft()
        if self._lines:
            line = self._lines.popleft()
            self._chars -= len(line)
            return line
        if self._newest:
            return self._newest.pop(next(iter(self._newest)))
        return None


def as_line(message: dict[str, Any]) -> str:
    """A message as it is sent."""
    return line_of(message).decode().rstrip("\n")
