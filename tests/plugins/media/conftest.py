"""Fixtures of the media tests: one MPD for all of them, made as new for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.plugins.media.mpd import Mpd


@pytest.fixture(scope="session")
def mpd_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mpd]:
    if shutil.which("mpd") is None:
        pytest.skip("there is no mpd: apt-get install --no-install-recommends mpd")
    mpd = Mpd(tmp_path_factory.mktemp("mpd") / "mpd")
    mpd.library()
    mpd.playlist("Sunday Morning", 7, 1)
    yield mpd
    mpd.stop()


@pytest.fixture
async def mpd(mpd_process: Mpd) -> Mpd:
    """Running, silent, at full volume, with `LIBRARY` and the playlist Sunday Morning."""
    await mpd_process.reset()
    return mpd_process
