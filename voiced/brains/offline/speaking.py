"""A voice as the daemon knows it: 24 kHz, and a sentence goes on where the process that said it died."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import structlog

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.brains.offline.worker_process import Worker, WorkerLost
from voiced.resample import Resampler

log = structlog.get_logger(__name__)

ATTEMPTS = 2
"""To say a sentence."""


class Speaking:
    """Says one sentence at a time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def say(self, sentence: str) -> AsyncGenerator[bytes, None]:
        """PCM16 at 24 kHz, whole samples, no empty chunk. Closing it ends the synthesis.

        Where the process dies the next one says the sentence again, and what was given already is left out.
        Raises EngineError, WorkerFailed, WorkerLost (twice in a row).
        """
        given = 0
        resampler: Resampler | None = None
        for attempt in range(1, ATTEMPTS + 1):
            await self._worker.up()
            if resampler is None:
                resampler = Resampler(self._worker.rate or RATE, RATE)
            skip = given
            answer = self._worker.ask("speak", text=sentence)
            try:
                async for chunk in answer:
                    fresh = chunk[skip:]
                    skip = max(0, skip - len(chunk))
                    given += len(fresh)
                    if fresh and (sound := resampler.process(fresh)):
                        yield sound
                break
            except WorkerLost:
                if attempt == ATTEMPTS:
                    raise
                log.info("offline.saying_again")
            finally:
                answer.cancel()
        if resampler is not None and given:
            tail = resampler.process(bytes(round(resampler.delay_s * self._worker.rate) * SAMPLE_BYTES))
            if tail:
                yield tail
