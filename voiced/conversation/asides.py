"""What a plugin says, plays or asks within a turn, one after the other.

An aside is *saying* while its response is on the server, *sounding* until the loudspeaker is done with it. A question
goes on: *asking* until somebody speaks, *hearing* while they do, *writing* until a brain has made words of it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from voiced.conversation.events import AnnouncementAsked, ItemId
from voiced.conversation.transcript import UserEntry

MOST_WAITING: Final = 4
"""Asides that wait in a turn; one more is told so."""

WRITE_DOWN_WITHIN_S: Final = 8.0
"""A brain that has made no words of an answer by then will make none."""

GO_ON_S: Final = 3.0
"""After a noise in the place of an answer there is this much time at least to give one."""

INTERRUPTED: Final = "it was interrupted"
NOT_NEEDED: Final = "it came too late to be said"
NOT_SAID: Final = "it could not be said"
NOT_WHOLLY_HEARD: Final = "not all of it was heard"
NOBODY_ANSWERED: Final = "nobody answered"
NOT_UNDERSTOOD: Final = "the answer was not understood"
NOBODY_HEARD: Final = "the microphone is off"
WITHDRAWN: Final = "it was withdrawn"
TOO_MUCH: Final = "too much is waiting to be said; try again later"

Phase = Literal["saying", "sounding", "asking", "hearing", "writing"]


@dataclass(slots=True, eq=False)
class Aside:
    """The one at hand. `until`: when the phase asking or writing ends."""

    asked: AnnouncementAsked
    phase: Phase
    asked_at: float
    items: set[ItemId] = field(default_factory=set)
    begun: bool = False
    """Something of it was heard."""
    whole: bool = True
    """All of it was heard, as far as is known."""
    until: float = math.inf
    entry: UserEntry | None = None
    """The answer."""


@dataclass(slots=True)
class Asides:
    """Of one turn."""

    now: Aside | None = None
    waiting: deque[tuple[AnnouncementAsked, float]] = field(default_factory=deque)
    """With the time when each was asked for."""
    items: set[ItemId] = field(default_factory=set)
    """What of all that were said the loudspeaker is not done with."""

    def __bool__(self) -> bool:
        return self.now is not None or bool(self.waiting)

    @property
    def on_server(self) -> bool:
        """The response at hand is that of an aside."""
        return self.now is not None and self.now.phase == "saying" and not self.now.asked.sound

    @property
    def question(self) -> Aside | None:
        """A question that is being put, or waits for its answer."""
        return self.now if self.now is not None and self.now.asked.answer is not None else None

    @property
    def question_is_out(self) -> bool:
        """It was heard, or its beginning, and nobody has answered yet."""
        question = self.question
        if question is None:
            return False
        return question.phase == "asking" or (question.begun and question.phase in ("saying", "sounding"))

    @property
    def question_is_put(self) -> bool:
        """It was begun, heard or not, and nobody has answered yet."""
        return self.question is not None and self.question.phase in ("saying", "sounding", "asking")

    @property
    def until(self) -> float:
        """When the one at hand is given up, if nothing happens before."""
        return self.now.until if self.now is not None and self.now.phase in ("asking", "writing") else math.inf

    def says(self, item: ItemId) -> bool:
        """An item came. True where it is one of an aside."""
        if self.now is None or self.now.phase != "saying":
            return False
        self.now.items.add(item)
        self.items.add(item)
        return True

    def sounds(self, item: ItemId) -> None:
        """Something of the item was heard."""
        if self.now is not None and item in self.now.items:
            self.now.begun = True

    def over(self, item: ItemId, *, whole: bool) -> None:
        """The loudspeaker is done with the item."""
        self.items.discard(item)
        if self.now is not None and item in self.now.items:
            self.now.whole = self.now.whole and whole

    def hears(self) -> None:
        """Somebody answers."""
        assert self.now is not None
        self.now.phase = "hearing"

    def add(self, asked: AnnouncementAsked, now: float) -> bool:
        """False where too much waits already."""
        if len(self.waiting) >= MOST_WAITING:
            return False
        self.waiting.append((asked, now))
        return True

    def withdraw(self, request: str) -> bool:
        """Whether it was waiting; it is no more."""
        for each in self.waiting:
            if each[0].request == request:
                self.waiting.remove(each)
                return True
        return False

    def say_again(self) -> None:
        """The session ended before anything of the one at hand sounded."""
        assert self.now is not None
        self.waiting.appendleft((self.now.asked, self.now.asked_at))
        self.now = None

    def take_all(self) -> list[AnnouncementAsked]:
        """None of them will be said."""
        taken = [self.now.asked] if self.now is not None else []
        taken += [asked for asked, _ in self.waiting]
        self.now = None
        self.waiting.clear()
        return taken


def sound_item(request: str) -> ItemId:
    """The name of a sound as the loudspeaker knows it."""
    return ItemId(f"sound-{request}")
