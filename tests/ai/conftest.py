"""A server on loopback, and the helpers before it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from voiced.testing.http import HttpLoopback

from .desk import Desk, desk


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback() as server:
        yield server


@pytest.fixture
async def here(server: HttpLoopback) -> AsyncIterator[Desk]:
    async with desk(server) as here:
        yield here
