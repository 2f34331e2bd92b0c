"""Sentences in, sound out in their order: the next is synthesised while the last one is still coming."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from voiced.audio import RATE, samples_of
from voiced.errors import ApiError

LOOK_AHEAD: Final = 2
"""Requests at a time."""

MOST_CHUNKS: Final = 64
"""Of up to 64 KiB each that wait of one sentence: then its server must wait too."""

MOST_AHEAD_S: Final = 30.0
"""Sound that went out and can't have been played yet: more is not made before that was, for it may never be wanted."""

Speak = Callable[[str, Callable[[bytes], Awaitable[None]]], Awaitable[None]]


class _Sentence:
    def __init__(self, text: str) -> None:
        self.text = text
        self.sound: asyncio.Queue[bytes | ApiError | None] = asyncio.Queue(MOST_CHUNKS)
        """Ends with None, or with why there is no more."""


class Mouth:
    """Says what `say` was given until `finish`.

    `on_text`: a sentence begins to go out, its sound follows through `on_sound`, then `on_whole`.
    """

    def __init__(
        self,
        speak: Speak,
        *,
        on_text: Callable[[str], None],
        on_sound: Callable[[bytes], None],
        on_whole: Callable[[], None],
    ) -> None:
        self._speak = speak
        self._on_text = on_text
        self._on_sound = on_sound
        self._on_whole = on_whole
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()  # the answer's length bounds it
        self._sentences: asyncio.Queue[_Sentence | None] = asyncio.Queue()
        self._free = asyncio.Semaphore(LOOK_AHEAD)
        self._now = asyncio.get_running_loop().time
        self._out_s = 0.0
        self._began_at: float | None = None
        self.begun = False
        """Whether it was given anything to say."""

    def say(self, text: str) -> None:
        self.begun = True
        self._texts.put_nowait(text)

    def finish(self) -> None:
        """Nothing more is to be said."""
        self._texts.put_nowait(None)

    async def run(self) -> None:
        """Speak; returns when all is said. Raises ApiError, when all before the sentence that failed is said."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._start(tasks))
            while (sentence := await self._sentences.get()) is not None:
                self._on_text(sentence.text)
                while (piece := await sentence.sound.get()) is not None:
                    if isinstance(piece, ApiError):
                        raise piece
                    self._went_out(piece)
                    self._on_sound(piece)
                self._on_whole()
                self._free.release()

    async def _start(self, tasks: asyncio.TaskGroup) -> None:
        while (text := await self._texts.get()) is not None:
            await self._free.acquire()
            if (too_far := self._ahead_s() - MOST_AHEAD_S) > 0:
                await asyncio.sleep(too_far)
            sentence = _Sentence(text)
            self._sentences.put_nowait(sentence)
            tasks.create_task(self._synthesise(sentence))
        self._sentences.put_nowait(None)

    async def _synthesise(self, sentence: _Sentence) -> None:
        try:
            await self._speak(sentence.text, sentence.sound.put)
        except ApiError as error:
            await sentence.sound.put(error)
        else:
            await sentence.sound.put(None)

    def _went_out(self, pcm: bytes) -> None:
        if self._began_at is None:
            self._began_at = self._now()
        self._out_s += samples_of(pcm) / RATE

    def _ahead_s(self) -> float:
        return self._out_s - (self._now() - self._began_at) if self._began_at is not None else 0.0
