"""A server on loopback, and a client that sends it whatever a test likes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.testing.http_client import Raw, raw_of
from voiced.testing.http import HttpLoopback


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback() as server:
        yield server


@pytest.fixture
async def raw(server: HttpLoopback) -> AsyncIterator[Raw]:
    async with raw_of(server) as raw:
        yield raw
