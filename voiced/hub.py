"""The one loop: event → `conversation.handle(event, now)` → commands → ports; it decides nothing.

`post` works through an event and all that comes of it before it returns, so that between a frame from the
microphone and the socket there is no queue to wait in. Events that a port posts while it obeys are taken in turn.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Mapping

from voiced.conversation.commands import (
    AddHistory,
    BrainCommand,
    CancelReply,
    CancelTool,
    CloseMicrophone,
    CloseSession,
    Command,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    Duck,
    ExpectAnswer,
    Fact,
    FinishItem,
    FlushPlayout,
    OpenMicrophone,
    OpenSession,
    Play,
    PlayEarcon,
    Report,
    RunTool,
    SendText,
    SendToolResult,
    SetVolume,
    SpotSound,
    SpotTools,
    SpotVerdict,
    StartReply,
    StreamUtterance,
    TruncateReply,
    Unduck,
    UpdateTools,
)
from voiced.conversation.events import BrainLost, BrainName, Event, SessionId, TimePassed
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import BrainSettings, ListenSettings, TurnSettings
from voiced.ports import Brain, Microphone, Speaker, Spotter, StatusSink, ToolRunner


class Hub:
    """Lives on one event loop; its ports are set before `start`, and may be replaced by a reload."""

    brains: Mapping[BrainName, Brain]
    speaker: Speaker
    microphone: Microphone
    spotter: Spotter
    tools: ToolRunner

    def __init__(self, conversation: Conversation, sinks: Iterable[StatusSink]) -> None:
        self._conversation = conversation
        self._sinks = tuple(sinks)
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Event] = deque()
        self._busy = False
        self._stopped = False
        self._facts: list[Fact] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._serving: dict[SessionId, Brain] = {}
        """The brain of each session that is open."""

    def start(self) -> None:
        """Let the conversation connect."""
        self._work(self._conversation.start(self._loop.time()))

    def reconfigure(self, settings: TurnSettings, brains: BrainSettings, listen: ListenSettings | None = None) -> None:
        """Go on with other settings, in a new session."""
        self._work(self._conversation.reconfigure(settings, brains, self._loop.time(), listen))

    @property
    def overdue_s(self) -> float:
        """How long ago the conversation wanted to be woken, and was not."""
        return max(0.0, self._loop.time() - self._conversation.deadline())

    def history(self) -> list[dict[str, str]]:
        """The last things that were said, oldest first: `who` ("user" or "assistant") and `text`."""
        return [{"who": who, "text": text} for who, text in self._conversation.history()]

    def stop(self) -> None:
        """The last facts are told. What edges still post as they end moves nothing any more."""
        self._stopped = True
        self._tell()
        if self._alarm is not None:
            self._alarm.cancel()

    def post(self, event: Event) -> None:
        """The only way in. On the loop's thread; others use `loop.call_soon_threadsafe(hub.post, event)`."""
        if self._stopped:
            return
        self._inbox.append(event)
        if not self._busy:
            self._work([])

    def crashed(self, edge: object) -> None:
        """This edge broke down: if it is a brain, its session is lost with it."""
        for session in [session for session, brain in self._serving.items() if brain is edge]:
            self.post(BrainLost(session, "it broke down"))

    def _work(self, commands: list[Command]) -> None:
        self._busy = True
        try:
            self._obey(commands)
            while self._inbox:
                self._obey(self._conversation.handle(self._inbox.popleft(), self._loop.time()))
        finally:
            self._busy = False
        self._set_alarm()

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Play() | FinishItem() | Duck() | Unduck() | FlushPlayout() | PlayEarcon() | SetVolume():
                    self.speaker.do(command)
                case StreamUtterance() | CommitUtterance() | DiscardUtterance() | StartReply() | CancelReply():
                    self._to_brain(command)
                case TruncateReply() | DeleteItem() | SendText() | SendToolResult() | AddHistory() | UpdateTools():
                    self._to_brain(command)
                case OpenSession() | CloseSession() | ExpectAnswer():
                    self._to_brain(command)
                case SpotSound() | SpotVerdict() | SpotTools():
                    self.spotter.do(command)
                case RunTool() | CancelTool():
                    self.tools.do(command)
                case OpenMicrophone() | CloseMicrophone():
                    self.microphone.do(command)
                case Report(fact):
                    if not self._facts:
                        self._loop.call_later(0, self._tell)  # a timer: it runs after the socket's writer
                    self._facts.append(fact)

    def _to_brain(self, command: BrainCommand) -> None:
        if isinstance(command, OpenSession):
            brain = self.brains[command.brain]
            others = [other for other in self.brains.values() if other is not brain]
            self._serving = {session: other for session, other in self._serving.items() if other in others}
            self._serving[command.session] = brain
        serving = self._serving.get(command.session)
        if isinstance(command, CloseSession):
            self._serving.pop(command.session, None)
        if serving is not None:
            serving.do(command)

    def _tell(self) -> None:
        """Facts wait for one turn of the loop: who watches must not delay what is done."""
        facts, self._facts = self._facts, []
        for fact in facts:
            for sink in self._sinks:
                sink.report(fact)

    def _set_alarm(self) -> None:
        due = self._conversation.deadline()
        if self._alarm is not None:
            if self._alarm.when() == due and not self._alarm.cancelled():
                return
            self._alarm.cancel()
            self._alarm = None
        if due != math.inf:
            self._alarm = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self.post(TimePassed())
