"""A home of one's own for each patient, with nothing in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voiced.config import Loaded, Places
from voiced.doctor import settings_file
from voiced.doctor.case import Case
from voiced.sound_card import SoundCard
from voiced.testing.sound_card import VirtualCard

MakePlaces = Callable[..., Places]
MakeCase = Callable[..., Case]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine that runs the tests has."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture
def places(tmp_path: Path) -> MakePlaces:
    """Makes the places of settings: `text` is the file's, keyword arguments go into the environment."""

    def make(text: str = "", **environ: str) -> Places:
        file = tmp_path / "voiced.toml"
        if text:
            file.write_text(text)
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        return Places((file,), False, {**home, **environ})

    return make


@pytest.fixture
def loaded(places: MakePlaces) -> Callable[..., Loaded]:
    """Makes settings that are read as `places` has them."""
    return lambda text="", **environ: settings_file.read(places(text, **environ)).loaded


@pytest.fixture
def case(loaded: Callable[..., Loaded]) -> MakeCase:
    """Makes a case, with a sound card in memory."""

    def make(text: str = "", *, card: SoundCard | None = None, status: dict[str, Any] | None = None) -> Case:
        return Case(loaded(text), card or VirtualCard(), status, hear_s=0.6)

    return make
