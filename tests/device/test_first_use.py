"""Somebody who begins with nothing gets a spoken answer: what the benchmark of a first use measures."""

from __future__ import annotations

import pytest

from tests.benchmarks import first_use
from tests.device.pulse import missing
from voiced.sound_card import PortAudioCard


@pytest.mark.device
@pytest.mark.skipif(missing() != "", reason=missing())
async def test_somebody_new_gets_a_spoken_answer() -> None:
    try:
        found = await first_use.measure(install=False)
    finally:
        PortAudioCard().rescan()  # its sound server is gone; that of the other tests is there again
    assert [name.partition(",")[0] for name, _ in found.steps] == [
        "voiced setup --yes",
        "voiced run",
        "the question",
        "the answer begins",
    ]
    assert all(0 < seconds < first_use.WITHIN_S for _, seconds in found.steps)
    assert "It is " in found.said
