"""A cascade brain on a loopback server, and the words in which tests tell what happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from tests.inbox import Inbox
from voiced.brains.cascade.brain import CascadeBrain
from voiced.brains.cascade.settings import CascadeSettings, Service
from voiced.conversation.commands import (
    BrainCommand,
    CommitUtterance,
    HistoryItem,
    OpenSession,
    StartReply,
    StreamUtterance,
)
from voiced.conversation.events import (
    BrainReady,
    Event,
    ReplyAudio,
    ReplyDone,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    SessionId,
    Thrift,
    ToolCalled,
    ToolSpec,
    UsageReported,
)
from voiced.testing.http import spoken

PATIENCE_S = 60.0
"""Only reached by a test that fails; the first client takes its time on a busy machine."""

KEY = "sk-test-0123456789"
FIRST, SECOND = SessionId(1), SessionId(2)
UTTERANCE = bytes(24_000) + spoken("somebody speaks for a second") + bytes(24_000)
LAMP = ToolSpec(
    "lamp",
    "Switch the lamp.",
    {
        "type": "object",
        "properties": {"on": {"type": "boolean"}},
        "required": ["on"],
        "additionalProperties": False,
    },
)

_E = TypeVar("_E")


@dataclass
class Household:
    """A brain with an open session."""

    brain: CascadeBrain
    inbox: Inbox
    session: SessionId = FIRST

    def do(self, *commands: BrainCommand) -> None:
        for command in commands:
            self.brain.do(command)

    def open(
        self,
        history: Sequence[HistoryItem] = (),
        *,
        session: SessionId = FIRST,
        tools: tuple[ToolSpec, ...] = (LAMP,),
        thrift: Thrift = "none",
    ) -> None:
        self.session = session
        self.do(OpenSession(session, tuple(history), tools, brain="cascade", thrift=thrift))

    async def ready(self, history: Sequence[HistoryItem] = (), **how: Any) -> None:
        count = len(self.inbox.of(BrainReady))
        self.open(history, **how)
        await self.inbox.until(lambda: len(self.inbox.of(BrainReady)) > count, PATIENCE_S)

    def say(self, pcm: bytes = UTTERANCE) -> None:
        """Speak and want an answer."""
        self.do(StreamUtterance(self.session, pcm), CommitUtterance(self.session), StartReply(self.session))

    async def done(self, count: int = 1) -> ReplyDone:
        """The `count`-th reply is over."""
        await self.inbox.until(lambda: len(self.inbox.of(ReplyDone)) >= count, PATIENCE_S)
        return self.inbox.of(ReplyDone)[count - 1]

    async def first(self, kind: type[_E], timeout_s: float = PATIENCE_S) -> _E:
        await self.inbox.until(lambda: any(isinstance(event, kind) for event in self.inbox.events), timeout_s)
        return next(event for event in self.inbox.events if isinstance(event, kind))

    @property
    def spoken(self) -> bytes:
        """All sound of all replies."""
        return b"".join(event.pcm for event in self.inbox.of(ReplyAudio))

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.inbox.of(ReplyText))

    @property
    def kinds(self) -> list[str]:
        """The events in order, runs of one kind told once, without what requests cost."""
        found: list[str] = []
        for event in self.inbox.events:
            name = type(event).__name__
            if not isinstance(event, UsageReported) and (not found or found[-1] != name):
                found.append(name)
        return found


@asynccontextmanager
async def household(
    base_url: str,
    *,
    key: Callable[[Service], str] = lambda _: KEY,
    instructions: str = "Be brief.",
    today: Callable[[], date] = lambda: date(2026, 6, 1),
    **settings: Any,
) -> AsyncIterator[Household]:
    """A running brain whose three services are at `base_url`, unless `settings` say otherwise."""
    inbox = Inbox()
    brain = CascadeBrain(
        inbox.post,
        CascadeSettings(base_url=base_url, **settings),
        key,
        instructions=instructions,
        jitter=lambda: 0.0,
        today=today,
    )
    running = asyncio.create_task(brain.run())
    try:
        yield Household(brain, inbox)
        assert_in_order(inbox.events)
    finally:
        running.cancel()
        await asyncio.wait([running])
    if not running.cancelled():
        running.result()


def assert_in_order(events: Sequence[Event]) -> None:
    """Replies begin once, end once, and say nothing outside; no two at a time; items end once, before their reply."""
    active: str | None = None
    over: set[str] = set()
    ended: set[str] = set()
    for event in events:
        match event:
            case ReplyStarted(reply=reply):
                assert active is None, "a second reply while one is active"
                assert reply not in over
                active = reply
            case ReplyDone(reply=reply):
                assert active == reply, "a reply ended that had not begun"
                over.add(reply)
                active = None
            case ReplyText(reply=reply, item=item) | ReplyAudio(reply=reply, item=item):
                assert active == reply, "a straggler"
                assert item not in ended, "an item went on after its end"
                if isinstance(event, ReplyAudio):
                    assert len(event.pcm) % 2 == 0 < len(event.pcm)
            case ReplyItemDone(reply=reply, item=item):
                assert active == reply
                assert item not in ended
                ended.add(item)
            case ToolCalled(reply=reply):
                assert active == reply
            case _:
                pass
