"""Runs a program as a child: in time, with nothing of ours but what it needs, and its whole family ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

MOST_OUTPUT: Final = 16 * 1024
"""Bytes; what a program prints beyond that is read and dropped."""

SETTLE_S: Final = 0.2
"""From SIGTERM to SIGKILL. A plugin that is cancelled has little more."""

_CHUNK: Final = 16 * 1024
_REST_S: Final = 0.005
"""Between two chunks that are dropped: the event loop carries the sound as well."""

_KEPT: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|XDG_[A-Z_]+|DBUS_SESSION_BUS_ADDRESS|DISPLAY"
    r"|WAYLAND_DISPLAY"
)
"""Variables that a program gets. A list of what it does not get would lack the next secret."""

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])")


@dataclass(frozen=True, slots=True)
class Ended:
    """`code`: of the exit, or the negative number of the signal that ended it. `dropped`: bytes of more output."""

    code: int
    output: str
    dropped: int


async def run(argv: Sequence[str], within_s: float) -> Ended:
    """Run a program to its end: no shell, no input, a session of its own. Raises OSError, and TimeoutError.

    When it takes too long, or this is cancelled, it is ended with all that it started.
    """
    async with _output_pipe() as (reader, writing_end):
        home = os.environ.get("HOME", "")
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing_end,
                stderr=asyncio.subprocess.STDOUT,
                env=environment(os.environ),
                cwd=home if os.path.isdir(home) else "/",  # noqa: ASYNC240 a look at one folder
                start_new_session=True,
            )
        finally:
            os.close(writing_end)
        output = _Output()
        reading = asyncio.create_task(output.read(reader))
        try:
            async with asyncio.timeout(within_s):
                code = await process.wait()
            with contextlib.suppress(TimeoutError):  # what it left running may hold on to the pipe
                async with asyncio.timeout(SETTLE_S):
                    await asyncio.shield(reading)
            return Ended(code, output.text(), output.dropped)
        finally:
            reading.cancel()
            if process.returncode is None:
                await _end(process)


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a program gets of our environment.

    >>> environment({"HOME": "/home/me", "LC_TIME": "C", "OPENAI_API_KEY": "sk-1", "VOICED_LOG__LEVEL": "debug"})
    {'HOME': '/home/me', 'LC_TIME': 'C'}
    """
    return {name: value for name, value in ours.items() if _KEPT.fullmatch(name)}


class _Output:
    def __init__(self) -> None:
        self._kept = bytearray()
        self.dropped = 0

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Until the end; what is too much keeps nobody waiting and takes no room."""
        while chunk := await reader.read(_CHUNK):
            room = MOST_OUTPUT - len(self._kept)
            self._kept += chunk[:room]
            self.dropped += max(0, len(chunk) - room)
            if self.dropped:
                await asyncio.sleep(_REST_S)

    def text(self) -> str:
        """Without colours, and what else moves a terminal."""
        text = _ESCAPES.sub("", self._kept.decode("utf-8", "replace")).replace("\r\n", "\n")
        return "".join(each for each in text if each.isprintable() or each in "\n\t").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its family too: in the end by SIGKILL, whatever becomes of this coroutine."""
    try:
        _signal(process.pid, signal.SIGTERM)
        await _wait(process)
    finally:
        _signal(process.pid, signal.SIGKILL)
    await _wait(process)


async def _wait(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or somebody else's by now
        os.killpg(group, number)


@asynccontextmanager
async def _output_pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A reader, and the end to write to, which whoever begins the program closes.

    A pipe that asyncio makes would be open as long as a grandchild holds it.
    """
    reading_end, writing_end = os.pipe()
    reader = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading_end, "rb", buffering=0)
    )
    try:
        yield reader, writing_end
    finally:
        transport.close()
