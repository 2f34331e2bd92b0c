"""What plugins say and ask, and how it ended: each request waits here until its RequestEnded is reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

import structlog

from voiced.api import NoAnswer, ToolError
from voiced.audio import RATE
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    AnswerWanted,
    CallId,
    Event,
    SoundCame,
)
from voiced.plugins.consent import yes_or_no
from voiced.plugins.steps import paused
from voiced.plugins.wall_clock import Clock

_log = structlog.get_logger()

T = TypeVar("T")

SAID_LIMIT: Final = 4000
"""Characters: four minutes. What is longer is cut; voices take no more than 4096."""

WAITING_LIMIT: Final = 64
"""So many requests of all plugins may be waited for at one time."""

PATIENCE_S: Final = 600.0
"""What is not over by then is withdrawn: nothing waits for ever."""

BYTES_PER_S: Final = 2 * RATE
FIRST_PIECE: Final = BYTES_PER_S // 5
"""So much of a sound that comes in pieces is waited for, lest it stutter at its beginning."""

AHEAD_S: Final = 10.0
"""So much of it may wait for the loudspeaker."""

LONGEST_STREAM: Final = 600 * BYTES_PER_S

CHOICES_LIMIT: Final = 100
LONGEST_WITHIN_S: Final = 120.0

UNLOADED: Final = "the plugin is being unloaded"
TOO_LONG: Final = "it took too long"


class Speech:
    """All that is waited for, of all plugins. On the event loop's thread, but for `name`."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[RequestEnded]] = {}
        self._begun: dict[str, asyncio.Event] = {}

    def name(self, plugin: str) -> str:
        """A name for a request that no other has."""
        return f"{plugin}-{next(self._numbers)}"

    def expect(self, request: str) -> asyncio.Future[RequestEnded]:
        """Its end. Raises ToolError where too much is waited for; `forget` it in the end."""
        if len(self._waiting) >= WAITING_LIMIT:
            raise ToolError("Too much is waiting to be said. Try again later.")
        return self._waiting.setdefault(request, asyncio.get_running_loop().create_future())

    def is_waiting(self, request: str) -> bool:
        """Whether it is expected and not over."""
        ended = self._waiting.get(request)
        return ended is not None and not ended.done()

    def ended(self, fact: RequestEnded) -> None:
        """A request is over, of a plugin or of somebody else."""
        ended = self._waiting.get(fact.request)
        if ended is not None and not ended.done():
            ended.set_result(fact)

    def begun(self, request: str) -> None:
        """The first piece of a sound plays."""
        if (begun := self._begun.get(request)) is not None:
            begun.set()

    def beginning(self, request: str) -> asyncio.Event:
        """Set when the first piece of its sound plays; `forget_beginning` in the end."""
        return self._begun.setdefault(request, asyncio.Event())

    def forget(self, request: str) -> None:
        """Nobody wants to know any more."""
        self._waiting.pop(request, None)

    def forget_beginning(self, request: str) -> None:
        """It began, or never will."""
        self._begun.pop(request, None)


