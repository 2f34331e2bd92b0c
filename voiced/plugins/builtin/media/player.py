"""A connection to MPD for each exchange: one that restarts, or hangs up after a minute, is then no case of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from voiced.plugins.builtin.media import protocol
from voiced.plugins.builtin.media.protocol import Pairs, PlayerError

PATIENCE_S: Final = 4.0
"""For a whole exchange. MPD answers within milliseconds, but its disk may have to wake up."""

MOST_BYTES: Final = 4 * 2**20
"""Of one answer; the names of 50,000 artists are 1 MB."""

LONGEST_LINE: Final = 64 * 1024


class PlayerAway(PlayerError):
    """MPD can't be reached, or does not answer."""


class Player:
    """MPD at `host` and `port`, or at the socket whose path `host` is. `password` is empty where it wants none."""

    def __init__(self, host: str, port: int, password: str = "") -> None:
        self._host = host
        self._port = port
        self._password = password

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._host if self._is_path() else f"{self._host}, port {self._port}"

    async def do(self, *commands: str, within_s: float = PATIENCE_S) -> list[Pairs]:
        """Run commands, made by `protocol.line`, in this order until one fails; gives what each was answered.

        Raises PlayerAway and PlayerRefused.
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._exchange(commands)
        except TimeoutError as error:
            raise PlayerAway(f"The music player does not answer. Is MPD well, at {self.place}?") from error
        except OSError as error:
            raise PlayerAway(f"The music player can't be reached. Is MPD running, at {self.place}?") from error

    async def _exchange(self, commands: Sequence[str]) -> list[Pairs]:
        reader, writer = await self._connect()
        try:
            lines = _Lines(reader)
            greeting = await lines.next()
            if not greeting.startswith(protocol.GREETING):
                raise PlayerAway(f"What answers at {self.place} is no MPD. Set host and port of the plugin media.")
            if self._password:
                writer.write(f"{protocol.line('password', self._password)}\n".encode())
                protocol.answers(await lines.until_end())
            batch = commands if len(commands) == 1 else ("command_list_ok_begin", *commands, "command_list_end")
            writer.write("".join(f"{command}\n" for command in batch).encode())
            return protocol.answers(await lines.until_end())
        finally:
            writer.transport.abort()  # all that was wanted is here; MPD need not be waited for

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._is_path():
            path = f"\0{self._host[1:]}" if self._host.startswith("@") else self._host
            return await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
        return await asyncio.open_connection(self._host, self._port, limit=LONGEST_LINE)

    def _is_path(self) -> bool:
        return self._host.startswith(("/", "@"))


class _Lines:
    """Reads lines up to a limit."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._left = MOST_BYTES

    async def next(self) -> str:
        """The next line. Raises PlayerAway where there is none, or too much."""
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            raise PlayerAway("The music player hung up in the middle of its answer.") from error
        except asyncio.LimitOverrunError as error:
            raise PlayerAway("The music player answered with something that is too long to be read.") from error
        self._left -= len(line)
        if self._left < 0:
            raise PlayerAway("The music player answered with more than can be read.")
        return line.decode("utf-8", "replace").rstrip("\r\n")

    async def until_end(self) -> list[str]:
        lines = [await self.next()]
        while not protocol.is_end(lines[-1]):
            lines.append(await self.next())
        return lines
