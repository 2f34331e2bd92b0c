"""A server as a program of ours: started, read line by line, and ended with all that it started itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from voiced.api import ToolContext
from voiced.plugins.builtin.mcp.inflow import MESSAGE_BYTES, Inflow, Lost, Unusable
from voiced.plugins.builtin.mcp.pipe import Pipe

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

EOF_GRACE_S: Final = 0.15
"""A server ends when its input does: that is its way to end in order."""

HUNG_UP_GRACE_S: Final = 1.0
"""A server that closes its output most likely ended, which is told by how it ended; one that lives on hung up."""

TERM_GRACE_S: Final = 0.1
"""From SIGTERM to SIGKILL. All of voiced has 2 s to stop."""

_CHUNK: Final = 64 * 1024

_LOG_CHARACTERS: Final = 300
_LOG_LINES: Final = 20
_LOG_PAUSE_S: Final = 0.2
"""Of standard error so many lines are logged in so long; who writes more waits, or is not logged."""

_LAUNCHER: Final = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[3:])
"""
"""Has the kernel end the program with voiced, even where voiced is killed: PR_SET_PDEATHSIG, then the program."""


class ServerProcess:
    """A program that was started; `pipe` is how one talks to it."""

    def __init__(self, process: Process, log: FilteringBoundLogger) -> None:
        self._process = process
        self._log = log
        self._inflow = Inflow(asyncio.get_running_loop().time)
        self._part = bytearray()
        self._lines: deque[bytes] = deque()
        self._garbage = False
        self.pipe = Pipe(self._read, self._write)

    def send_signal(self, number: signal.Signals) -> None:
        """To it, and to all that it started and that is still of its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def end(self) -> None:
        """In order where it does that soon, at any rate within `EOF_GRACE_S` and `TERM_GRACE_S`."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            if not await self._ended_within(EOF_GRACE_S):
                self.send_signal(signal.SIGTERM)
                await self._ended_within(TERM_GRACE_S)
        finally:
            self.send_signal(signal.SIGKILL)
        await self._ended_within(TERM_GRACE_S)

    async def log_errors(self) -> None:
        """What it writes to standard error, for debugging, at a pace that harms nobody."""
        assert self._process.stderr
        while chunk := await self._process.stderr.read(_CHUNK):
            for line in chunk.splitlines()[-_LOG_LINES:]:
                self._log.debug("server writes", text=line[:_LOG_CHARACTERS].decode("utf-8", "replace"))
            await asyncio.sleep(_LOG_PAUSE_S)

    async def _read(self) -> SessionMessage | None:
        await asyncio.sleep(0)  # a chunk may hold many messages, and the sound is between them
        while True:
            while self._lines:
                if message := self._message(self._lines.popleft()):
                    return message
            if not await self._read_chunk():
                return None

    async def _read_chunk(self) -> bool:
        assert self._process.stdout
        chunk = await self._process.stdout.read(_CHUNK)
        self._inflow.count(chunk)
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._lines.append(bytes(self._part) + line)
            self._part.clear()
        self._part += rest
        if len(self._part) > MESSAGE_BYTES:
            raise Lost("it sends a message that is too large")
        if not chunk and await self._ended_within(HUNG_UP_GRACE_S):
            raise Lost(f"it ended{_how(self._process.returncode)}")
        return bool(chunk)

    def _message(self, line: bytes) -> SessionMessage | None:
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            if line.strip() and not self._garbage:
                self._garbage = True
                self._log.debug(
                    "server prints what is no message", text=line[:_LOG_CHARACTERS].decode(errors="replace")
                )
            return None

    async def _write(self, message: SessionMessage) -> None:
        assert self._process.stdin
        line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def _ended_within(self, limit_s: float) -> bool:
        """Not by `Process.wait`, which waits for whoever has its pipes as well."""
        until = asyncio.get_running_loop().time() + limit_s
        while self._process.returncode is None:
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(0.01)
        return True


@asynccontextmanager
async def started(
    command: Sequence[str], env: Mapping[str, str], cwd: str, context: ToolContext
) -> AsyncGenerator[ServerProcess]:
    """Start it, and have it ended at the end. Raises Lost, or Unusable, where it can't be started."""
    loop = asyncio.get_running_loop()
    full = {**get_default_environment(), **env}
    words, folder = await context.in_thread(partial(_words, command, cwd, full.get("PATH")))
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=_CHUNK, loop=loop),
            *words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=folder,
            env=full,
            start_new_session=True,
        )
    except OSError as error:
        raise Lost(f"it can't be started: {error.strerror}") from error
    server = ServerProcess(Process(transport, protocol, loop), context.log)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(server.log_errors)
            try:
                yield server
            finally:
                group.cancel_scope.cancel()
    finally:
        try:
            with anyio.CancelScope(shield=True):
                await server.end()
        finally:
            server.send_signal(signal.SIGKILL)
            transport.close()


def _words(command: Sequence[str], cwd: str, path: str | None) -> tuple[list[str], Path | None]:
    """What to start, and where."""
    folder = Path(cwd).expanduser() if cwd else None
    if folder and not folder.is_dir():
        raise Unusable("its cwd is no folder")
    name = os.path.expanduser(command[0])
    program = shutil.which(os.path.join(folder or "", name) if "/" in name else name, path=path)
    if program is None:
        raise Unusable("its program is not there, or may not be run")
    program = os.path.abspath(program)
    if sys.platform != "linux":
        return [program, *command[1:]], folder
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), program, name, *command[1:]], folder


def _how(code: int | None) -> str:
    if code is None or code == 0:
        return ""
    if code > 0:
        return f" with the exit code {code}"
    with suppress(ValueError):
        return f" by {signal.Signals(-code).name}"
    return f" by signal {-code}"
