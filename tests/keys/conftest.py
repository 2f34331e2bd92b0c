"""A display with a keyboard, for tests that ask for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys.private_bus import PrivateBus
from tests.keys.x_display import Fingers, XDisplay


@pytest.fixture(scope="module")
def display() -> Iterator[XDisplay]:
    with XDisplay() as display:
        yield display


@pytest.fixture
def fingers(display: XDisplay) -> Iterator[Fingers]:
    with Fingers(display) as fingers:
        yield fingers


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[PrivateBus]:
    with PrivateBus(tmp_path) as bus:
        yield bus
