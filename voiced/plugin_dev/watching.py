"""Notices that a file of the plugin was saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from voiced.plugins.working_copy import WorkingCopy

EVERY_S: Final = 0.5
"""People save and look up; looking at some files costs a millisecond."""


async def saved(copy: WorkingCopy, every_s: float = EVERY_S) -> AsyncIterator[list[Path]]:
    """The files that were written, made or taken away since it was asked last; each time at least one."""
    before = await asyncio.to_thread(copy.stamps)
    while True:
        await asyncio.sleep(every_s)
        now = await asyncio.to_thread(copy.stamps)
        if changed := sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path)):
            before = now
            yield changed
