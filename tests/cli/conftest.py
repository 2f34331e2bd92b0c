"""Who types commands of `voiced api` has a home of its own, with nothing in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.api_bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in [name for name in os.environ if name.startswith(("VOICED_", "XDG_", "STATE_")) or "API_KEY" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return Bench(tmp_path, monkeypatch)
