"""Fixtures of the plugin tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home
from voiced.testing.clock import PATIENCE_S, turns


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    """With no plugin but those that the test puts there."""
    return Home(tmp_path, clock)


@pytest.fixture
async def reaped() -> AsyncIterator[None]:
    """The loop is told of the end of each program before it is closed: else Python warns of it, in some later test.

    Plugins end in half a second, whether the machine is quick enough to tell them or not.
    """
    before = _awaited()
    yield
    async with asyncio.timeout(PATIENCE_S):
        while _awaited() - before:  # noqa: ASYNC110 they tell the loop alone
            await asyncio.sleep(0.001)
    await turns()


def _awaited() -> set[str]:
    """The children of this process, and the threads in which asyncio waits for them."""
    found = {thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio-waitpid-")}
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            found.update(children.read_text().split())
    return found