@dataclass(slots=True)
class Lifetime:
    """Of a plugin: once it is over nobody is asked any more."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """How a plugin speaks: within `call`, or by itself. It asks for no permission: whoever uses it does.

    `post` may be called from any thread.
    """

    plugin: str
    speech: Speech
    clock: Clock
    post: Callable[[Event], None]
    lifetime: Lifetime
    call: CallId | None = None

    def within(self, call: CallId | None) -> Voice:
        """The same plugin's, in the turn that waits for `call`."""
        return replace(self, call=call)

    def announce(self, text: str, earcon: str = "") -> None:
        """Say it in a silence. From any thread."""
        self.post(AnnouncementAsked(self.speech.name(self.plugin), self._cut(text), earcon))

    async def say(self, text: str) -> bool:
        """Whether all of it was heard."""
        text = self._cut(text)
        return not text.strip() or not (await self._end_of(self._asked(text))).error

    async def play(self, pcm: bytes) -> bool:
        """PCM16, 24 kHz. Whether all of it was heard."""
        return not (await self._end_of(self._asked(sound=pcm))).error

    async def play_as_it_comes(self, pieces: AsyncIterator[bytes]) -> bool:
        """PCM16, 24 kHz, in whole samples; read as fast as it plays. Whether all of it was heard.

        What `pieces` raises is raised, once what came before it is with the loudspeaker.
        """
        first, over = b"", False
        while len(first) < FIRST_PIECE and not over:
            piece = await anext(pieces, None)
            first, over = first + (piece or b""), piece is None
        if not first:
            return True
        asked = replace(self._asked(sound=first), more=not over)
        if over:
            return not (await self._end_of(asked)).error
        ending = asyncio.ensure_future(self._end_of(asked))
        try:
            with paused():
                await self._pour(pieces, asked.request, ending, len(first))
                return not (await ending).error
        finally:
            ending.cancel()

    async def _pour(
        self, pieces: AsyncIterator[bytes], request: str, ending: asyncio.Future[RequestEnded], poured: int
    ) -> None:
        """Give the loudspeaker the rest, once it has begun and until it is over; never far ahead of what it plays."""
        begun = self.speech.beginning(request)
        try:
            if not await _before(ending, begun.wait()):
                return
            since = self.clock.elapsed()
            while not ending.done():
                piece = await _before(ending, anext(pieces, None))
                if piece is None:
                    return
                if poured > LONGEST_STREAM:
                    raise ToolError("The sound lasts longer than ten minutes; the rest of it is not played.")
                self.post(SoundCame(request, piece))
                poured += len(piece)
                ahead_s = poured / BYTES_PER_S - (self.clock.elapsed() - since) - AHEAD_S
                if ahead_s > 0:
                    due = asyncio.Event()
                    timer = self.clock.call_later(ahead_s, due.set)
                    try:
                        await _before(ending, due.wait())
                    finally:
                        timer.cancel()
        finally:
            self.speech.forget_beginning(request)
            if not ending.done():
                self.post(SoundCame(request, last=True))

    async def ask(self, question: str, choices: Sequence[str] = (), within_s: float = 8.0) -> str:
        """The words of the answer; with no question just listen. Raises NoAnswer."""
        ended = await self._end_of(self._asked(self._cut(question), answer=_wanted(choices, within_s)))
        if ended.error:
            raise NoAnswer(f"No answer: {ended.error}.")
        if not ended.text.strip():
            raise NoAnswer("No answer: nothing was understood.")
        return ended.text

    async def confirm(self, question: str) -> bool:
        """Whether the answer was yes; asked once more where it was neither. Raises NoAnswer."""
        for words in (question, f"Please say yes or no. {question}"):
            answer = yes_or_no(await self.ask(words))
            if answer is not None:
                return answer
        raise NoAnswer("The answer was neither yes nor no.")

    def fill(self, text: str) -> str:
        """Say it while the call runs and nothing else is being said; gives the request, which is to be forgotten."""
        asked = replace(self._asked(self._cut(text)), filler=True)
        self.speech.expect(asked.request)
        self.post(asked)
        return asked.request

    def withdraw(self, request: str) -> None:
        """Do not say it where that has not begun."""
        if self.speech.is_waiting(request):
            self.post(AnnouncementWithdrawn(request))

    def _asked(self, text: str = "", *, sound: bytes = b"", answer: AnswerWanted | None = None) -> AnnouncementAsked:
        return AnnouncementAsked(self.speech.name(self.plugin), text, call=self.call, sound=sound, answer=answer)

    def _cut(self, text: str) -> str:
        if not isinstance(text, str):
            raise TypeError(f"only a str can be said, not {type(text).__name__}")
        if len(text) <= SAID_LIMIT:
            return text
        _log.warning("what a plugin says is cut", plugin=self.plugin, characters=len(text), limit=SAID_LIMIT)
        return text[:SAID_LIMIT]

    async def _end_of(self, asked: AnnouncementAsked) -> RequestEnded:
        """Ask for it and wait; taken back where whoever waits is cancelled."""
        if self.lifetime.over:
            return RequestEnded(asked.request, error=UNLOADED)
        ended = self.speech.expect(asked.request)
        overdue = RequestEnded(asked.request, error=TOO_LONG)
        timer = self.clock.call_later(PATIENCE_S, partial(self.speech.ended, overdue))
        self.post(asked)
        told: RequestEnded | None = None
        try:
            with paused():
                told = await ended
            return told
        finally:
            timer.cancel()
            self.speech.forget(asked.request)
            if told is None or told is overdue:
                self.post(AnnouncementWithdrawn(asked.request))


async def _before(ending: asyncio.Future[RequestEnded], wanted: Awaitable[T]) -> T | None:
    """What `wanted` gives, or None where it is all over before."""
    waiting = asyncio.ensure_future(wanted)
    both: set[asyncio.Future[Any]] = {ending, waiting}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait({waiting})


def _wanted(choices: Sequence[str], within_s: float) -> AnswerWanted:
    if isinstance(choices, str) or not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise ValueError(f'choices is {choices!r}; write a list of words, such as ["red", "green"]')
    if len(choices) > CHOICES_LIMIT:
        raise ValueError(f"there are {len(choices)} choices; {CHOICES_LIMIT} are allowed")
    if not 0 < within_s <= LONGEST_WITHIN_S:
        raise ValueError(f"within_s is {within_s}; it must be more than 0, and {LONGEST_WITHIN_S:g} at most")
    return AnswerWanted(tuple(choices), float(within_s))
