"""Tells a conversation in the domain's words: frames in, commands out, on a clock of its own."""

from __future__ import annotations

from typing import TypeVar

from voiced.audio import FRAME_BYTES, FRAME_MS, Frame, Samples, to_samples
from voiced.conversation.commands import Command, Fact, FloorChanged, OpenSession, Report, StreamUtterance
from voiced.conversation.events import (
    BrainReady,
    Event,
    FrameCaptured,
    ItemId,
    PlayoutDrained,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    SessionId,
)
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import BrainSettings, ListenSettings, TurnSettings

F = TypeVar("F", bound=Fact)

ALONE = BrainSettings(order=("realtime",), local_commands=False)
"""One brain, and nobody to take over."""

SILENT = Frame(bytes(FRAME_BYTES), speech=False)
SPOKEN = Frame(b"\x01\x00" * (FRAME_BYTES // 2), speech=True)
MS_100 = b"\x02\x00" * to_samples(100)
"""100 ms of reply."""


class Story:
    """A conversation, its clock, and everything that it ordered."""

    def __init__(
        self,
        settings: TurnSettings | None = None,
        brains: BrainSettings = ALONE,
        *,
        ready: bool = True,
        listen: ListenSettings | None = None,
    ) -> None:
        self.settings = settings or TurnSettings(barge_in_ms=450, min_speech_ms=160)
        self.now = 100.0
        self.conversation = Conversation(self.settings, brains, listen)
        self.commands: list[Command] = self.conversation.start(self.now)
        self.session = SessionId(1)
        if ready:
            self.tell(BrainReady(self.session))

    def tell(self, *events: Event) -> list[Command]:
        """Let these happen now; returns what was ordered, reports left out."""
        out: list[Command] = []
        for event in events:
            out += self.conversation.handle(event, self.now)
        for command in out:
            if isinstance(command, OpenSession):
                self.session = command.session
        self.commands += out
        return [command for command in out if not isinstance(command, Report)]

    def hear(self, ms: int, *, speech: bool) -> list[Command]:
        """The microphone hears speech or silence for so long. Streamed frames are joined in what is returned."""
        out: list[Command] = []
        for _ in range(ms // FRAME_MS):
            self.now += FRAME_MS / 1000
            out += self.tell(FrameCaptured(SPOKEN if speech else SILENT))
        return joined(out)

    def user_says(self, ms: int = 1000) -> list[Command]:
        """An utterance and the silence that ends it."""
        return joined(self.hear(ms, speech=True) + self.hear(self.settings.hangover_ms, speech=False))

    def reply_begins(
        self, reply: str = "r1", item: str = "i1", ms: int = 1000, text: str = "one two three four five"
    ) -> None:
        self.tell(ReplyStarted(self.session, ReplyId(reply)))
        self.tell(ReplyText(self.session, ReplyId(reply), ItemId(item), text))
        for _ in range(ms // 100):
            self.tell(ReplyAudio(self.session, ReplyId(reply), ItemId(item), MS_100))

    def reply_ends(self, reply: str = "r1", item: str = "i1") -> list[Command]:
        return self.tell(
            ReplyItemDone(self.session, ReplyId(reply), ItemId(item)), ReplyDone(self.session, ReplyId(reply))
        )

    def drained(self, item: str = "i1", ms: int = 1000) -> list[Command]:
        return self.tell(PlayoutDrained(ItemId(item), Samples(to_samples(ms))))

    @property
    def floor(self) -> str:
        return self.conversation.floor

    def facts(self, kind: type[F]) -> list[F]:
        return [c.fact for c in self.commands if isinstance(c, Report) and isinstance(c.fact, kind)]

    def floors(self) -> list[str]:
        return [c.fact.floor for c in self.commands if isinstance(c, Report) and isinstance(c.fact, FloorChanged)]


def joined(commands: list[Command]) -> list[Command]:
    """Runs of StreamUtterance made one."""
    out: list[Command] = []
    for command in commands:
        last = out[-1] if out else None
        if isinstance(command, StreamUtterance) and isinstance(last, StreamUtterance):
            out[-1] = StreamUtterance(last.session, last.pcm + command.pcm)
        else:
            out.append(command)
    return out


def stream(session: int, *, spoken: int = 0, silent: int = 0, before: int = 0) -> StreamUtterance:
    """`before` ms of silence, `spoken` ms of speech, `silent` ms of silence."""
    return StreamUtterance(
        SessionId(session),
        SILENT.pcm * (before // FRAME_MS) + SPOKEN.pcm * (spoken // FRAME_MS) + SILENT.pcm * (silent // FRAME_MS),
    )
