"""Who types commands of `voiced api` has a home of its own, with nothing in it, and a server on loopback to ask."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.api_bench import KEY, Bench
from voiced.testing.http import HttpLoopback


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in [name for name in os.environ if name.startswith(("VOICED_", "XDG_", "STATE_")) or "API_KEY" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return Bench(tmp_path, monkeypatch)


@pytest.fixture
async def server(bench: Bench) -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(valid_key=KEY) as server:
        bench.before(server)
        yield server
