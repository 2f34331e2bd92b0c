"""A light of somebody's own making: a program that is run with each new state."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from voiced.lights.state import State

OFF_WITHIN_S: Final = 0.5
"""At the end of voiced, which must not wait for a light."""

KILLED_WITHIN_S: Final = 0.2
"""A program that even SIGKILL does not end waits for the kernel; it is left alone."""

VARIABLE: Final = "VOICED_LIGHT"

KEPT: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
     "DISPLAY", "WAYLAND_DISPLAY"}
)  # fmt: skip
"""Variables that the program gets. A list of what it does not get would lack the next secret."""

log = structlog.get_logger(__name__)


class Program:
    """`port.Lamp`: no shell, no input, a session of its own; what it prints is dropped."""

    def __init__(self, command: Sequence[str], timeout_s: float, environ: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._environ = {name: value for name, value in environ.items() if name in KEPT}
        self._told = ""
        """What is wrong, as the log has it; a light that fails fails often."""

    async def show(self, state: State) -> None:
        await self._run(state, self._timeout_s)

    async def close(self) -> None:
        await self._run("off", min(OFF_WITHIN_S, self._timeout_s))

    async def _run(self, state: State, within_s: float) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                state,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**self._environ, VARIABLE: state},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._tell(f"it can't be run ({error.strerror}); see lights.command")
            return
        try:
            async with asyncio.timeout(within_s):
                code = await process.wait()
        except TimeoutError:
            self._tell(f"it took longer than {within_s:g} s and was killed; see lights.command_timeout_s")
        else:
            self._tell(_trouble(code))
        finally:
            if process.returncode is None:
                await _kill(process)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._told:
            log.warning("lights.program", program=self._command[0], reason=trouble)
        self._told = trouble


def _trouble(code: int) -> str:
    """What an exit code tells, as asyncio gives it; empty where all is well."""
    if code < 0:
        return f"it crashed or was killed: {signal.strsignal(-code) or f'signal {-code}'}"
    return f"it ended with the code {code}" if code else ""


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended just now
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_WITHIN_S):
            await process.wait()
