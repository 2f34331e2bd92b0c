"""Fixtures of the plugin tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    """With no plugin but those that the test puts there."""
    return Home(tmp_path, clock)
