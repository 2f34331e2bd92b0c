"""A server that stalls, and nobody who waits for it: the patience of whoever asked passes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from voiced.testing.clock import turns
from voiced.testing.http import HttpLoopback, Stage
from voiced.testing.swift_time import SwiftTime

PATIENCE_S: Final = 20.0
"""Of the loop's time; no machine hangs that long before the server stalls."""


@asynccontextmanager
async def patience_passes(server: HttpLoopback, stage: Stage, *nth: int) -> AsyncIterator[None]:
    """Inside of the block PATIENCE_S pass each time the server stalls at one of the requests `nth` of `stage`.

    By then all that it sent before has come.
    """
    time = SwiftTime()

    async def pass_by() -> None:
        for count in nth:
            await server.wait_for(stage, 2 * PATIENCE_S, count=count, outcome="faulted")
            await turns()
            time.hurry_to(time.time() + PATIENCE_S)

    with time.kept():
        passing = asyncio.create_task(pass_by())
        try:
            yield
        finally:
            passing.cancel()
            await asyncio.wait([passing])
