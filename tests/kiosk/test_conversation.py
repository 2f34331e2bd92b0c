"""Somebody talks with voiced through a page, whole: the daemon has no sound card but the browser.

The page's microphone hears the room of the household's card; what the page was sent is what its loudspeaker plays.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, ms, passages
from voiced.audio import RATE, SAMPLE_BYTES
from voiced.conversation.commands import (
    BargedIn,
    DeviceChanged,
    FloorChanged,
    Muted,
    ReplyHeard,
    TalkKeyHeld,
    UtteranceEnded,
)
from voiced.errors import ConfigError
from voiced.kiosk.browser_card import BLOCK_SAMPLES, LEAD_S
from voiced.testing.loopback import LoopbackServer, Pace, Say
from voiced.testing.sound_card import VirtualCard

COFFEE: Final = Say(
    "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
    "fifteenth century. Traders carried it on to Istanbul, Venice and London."
)
TEA: Final = Say("Tea comes from the leaves of a bush.")


class Browser:
    """A page with a microphone in the room, and a loudspeaker that nobody's microphone hears."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.played = bytearray()
        self.listens = True
        self._connection: ClientConnection | None = None
        self._captured: asyncio.Queue[bytes] = asyncio.Queue()

    def tick(self, heard: bytes, _played: bytes) -> None:
        """The card's: some of what is to be heard in the room."""
        if self._connection is not None and self.listens:
            self._captured.put_nowait(heard)

    @contextlib.asynccontextmanager
    async def open(self, home: Household) -> AsyncIterator[None]:
        """Open the page, and press the button for the sound."""
        place = address(home).removeprefix("http://").rstrip("/")
        connecting = asyncio.ensure_future(
            connect(
                f"ws://{place}/ws",
                origin=Origin(f"http://{place}"),
                subprotocols=[Subprotocol("voiced.v1")],
                compression=None,
                proxy=None,
                ping_interval=None,
                close_timeout=0.5,
            ).__aenter__()
        )
        await home.until(connecting.done)
        self._connection = connecting.result()
        await self.press(do="sound", on=True, rate=RATE)
        reading = asyncio.create_task(self._read(self._connection))
        sending = asyncio.create_task(self._send(self._connection))
        try:
            yield
        finally:
            self.close()
            await home.until(lambda: reading.done() and sending.done())

    def close(self) -> None:
        """The window is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.transport.abort()
            self._captured.put_nowait(b"")

    async def press(self, **request: Any) -> None:
        assert self._connection is not None
        await self._connection.send(json.dumps(request))

    def facts(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("fact") == name]

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                if isinstance(message, bytes):
                    self.played += message
                else:
                    self.messages.append(json.loads(message))

    async def _send(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while pcm := await self._captured.get():
                await connection.send(pcm)


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def household(tmp_path: Path, browser: Browser) -> Callable[..., Household]:
    """Makes a household whose daemon serves the page, and hears and speaks through it."""

    def make(script: list[Say], *, pace: Pace | None = None, **settings: object) -> Household:
        kiosk = {"kiosk.serve": True, "kiosk.port": 0, "kiosk.sound": "browser", "capture.echo": "auto"}
        return Household(
            tmp_path,
            LoopbackServer(script, pace=pace),
            settings=kiosk | settings,
            card=VirtualCard(rate=RATE, on_tick=browser.tick),
        )

    return make


def address(home: Household) -> str:
    """Where the page is, by the log."""
    return _addresses(home)[-1]


def _addresses(home: Household) -> list[str]:
    return [str(line["address"]) for line in home.log if line["event"] == "kiosk.ready"]


async def served(home: Household) -> None:
    """Switch voiced on."""
    before = len(_addresses(home))
    home.start()
    await home.until(lambda: len(_addresses(home)) > before)


def begins(played: bytearray, at: int = 0) -> int:
    """The first sample that is no silence, from `at` on."""
    return at + int(np.flatnonzero(np.frombuffer(played, "<i2")[at:])[0])


@pytest.mark.real_time
async def test_somebody_speaks_to_the_page_and_hears_the_answer_there(
    household: Callable[..., Household], browser: Browser
) -> None:
    async with household([TEA]) as home:
        await served(home)
        missing = await home.next(DeviceChanged, lambda fact: fact.kind == "microphone")
        assert not missing.ok
        assert f"open {address(home)} and press the button" in missing.detail
        await home.run(10)  # nobody waits for the next try, however long it would be
        opened = home.card.time()
        async with browser.open(home):
            await home.ready()
            assert home.card.time() - opened < 1.0
            home.say("tea")
            heard = await home.next(ReplyHeard)
            assert (heard.text, heard.cut, heard.heard) == (TEA.text, False, heard.received)

            tape = np.frombuffer(bytes(browser.played), "<i2")  # a copy: more may come
            [(first, last)] = passages(tape)
            assert is_whole(tape[first:last], TEA.audio())
            assert len(browser.played) % (BLOCK_SAMPLES * SAMPLE_BYTES) == 0
            await home.until(lambda: browser.facts("ReplyHeard"))
            assert browser.facts("ReplyHeard")[0]["text"] == TEA.text
            assert {device.detail for device in home.of(DeviceChanged) if device.ok} == {"browser"}
        assert not any(line["event"] == "echo.half_duplex" for line in home.log), "browsers cancel echo themselves"


@pytest.mark.real_time
async def test_who_interrupts_on_the_page_is_answered(household: Callable[..., Household], browser: Browser) -> None:
    async with household([COFFEE, TEA]) as home:
        await served(home)
        async with browser.open(home):
            await home.ready()
            home.say("coffee")
            await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
            await home.run(2.5)
            home.say("tea")
            await home.next(BargedIn)
            cut = await home.next(ReplyHeard)
            played_ms = ms((len(browser.played) // SAMPLE_BYTES) - begins(browser.played))
            whole = await home.next(ReplyHeard)

        assert (cut.cut, whole.cut, whole.text) == (True, False, TEA.text)
        [truncation] = home.received("conversation.item.truncate")
        assert truncation.event["audio_end_ms"] == cut.heard
        on_the_way_ms = 60
        assert played_ms - 300 < cut.heard < played_ms + on_the_way_ms, "no more than the page was sent"


@pytest.mark.real_time
async def test_a_page_that_is_closed_in_mid_answer_and_comes_back_hears_the_rest(
    household: Callable[..., Household], browser: Browser
) -> None:
    async with household([COFFEE]) as home:
        await served(home)
        async with browser.open(home):
            await home.ready()
            home.say("coffee")
            await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
            await home.run(2.0)
        lost = await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and not fact.ok)
        assert "browser" in lost.detail
        sent = len(browser.played)
        await home.run(3.0)
        assert len(browser.played) == sent

        again = home.card.time()
        async with browser.open(home):
            await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and fact.ok)
            assert home.card.time() - again < 1.0
            heard = await home.next(ReplyHeard)

        assert (heard.cut, heard.heard) == (False, heard.received)
        samples = (len(browser.played) // SAMPLE_BYTES) - begins(browser.played)
        assert samples >= len(COFFEE.audio()) // SAMPLE_BYTES - (LEAD_S + 0.1) * RATE


async def test_mute_closes_the_microphone_of_the_page(household: Callable[..., Household], browser: Browser) -> None:
    async with household([TEA]) as home:
        await served(home)
        async with browser.open(home):
            await home.ready()
            await browser.press(do="mute", muted=True)
            await home.next(Muted)
            home.say("coffee")  # the page would have closed it too
            await home.run(2.5)
            assert home.of(UtteranceEnded) == []
            browser.listens = False
            await home.run(2.5)
            browser.listens = True
            await browser.press(do="mute", muted=False)
            await home.next(Muted)
            await home.next(DeviceChanged, lambda fact: fact.kind == "microphone" and fact.ok)
            home.say("tea")
            assert (await home.next(ReplyHeard)).text == TEA.text
            lost = [fact for fact in home.of(DeviceChanged) if not fact.ok and fact.kind == "loudspeaker"]
            assert len(lost) == 1, "before there was a page, and never after"


async def test_the_key_to_talk_is_let_go_by_a_page_that_is_closed(
    household: Callable[..., Household], browser: Browser
) -> None:
    async with household([TEA]) as home:
        await served(home)
        async with browser.open(home):
            await home.ready()
            await browser.press(do="ptt", action="down")
            assert await home.next(TalkKeyHeld) == TalkKeyHeld(True)
        assert await home.next(TalkKeyHeld) == TalkKeyHeld(False)


async def test_a_page_comes_back_after_a_restart_of_the_daemon(
    household: Callable[..., Household], browser: Browser
) -> None:
    async with household([TEA, TEA]) as home:
        await served(home)
        async with browser.open(home):
            await home.ready()
            before = address(home)
            await home.stop()
        home.write_settings(kiosk__port=int(before.rstrip("/").rpartition(":")[2]))
        await served(home)
        async with browser.open(home):
            await home.ready()
            home.say("tea")
            assert (await home.next(ReplyHeard)).text == TEA.text
        assert address(home) == before


async def test_a_page_that_others_may_see_without_a_token_is_not_served(household: Callable[..., Household]) -> None:
    async with household([], **{"kiosk.host": "0.0.0.0"}) as home:
        home.start()
        with pytest.raises(ConfigError, match="allow_remote"):
            await home.stop()


async def test_the_token_of_the_settings_is_asked_for_and_not_logged(
    household: Callable[..., Household], browser: Browser
) -> None:
    async with household([]) as home:
        secret = home.folder / "token"
        secret.write_text("correct-horse-battery\n")
        secret.chmod(0o600)
        home.write_settings(kiosk__token_file=str(secret))
        await served(home)
        opening = browser.open(home)
        with pytest.raises(Exception, match="HTTP 401"):
            await opening.__aenter__()
        assert "correct-horse" not in json.dumps(home.log)
