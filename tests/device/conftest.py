"""Fixtures of the tests that go through real PortAudio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device.pulse import PrivatePulse, missing
from voiced.sound_card import PortAudioCard


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sound passes in real time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("real_time")


@pytest.fixture(scope="session")
def pulse() -> Iterator[PrivatePulse]:
    """One server for all tests of the session."""
    if lacks := missing():
        pytest.skip(lacks)
    server = PrivatePulse()
    PortAudioCard().rescan()
    yield server
    server.close()
    PortAudioCard().rescan()


@pytest.fixture
def card(pulse: PrivatePulse) -> PortAudioCard:
    """The machine's sound card: that of `pulse`."""
    return PortAudioCard()
