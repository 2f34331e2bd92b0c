"""Engines that run in a real worker and do what a test needs: hear any text, crash, hang, refuse."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from voiced.brains.offline.engines import EngineError, Grammar, Heard

SECOND = b"\x10\x00" * 24_000


class Ear:
    """Hears `says`, with what it was told in it; crashes or hangs at the `nth` end of all processes, if asked to.

    `diary`: a file to which each process adds a letter for each thing that it does, so that a second one knows.
    """

    def __init__(
        self, says: str = "lamp on", diary: str = "", crash_at: str = "", hang_at: str = "", confidence: float = 1.0
    ) -> None:
        self._says = says
        self._diary = Path(diary) if diary else None
        self._crash_at = crash_at
        self._hang_at = hang_at
        self._confidence = confidence
        self._heard = 0
        self._listening = False
        self._words: tuple[str, ...] = ()

    def expect(self, grammar: Grammar) -> None:
        if "unusable" in grammar.words:
            raise EngineError("this grammar can't be used")
        self._words = grammar.words
        self._listening = False
        self._note("x")

    def begin(self) -> None:
        self._heard = 0
        self._listening = True
        self._note("b")

    def feed(self, pcm: bytes) -> None:
        if not self._listening:
            raise EngineError("no utterance has begun")
        self._heard += len(pcm) // 2
        self._note("f")

    def end(self) -> Heard:
        self._note("e")
        text = self._says.format(samples=self._heard, words=" ".join(self._words))
        return Heard(text, self._confidence)

    def _note(self, letter: str) -> None:
        if self._diary is None:
            return
        with self._diary.open("a") as file:
            file.write(letter)
        written = self._diary.read_text()
        if self._crash_at and written == self._crash_at:
            os._exit(3)
        if self._hang_at and written == self._hang_at:
            time.sleep(1000)


class Mouth:
    """Says each letter as 10 ms of its code; a few letters mean something else.

    `!` ends the process, `?` hangs, each where no file `diary` was written yet; `#` is refused, `~` is a bug;
    `$` prints to stdout; `*` goes on for ever. `once`: there is no second process.
    """

    rate = 24_000

    def __init__(self, diary: str = "", once: bool = False) -> None:
        self._diary = Path(diary) if diary else None
        if once and self._diary is not None and self._diary.exists():
            raise EngineError("it was removed")

    def speak(self, text: str) -> Iterator[bytes]:
        for letter in text:
            if letter == "!" and self._first():
                os._exit(3)
            if letter == "?" and self._first():
                time.sleep(1000)
            if letter == "#":
                raise EngineError("that can't be said")
            if letter == "~":
                raise ValueError(text)
            if letter == "$":
                print("noise of a library")
                sys.stdout.flush()
            while letter == "*":
                yield sound_of(letter)
            yield sound_of(letter)

    def _first(self) -> bool:
        if self._diary is None:
            return True
        first = not self._diary.exists()
        self._diary.write_text("!")
        return first


def sound_of(text: str) -> bytes:
    """What `Mouth` makes of it."""
    return b"".join(ord(letter).to_bytes(2, "little") * 240 for letter in text)


def that_does_not_load() -> object:
    raise EngineError("install voiced[something]")


def that_crashes() -> object:
    os._exit(4)
