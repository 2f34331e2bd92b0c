"""Waiting for what tells nobody: a file, a log, somebody else's process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails."""


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def gone(pid: int) -> None:
    """Wait until the process is no more."""
    await until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    """And does not only wait to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # ProcessLookupError: it went while it was looked at
        return False
