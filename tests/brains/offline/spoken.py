"""Speech for tests, made by espeak-ng in a worker."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from voiced.audio import RATE, to_samples
from voiced.brains.offline.engines import RECOGNISER_RATE
from voiced.brains.offline.worker_process import Engine, Worker
from voiced.resample import Resampler

POCKETSPHINX = Engine("pocketsphinx", "voiced.brains.offline.engines.pocketsphinx:PocketsphinxRecogniser")

PRE_ROLL_MS = 300
HANGOVER_MS = 500
"""What the daemon keeps of the silence around an utterance."""


async def spoken(*texts: str, **options: Any) -> list[bytes]:
    """Each text as PCM16 at 24 kHz. `options`: of `EspeakVoice`."""
    worker = Worker(Engine("espeak-ng", "voiced.brains.offline.engines.espeak:EspeakVoice", options))
    sounds = []
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        await worker.up()
        for text in texts:
            chunks = [chunk async for chunk in worker.ask("speak", text=text)]
            sounds.append(Resampler(worker.rate, RATE).process(b"".join(chunks)))
        running.cancel()
    return sounds


def among_silence(pcm: bytes, level: float = 30.0) -> bytes:
    """PCM16 at 24 kHz as the daemon hands it on: with the quiet of a room before and after it."""
    before, after = to_samples(PRE_ROLL_MS), to_samples(HANGOVER_MS)
    speech = np.frombuffer(pcm, "<i2")
    signal = np.random.default_rng(len(pcm)).normal(0, level, before + speech.size + after)
    signal[before : before + speech.size] += speech
    return bytes(signal.clip(-32768, 32767).astype("<i2"))


def at_16_khz(pcm: bytes) -> bytes:
    """PCM16 at 24 kHz for a recogniser."""
    return Resampler(RATE, RECOGNISER_RATE).process(pcm)
