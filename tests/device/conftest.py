"""Fixtures of the tests that go through real PortAudio."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.device.pulse import PrivatePulse, missing
from tests.device.standstill import TOO_LONG_S, MachineStoodStill, Watch
from voiced.sound_card import PortAudioCard


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sound that was cut because the machine stood still says nothing of voiced: listen again, some times at most."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=4, only_rerun=MachineStoodStill.__name__))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Tell failures of the machine from those of voiced."""
    with Watch() as watch:
        try:
            return (yield)
        except (Exception, pytest.fail.Exception) as error:
            if (stood_s := watch.longest_s()) > TOO_LONG_S:
                raise MachineStoodStill(f"for {stood_s:.2f} s, meanwhile: {error}") from error
            raise


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
