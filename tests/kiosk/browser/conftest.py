"""One Chromium for all tests of the page, and a desk or a whole house behind the page."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.daemon.household import clip
from tests.kiosk.browser.chromium import Browser, Chromium, executable
from tests.kiosk.browser.desk import Desk
from tests.kiosk.browser.house import FIRST_WORD_S, SECOND_WORD_S, House
from voiced.audio import RATE, SAMPLE_BYTES


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of its DevTools. Its fake microphone asks about the moon, and a while later about the rain."""
    if executable() is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium")
    folder = tmp_path_factory.mktemp("chromium")
    heard = bytearray()
    for at_s, name in ((FIRST_WORD_S, "moon"), (SECOND_WORD_S, "rain")):
        heard += bytes(round(at_s * RATE) * SAMPLE_BYTES - len(heard)) + clip(name)
    heard += bytes(60 * RATE * SAMPLE_BYTES)  # after the end of the file Chromium repeats its last block for ever
    with wave.open(str(folder / "microphone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(RATE)
        file.writeframes(heard)
    process = Chromium(folder / "profile", folder / "microphone.wav")
    try:
        yield process.address()
    finally:
        process.stop()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with Browser.connected(chromium) as browser:
        yield browser


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """The kiosk's server, with a test behind it."""
    async with Desk() as desk:
        yield desk


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[House]]:
    """Makes a house out of what the Realtime server answers, and of settings."""

    def make(*answers: str, **settings: object) -> House:
        return House(tmp_path, answers, settings)

    return make
