"""espeak-ng in its worker: texts of all kinds, voices that there are and are not, loudness."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from voiced.audio import RATE
from voiced.brains.offline.choice import voice_of
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.offline.speaking import Speaking
from voiced.brains.offline.worker_process import Worker, WorkerFailed


@asynccontextmanager
async def espeak(**settings: object) -> AsyncIterator[Worker]:
    worker = Worker(voice_of(OfflineSettings.model_validate(settings), {}).engine, hang_s=20)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        yield worker
        running.cancel()


async def said(worker: Worker, text: str) -> bytes:
    return b"".join([chunk async for chunk in Speaking(worker).say(text)])


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00", "\x00\x1b\x07"])
async def test_a_text_without_a_sound_has_none(text: str) -> None:
    async with espeak() as worker:
        assert await said(worker, text) == b""


async def test_nothing_hides_behind_a_nul() -> None:
    async with espeak() as worker:
        whole, half = await said(worker, "good\x00morning everybody"), await said(worker, "good")
        assert seconds(whole) > 2 * seconds(half)


async def test_markup_is_text_like_any_other() -> None:
    async with espeak() as worker:
        marked, plain = await said(worker, '<prosody rate="slow">hi</prosody>'), await said(worker, "hi")
        assert seconds(marked) > 3 * seconds(plain)


@pytest.mark.parametrize("text", ["smile 🙂", "日本語", "\ud800", "Привет", "[[h@l'oU]]", "a" * 300, "&amp; %d %s %n"])
async def test_odd_characters_are_spoken_or_left_out_and_the_process_lives_on(text: str) -> None:
    async with espeak() as worker:
        await said(worker, text)
        assert seconds(await said(worker, "fine")) > 0.2
        assert worker.life == 1


async def test_4000_characters_are_spoken() -> None:
    async with espeak() as worker:
        assert seconds(await said(worker, "word " * 800)) > 120


async def test_it_is_as_loud_as_a_voice_from_the_cloud_and_not_clipped() -> None:
    async with espeak() as worker:
        sound = np.frombuffer(await said(worker, "The volume is fifty percent."), "<i2").astype(float)
    loudness = 20 * math.log10(math.sqrt(np.mean(sound**2)) / 32768)
    assert -24 < loudness < -18
    assert np.abs(sound).max() < 32767


async def test_speed_and_loudness_are_settings() -> None:
    text = "The volume is fifty percent."
    async with espeak() as worker:
        usual = await said(worker, text)
    async with espeak(words_per_minute=330, level=50) as worker:
        fast = await said(worker, text)
    assert seconds(fast) < 0.7 * seconds(usual)
    assert np.abs(np.frombuffer(fast, "<i2")).max() < 0.7 * np.abs(np.frombuffer(usual, "<i2")).max()


async def test_a_voice_that_there_is_not_is_named_with_some_that_there_are() -> None:
    async with espeak(espeak_voice="klingon2") as worker:
        with pytest.raises(WorkerFailed, match="no voice 'klingon2'; try en-us"):
            await worker.up()


async def test_what_is_not_listened_to_any_more_is_not_synthesised_to_its_end() -> None:
    async with espeak() as worker:
        for _ in range(20):
            speaking = Speaking(worker).say("word " * 100)
            await anext(speaking)
            await speaking.aclose()
        assert seconds(await said(worker, "next")) < 1
