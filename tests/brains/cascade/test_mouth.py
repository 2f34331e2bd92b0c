"""Sentences are spoken in their order, a little ahead and not further."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from voiced.audio import RATE
from voiced.brains.cascade.mouth import LOOK_AHEAD, MOST_AHEAD_S, MOST_CHUNKS, Mouth
from voiced.errors import ApiUnreachable

SECOND = bytes(2 * RATE)


class Speaker:
    """A voice whose sentences are made when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.made: dict[str, Callable[[bytes], Awaitable[None]]] = {}
        self.over: dict[str, asyncio.Event] = {}
        self.out: list[str | bytes] = []
        self.mouth = Mouth(
            self.speak, on_text=self.out.append, on_sound=self.out.append, on_whole=lambda: self.out.append("whole")
        )

    async def speak(self, text: str, hear: Callable[[bytes], Awaitable[None]]) -> None:
        self.begun.append(text)
        self.made[text] = hear
        await self.over.setdefault(text, asyncio.Event()).wait()
        if text.startswith("broken"):
            raise ApiUnreachable("it broke")

    def end(self, *texts: str) -> None:
        for text in texts:
            self.over.setdefault(text, asyncio.Event()).set()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_sound_goes_out_in_the_order_of_the_sentences_whichever_is_made_first() -> None:
    speaker = Speaker()
    running = asyncio.create_task(speaker.mouth.run())
    for text in ("one", "two", "three"):
        speaker.mouth.say(text)
    speaker.mouth.finish()
    await settle()
    assert speaker.begun == ["one", "two"]
    await speaker.made["two"](b"22")
    speaker.end("two")
    await settle()
    assert (speaker.out, speaker.begun) == (["one"], ["one", "two"])
    await speaker.made["one"](b"11")
    speaker.end("one", "three")
    await running
    assert speaker.out == ["one", b"11", "whole", "two", b"22", "whole", "three", "whole"]


async def test_no_more_is_made_than_may_be_wanted() -> None:
    speaker = Speaker()
    running = asyncio.create_task(speaker.mouth.run())
    texts = [f"sentence {number}" for number in range(LOOK_AHEAD + 1)]
    for text in texts:
        speaker.mouth.say(text)
    await settle()
    for _ in range(int(MOST_AHEAD_S) + 5):
        await speaker.made[texts[0]](SECOND)
    speaker.end(texts[0])
    await settle()
    assert (
        speaker.out[-2:]
        == [
            texts[1],
        ]
        or speaker.out[-1] == texts[1]
    )
    assert speaker.begun == texts[:-1]  # five seconds must be played before the last one is asked for
    running.cancel()
    await asyncio.wait([running])


async def test_a_server_that_is_too_quick_must_wait() -> None:
    speaker = Speaker()
    running = asyncio.create_task(speaker.mouth.run())
    speaker.mouth.say("one")
    speaker.mouth.say("two")
    await settle()

    async def pour() -> None:
        while True:
            await speaker.made["two"](b"22")
            poured.append(2)

    poured: list[int] = []
    pouring = asyncio.create_task(pour())
    await asyncio.wait([pouring], timeout=0)
    await settle()
    assert len(poured) == MOST_CHUNKS
    for task in (pouring, running):
        task.cancel()
    await asyncio.wait([pouring, running])


async def test_what_comes_before_a_sentence_that_fails_is_said() -> None:
    speaker = Speaker()
    running = asyncio.create_task(speaker.mouth.run())
    speaker.mouth.say("one")
    speaker.mouth.say("broken")
    speaker.end("broken")
    await settle()
    await speaker.made["one"](b"11")
    speaker.end("one")
    with pytest.raises(ExceptionGroup) as raised:
        await running
    assert raised.group_contains(ApiUnreachable)
    assert speaker.out == ["one", b"11", "whole", "broken"]
