"""What the offline brain asks of an engine that hears and of one that speaks.

Both are plain objects with blocking calls, used by one thread, in a process of their own: so a library that crashes,
holds the GIL or has another licence harms nothing. Everything that passes here is str, bytes, int, float or a
dataclass of these, and crosses a pipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from voiced.errors import BrainError

RECOGNISER_RATE: Final = 16_000
"""Hz of what a recogniser gets; the same as `audio.VAD_RATE`."""

ACCEPTED: Final = 0.5
"""From this confidence on, a recogniser believes that the words were said."""


class EngineError(BrainError):
    """An engine can't be loaded, or can't do what it was asked. One line that says what to do."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """All sentences that may be said.

    `jsgf`: a JSGF grammar (UTF-8, header line first) with one public rule. `words`: each word in it once, sorted: lower
    case, `[a-z']+`. A recogniser of free speech may take the words for hints, or ignore both. Two grammars are equal
    if they accept the same.
    """

    jsgf: str = field(repr=False)
    words: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """What an utterance was taken for.

    `text`: lower-case words with single spaces, no punctuation from a recogniser with a grammar, as written by one
    without; "" where nothing was recognised. `confidence`: 0.0 to 1.0 that these words were said and not something
    else; from `ACCEPTED` on it is to be believed. Each engine maps its own scores so.
    "" to be believed: nobody spoke; "" not to be believed: somebody did, and was not understood.
    """

    text: str = field(repr=False)
    confidence: float


class Recogniser(Protocol):
    """Turns speech into words. `expect` first, once or more; then for each utterance `begin`, any `feed`, `end`."""

    def expect(self, grammar: Grammar) -> None:
        """From the next `begin` on, listen for these sentences. Cheap where the grammar equals the last one.

        Raises EngineError, and keeps the last grammar, where it can't be used.
        """

    def begin(self) -> None:
        """A new utterance; one that was not ended is dropped. Raises EngineError before any `expect`."""

    def feed(self, pcm: bytes) -> None:
        """Sound of the utterance: PCM16 at `RECOGNISER_RATE`, mono, whole samples, any length, even none.

        Decodes as it goes. Raises EngineError outside of an utterance.
        """

    def end(self) -> Heard:
        """The utterance is over; what it was. Raises EngineError outside of an utterance."""


class Voice(Protocol):
    """Turns text into speech."""

    @property
    def rate(self) -> int:
        """Hz of its sound; constant."""

    def speak(self, text: str) -> Iterator[bytes]:
        """The text as sound: chunks of PCM16 at `rate`, mono, whole samples, none empty; nothing for blank text.

        Lazy: what is not asked for is not synthesised, and closing the iterator ends it. Raises EngineError.
        """
