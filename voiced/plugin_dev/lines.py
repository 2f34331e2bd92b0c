"""Lines that somebody types, or that a pipe holds."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

LONGEST: Final = 64 * 1024
"""Bytes of a line; what is longer is cut into several."""


async def typed(descriptor: int) -> AsyncIterator[str]:
    """Each line until the end, with no line feed.

    A thread waits for them, and is left alone where nobody types: neither a buffer nor the end of Python knows of it.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(line: str | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        rest = b""
        with suppress(OSError):  # closed, or another process group has the terminal
            while data := os.read(descriptor, LONGEST):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    tell(line.decode("utf-8", "replace"))
                if len(rest) > LONGEST:
                    tell(rest.decode("utf-8", "replace"))
                    rest = b""
        if rest:
            tell(rest.decode("utf-8", "replace"))
        tell(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
