"""A recogniser as the daemon knows it: what it was told survives the death of its process."""

from __future__ import annotations

import asyncio

import structlog

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.brains.offline.engines import RECOGNISER_RATE, EngineError, Grammar, Heard
from voiced.brains.offline.worker_process import Answer, Worker, WorkerLost
from voiced.resample import Resampler

log = structlog.get_logger(__name__)

LONGEST_UTTERANCE_S = 300
"""What comes after that is not listened to: the most that `turn.max_utterance_s` allows."""

PIECE = RECOGNISER_RATE * SAMPLE_BYTES
"""Bytes sent at once when an utterance is decoded anew: one second."""

ATTEMPTS = 2
"""To decode an utterance: the process may have died of something else."""


class Hearing:
    """One utterance at a time, streamed to the worker as it is spoken and kept here until it is understood.

    `expect` and `feed` return at once. `end` may still be waited for while the next utterance begins.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._grammar: Grammar | None = None
        self._told: tuple[int, Grammar | None] = (0, None)
        """Which process knows which grammar."""
        self._utterance: _Utterance | None = None
        self._again = asyncio.Lock()

    def expect(self, grammar: Grammar) -> None:
        """Listen for these sentences from the next utterance on."""
        self._grammar = grammar
        self._teach()

    def feed(self, pcm: bytes) -> None:
        """Sound of the utterance, PCM16 at 24 kHz; the first begins one."""
        if self._utterance is None:
            self._teach()
            self._utterance = _Utterance(self._worker.life)
            self._worker.ask("begin")
        sound = self._utterance.add(pcm)
        if sound and self._utterance.life == self._worker.life:
            self._worker.ask("feed", sound)

    def drop(self) -> None:
        """It was no utterance."""
        self._utterance = None

    async def end(self) -> Heard:
        """The utterance is over: what it was. Raises EngineError, WorkerFailed, WorkerLost (twice in a row)."""
        utterance, self._utterance = self._utterance, None
        if utterance is None:
            return Heard("", 0.0)
        if utterance.life and utterance.life == self._worker.life:
            answer = self._worker.ask("end")
            try:
                return _heard(await answer.result())
            except WorkerLost:
                log.info("offline.decoding_again")
        return await self.decode(bytes(utterance.sound), at_16_khz=True)

    async def decode(self, pcm: bytes, *, at_16_khz: bool = False) -> Heard:
        """A whole utterance, PCM16 at 24 kHz. Raises as `end` does."""
        sound = pcm if at_16_khz else _Utterance(0).add(pcm)
        async with self._again:
            for attempt in range(1, ATTEMPTS + 1):
                await self._worker.up()
                if self._utterance is not None:
                    self._utterance.life = -1  # a worker has one utterance at a time: this one is decoded at its end
                self._teach()
                try:
                    return _heard(await self._send(sound).result())
                except WorkerLost:
                    if attempt == ATTEMPTS:
                        raise
        raise AssertionError

    def _send(self, sound: bytes) -> Answer:
        self._worker.ask("begin")
        for start in range(0, len(sound), PIECE):
            self._worker.ask("feed", sound[start : start + PIECE])
        return self._worker.ask("end")

    def _teach(self) -> None:
        """Tell the process the grammar, if it does not know it."""
        now = (self._worker.life, self._grammar)
        if now[0] and now[1] is not None and now != self._told:
            self._told = now
            self._worker.ask("expect", jsgf=now[1].jsgf, words=now[1].words)


class _Utterance:
    """Its sound at the recogniser's rate. `life`: of the process that hears it too, 0 or -1 if none does."""

    def __init__(self, life: int) -> None:
        self.life = life
        self.sound = bytearray()
        self._resampler = Resampler(RATE, RECOGNISER_RATE)

    def add(self, pcm: bytes) -> bytes:
        """Take sound at 24 kHz; returns it at the recogniser's rate."""
        room = LONGEST_UTTERANCE_S * RECOGNISER_RATE * SAMPLE_BYTES - len(self.sound)
        sound = self._resampler.process(pcm)[:room]
        self.sound += sound
        return sound


def _heard(result: dict[str, object]) -> Heard:
    try:
        return Heard(str(result["text"]), float(str(result["confidence"])))
    except (KeyError, ValueError) as error:
        raise EngineError("the recogniser's worker answered something else") from error
