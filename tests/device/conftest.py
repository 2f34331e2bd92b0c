"""Fixtures of the tests that go through real PortAudio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.device.pulse import PrivatePulse, missing
from voiced.sound_card import PortAudioCard


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
