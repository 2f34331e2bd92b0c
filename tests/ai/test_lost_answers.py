"""What went out and got no answer is counted: the server may have done it, and wants its money."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.ai.desk import Desk, desk
from tests.ai.sounds import tone, wav
from voiced.errors import ApiUnreachable
from voiced.testing.http import Drop, Fault, HttpLoopback
from voiced.usage import Usage

MEMO = ("memo.wav", wav(tone(2.0)))


async def _embed(at: Desk) -> None:
    await at.ai.embeddings.embed(["Grüße", "Bread"])


async def _transcribe(at: Desk) -> None:
    await at.ai.audio.transcribe(MEMO)


async def _translate(at: Desk) -> None:
    await at.ai.audio.translate(MEMO)


async def _speak(at: Desk) -> None:
    await at.ai.audio.speak("Dinner is ready.")


@pytest.mark.parametrize(
    ("ask", "stage", "cost"),
    [
        (_embed, "embeddings", Usage("text-embedding-3-small", text_in=12)),
        (_transcribe, "transcription", Usage("gpt-transcribe", seconds=2.0)),
        (_translate, "translation", Usage("whisper-1", seconds=2.0)),
        (_speak, "speech", Usage("gpt-4o-mini-tts", characters=16)),
    ],
    ids=["embed", "transcribe", "translate", "speak"],
)
async def test_an_answer_that_got_lost_is_paid(ask: Callable[[Desk], Awaitable[None]], stage: Any, cost: Usage) -> None:
    async with HttpLoopback(faults=[Fault(Drop(), stage)]) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiUnreachable):
            await ask(at)
        assert at.spent == [cost]


async def test_a_sound_that_did_not_begin_is_paid() -> None:
    async with HttpLoopback(faults=[Fault(Drop(), "speech")]) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiUnreachable):
            async with at.ai.audio.stream_speech("Dinner is ready.") as pieces:
                await anext(aiter(pieces))
        assert at.spent == [Usage("gpt-4o-mini-tts", characters=16)]


async def test_a_text_that_did_not_begin_is_paid() -> None:
    async with HttpLoopback(faults=[Fault(Drop(), "transcription")]) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiUnreachable):
            async with at.ai.audio.transcribe_stream(MEMO, model="gpt-4o-transcribe") as pieces:
                await anext(aiter(pieces))
        assert at.spent == [Usage("gpt-4o-transcribe", seconds=2.0)]


async def test_a_picture_that_did_not_begin_is_paid() -> None:
    async with HttpLoopback(faults=[Fault(Drop(), "images")]) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiUnreachable, match="it may have been done all the same"):
            async with at.ai.images.stream("A cat") as pictures:
                await anext(aiter(pictures))
        (spent,) = at.spent
        assert (spent.model, spent.image_out > 0) == ("gpt-image-2", True)
