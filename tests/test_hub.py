"""The hub: everything that happens goes in by one door, in order, and each order reaches its port."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

from tests.conversation.story import ALONE
from voiced.audio import FRAME_BYTES, Frame
from voiced.conversation.commands import (
    BrainChanged,
    BrainCommand,
    CommitUtterance,
    Fact,
    FloorChanged,
    OpenSession,
    PlayEarcon,
    RequestEnded,
    RunTool,
    SpeakerCommand,
    StartReply,
    StreamUtterance,
    ToolCommand,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    Event,
    FrameCaptured,
    ItemId,
    ReplyId,
    ReplyStarted,
    SessionId,
    TextAsked,
    ToolCalled,
    ToolReturned,
)
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import TurnSettings
from voiced.hub import Hub

S1 = SessionId(1)


class Ports:
    """All edges in one: writes down what it is told, and may answer at once."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.answer: Callable[[object], None] = lambda command: None

    def do(self, command: BrainCommand | SpeakerCommand | ToolCommand) -> None:
        self.told.append(command)
        self.answer(command)

    def report(self, fact: Fact) -> None:
        self.told.append(fact)

    def kinds(self) -> list[type[object]]:
        return [type(told) for told in self.told]


def household(settings: TurnSettings | None = None) -> tuple[Hub, Ports]:
    ports = Ports()
    hub = Hub(Conversation(settings or TurnSettings(), ALONE), [ports])
    hub.brains = {"realtime": ports}
    hub.speaker = hub.tools = ports
    return hub, ports


def say(hub: Hub, frames: int, *, speech: bool) -> None:
    for _ in range(frames):
        hub.post(FrameCaptured(Frame(bytes(FRAME_BYTES), speech)))


async def test_a_frame_reaches_the_brain_before_post_returns() -> None:
    hub, ports = household()
    hub.start()
    hub.post(BrainReady(S1))
    say(hub, 3, speech=True)
    assert ports.kinds()[-1] is StreamUtterance
    say(hub, 1, speech=True)
    assert ports.kinds()[-1] is StreamUtterance


async def test_what_a_port_posts_while_it_obeys_waits_for_its_turn() -> None:
    hub, ports = household()
    hub.start()
    hub.post(BrainReady(S1))
    say(hub, 20, speech=True)

    def tool_that_returns_at_once(command: object) -> None:
        if isinstance(command, StartReply):
            reply = ReplyId("r1")
            hub.post(ReplyStarted(S1, reply))
            hub.post(ToolCalled(S1, reply, ItemId("i1"), CallId("c1"), "clock", "{}"))
        elif isinstance(command, RunTool):
            hub.post(ToolReturned(command.call, "noon"))

    ports.answer = tool_that_returns_at_once
    say(hub, 25, speech=False)
    kinds = ports.kinds()
    assert kinds.index(CommitUtterance) < kinds.index(StartReply) < kinds.index(RunTool)


async def test_what_a_port_posts_while_it_is_set_up_anew_waits_for_its_turn() -> None:
    hub, ports = household()

    def server_that_hangs_up_at_once(command: object) -> None:
        if isinstance(command, OpenSession) and command.session == 2:
            hub.post(BrainLost(command.session, "reset"))

    ports.answer = server_that_hangs_up_at_once
    hub.start()
    hub.reconfigure(TurnSettings(), ALONE)
    hub.stop()
    states = [told.state for told in ports.told if isinstance(told, BrainChanged)]
    assert states == ["connecting", "connecting", "lost", "connecting"]


async def test_a_brain_that_breaks_down_is_a_lost_session() -> None:
    hub, ports = household()
    hub.start()
    hub.post(BrainReady(S1))
    hub.crashed(Ports())
    assert ports.kinds().count(OpenSession) == 1
    hub.crashed(ports)
    assert ports.kinds().count(OpenSession) == 2
    hub.stop()
    assert BrainChanged("lost", "it broke down") in ports.told


async def test_a_brain_that_refused_is_let_go_by_a_reload() -> None:
    hub, _ = household()
    refusing = Ports()
    gone = weakref.ref(refusing)
    hub.brains = {"realtime": refusing}
    hub.start()
    hub.post(BrainLost(S1, "no such model", fatal=True))
    hub.brains = {"realtime": Ports()}
    hub.reconfigure(TurnSettings(), ALONE)
    hub.stop()
    del refusing
    gc.collect()
    assert gone() is None


async def test_who_watches_is_told_after_what_was_done() -> None:
    told = asyncio.Event()

    class Watching:
        def report(self, fact: Fact) -> None:
            if fact == FloorChanged("listening"):
                assert ports.kinds()[-1] is StreamUtterance
                told.set()

    ports = Ports()
    hub = Hub(Conversation(TurnSettings(), ALONE), [Watching()])
    hub.brains = {"realtime": ports}
    hub.speaker = hub.tools = ports
    hub.start()
    hub.post(BrainReady(S1))
    say(hub, 3, speech=True)
    assert not told.is_set()
    await asyncio.wait_for(told.wait(), 10)


async def test_time_passes_without_a_microphone() -> None:
    ended = asyncio.Event()

    class Waiting:
        def report(self, fact: Fact) -> None:
            if isinstance(fact, RequestEnded):
                assert fact == RequestEnded("q1", error="no brain is connected; see `voiced status`")
                ended.set()

    ports = Ports()
    hub = Hub(Conversation(TurnSettings(answer_within_s=5), ALONE), [Waiting()])
    hub.brains = {"realtime": ports}
    hub.speaker = hub.tools = ports
    hub.start()
    hub.post(TextAsked("q1", "hello?"))
    assert not ended.is_set()
    await asyncio.wait_for(ended.wait(), 10)


async def test_what_edges_post_as_they_end_moves_nothing() -> None:
    hub, ports = household()
    hub.start()
    hub.post(BrainReady(S1))
    say(hub, 20, speech=True)
    say(hub, 25, speech=False)
    hub.stop()
    told = list(ports.told)
    hub.post(BrainLost(S1, "it was stopped"))
    await asyncio.sleep(0)
    assert ports.told == told


async def test_each_order_goes_to_its_port() -> None:
    hub, ports = household()
    brain, speaker = Ports(), Ports()
    hub.brains, hub.speaker = {"realtime": brain}, speaker
    hub.start()
    events: list[Event] = [BrainReady(S1)]
    for event in events:
        hub.post(event)
    say(hub, 20, speech=True)
    say(hub, 25, speech=False)
    hub.post(BrainLost(S1, "reset"))
    assert speaker.told == [PlayEarcon("lost")]
    assert [type(told) for told in brain.told if not isinstance(told, StreamUtterance)] == [
        OpenSession,
        CommitUtterance,
        StartReply,
        OpenSession,
    ]
    assert ports.told == []
    hub.stop()
    assert BrainChanged("lost", "reset") in ports.told
