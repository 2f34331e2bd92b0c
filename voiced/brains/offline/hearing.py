"""A recogniser as the daemon knows it: what it was told survives the death of its process."""

from __future__ import annotations

import asyncio

import structlog

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.brains.offline.engines import RECOGNISER_RATE, EngineError, Grammar, Heard
from voiced.brains.offline.frames import FrameError
from voiced.brains.offline.worker_process import Answer, Worker, WorkerLost
from voiced.resample import Resampler

log = structlog.get_logger(__name__)

LONGEST_UTTERANCE_S = 300
"""What comes after that is not listened to: the most that `turn.max_utterance_s` allows."""

PIECE = RECOGNISER_RATE * SAMPLE_BYTES
"""Bytes sent at once when an utterance is decoded anew: one second."""

NOBODY = 0
"""The life of a worker that is not up."""

ATTEMPTS = 2
"""To decode an utterance: the process may have died of something else."""


class Utterance:
    """Its sound at the recogniser's rate, kept until it is understood."""

    def __init__(self) -> None:
        self.sound = bytearray()
        self.life = NOBODY
        """The process that hears it as it comes."""
        self.answer: Answer | None = None
        """That process was asked what it was."""
        self._resampler = Resampler(RATE, RECOGNISER_RATE)

    @classmethod
    def of(cls, pcm: bytes) -> Utterance:
        """A whole one, PCM16 at 24 kHz."""
        utterance = cls()
        utterance.add(pcm)
        return utterance

    def add(self, pcm: bytes) -> bytes:
        """Take sound at 24 kHz; returns it at the recogniser's rate."""
        room = LONGEST_UTTERANCE_S * RECOGNISER_RATE * SAMPLE_BYTES - len(self.sound)
        sound = self._resampler.process(pcm)[:room]
        self.sound += sound
        return sound


class Hearing:
    """One utterance at a time, streamed to the worker as it is spoken and kept here until it is understood.

    All but `understood` and `end` return at once. The next utterance may begin while the last one is waited for.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._grammar: Grammar | None = None
        self._told: tuple[int, Grammar | None] = (NOBODY, None)
        """Which process knows which grammar."""
        self._utterance: Utterance | None = None
        self._again = asyncio.Lock()

    def expect(self, grammar: Grammar) -> None:
        """Listen for these sentences from now on, in an utterance that is under way as well."""
        self._grammar = grammar
        self._teach()

    def feed(self, pcm: bytes) -> None:
        """Sound of the utterance, PCM16 at 24 kHz; the first begins one."""
        if self._utterance is None:
            self._teach()
            self._utterance = Utterance()
            self._utterance.life = self._worker.life
            self._worker.ask("begin")
        sound = self._utterance.add(pcm)
        if self._is_heard(self._utterance):
            self._send(sound)

    def drop(self) -> None:
        """It was no utterance."""
        self._utterance = None

    def commit(self) -> Utterance:
        """The utterance is over; the next `feed` begins another one."""
        utterance, self._utterance = self._utterance or Utterance(), None
        if self._is_heard(utterance):
            utterance.answer = self._worker.ask("end")
        return utterance

    async def understood(self, utterance: Utterance) -> Heard:
        """What it was. Raises EngineError, WorkerFailed, WorkerLost (twice in a row)."""
        if not utterance.sound:
            return Heard("", 1.0)
        if utterance.answer is not None:
            try:
                return _heard(await utterance.answer.result())
            except WorkerLost:
                log.info("offline.decoding_again")
        async with self._again:
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._decode(utterance)
                except WorkerLost:
                    log.info("offline.decoding_again")
            return await self._decode(utterance)

    async def end(self) -> Heard:
        """`commit`, and what it was."""
        return await self.understood(self.commit())

    async def _decode(self, utterance: Utterance) -> Heard:
        await self._worker.up()
        if self._utterance is not None:
            self._utterance.life = NOBODY  # a worker hears one utterance at a time: this one waits for its end
        self._teach()
        self._worker.ask("begin")
        self._send(bytes(utterance.sound))
        return _heard(await self._worker.ask("end").result())

    def _send(self, sound: bytes) -> None:
        for start in range(0, len(sound), PIECE):
            self._worker.ask("feed", sound[start : start + PIECE])

    def _is_heard(self, utterance: Utterance) -> bool:
        return utterance.life != NOBODY and utterance.life == self._worker.life

    def _teach(self) -> None:
        """Tell the process the grammar, if it does not know it."""
        life, grammar = self._worker.life, self._grammar
        if life != NOBODY and grammar is not None and (life, grammar) != self._told:
            self._told = (life, grammar)
            if self._utterance is not None:
                self._utterance.life = NOBODY  # the engine drops what it heard of it: at its end it is decoded anew
            try:
                self._worker.ask("expect", jsgf=grammar.jsgf, words=grammar.words)
            except FrameError as error:
                log.error("offline.too_many_sentences", reason=str(error))


def _heard(result: dict[str, object]) -> Heard:
    try:
        return Heard(str(result["text"]), float(str(result["confidence"])))
    except (KeyError, ValueError) as error:
        raise EngineError("the recogniser's worker answered something else") from error
