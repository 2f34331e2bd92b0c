"""The ears and the voice of the stand-in for the cloud: those of the offline brain."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

import structlog

from voiced.brains.offline.answers import plain, sentences
from voiced.brains.offline.choice import Choice
from voiced.brains.offline.engines import ACCEPTED, Grammar
from voiced.brains.offline.hearing import Hearing, Utterance
from voiced.brains.offline.speaking import Speaking
from voiced.brains.offline.worker_process import Worker
from voiced.errors import BrainError

log = structlog.get_logger(__name__)

LONGEST_S: Final = 30.0
"""To hear or say one thing."""


class Engines:
    """Two processes of this machine, up while `run` runs. The rest is called in another thread, and waits there."""

    def __init__(self, recogniser: Choice, voice: Choice) -> None:
        self._loop = asyncio.get_running_loop()
        self._workers = (Worker(recogniser.at_first), Worker(voice.at_first))
        self._hearing = Hearing(self._workers[0])
        self._speaking = Speaking(self._workers[1])

    async def run(self) -> None:
        """Keep them up until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run())

    def hear(self, pcm: bytes, grammar: Grammar) -> str:
        """What was said in `pcm`, PCM16 at 24 kHz; "" where it was none of the sentences."""

        async def hear() -> str:
            self._hearing.expect(grammar)
            heard = await self._hearing.understood(Utterance.of(pcm))
            return heard.text if heard.confidence >= ACCEPTED else ""

        try:
            return asyncio.run_coroutine_threadsafe(hear(), self._loop).result(LONGEST_S)
        except (BrainError, TimeoutError) as error:
            log.error("the recogniser does not work", reason=str(error))
            return ""

    def say(self, text: str) -> bytes:
        """`text` as sound, PCM16 at 24 kHz; none where it can't be said."""

        async def say() -> bytes:
            chunks: list[bytes] = []
            for sentence in sentences(plain(text)):
                async with aclosing(self._speaking.say(sentence)) as sound:
                    chunks.extend([chunk async for chunk in sound])
            return b"".join(chunks)

        try:
            return asyncio.run_coroutine_threadsafe(say(), self._loop).result(LONGEST_S)
        except (BrainError, TimeoutError) as error:
            log.error("the voice does not work", reason=str(error))
            return b""
