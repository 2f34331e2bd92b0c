"""A state machine lives through everything that a day brings, then lets everybody finish.

The world has a strict server (one response at a time, no command of an old session, no empty commit), a
loudspeaker that plays what it was given and no more, tools that return when they like, and a user.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conversation.story import ALONE
from voiced.audio import FRAME_BYTES, FRAME_MS, SAMPLE_BYTES, Frame, Samples, samples_of, to_samples
from voiced.conversation.commands import (
    AddHistory,
    AttentionChanged,
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
    FinishItem,
    FlushPlayout,
    HistoryItem,
    OpenMicrophone,
    OpenSession,
    Play,
    PlayEarcon,
    Report,
    RequestEnded,
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
    TurnFailed,
    Unduck,
    UpdateTools,
    UserSaid,
    UtteranceEnded,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    AnswerWanted,
    BrainLost,
    BrainReady,
    CallId,
    Event,
    FrameCaptured,
    ItemId,
    ItemPlayed,
    KeyAction,
    MicrophoneLost,
    MuteAsked,
    OnBargeIn,
    PlayoutDrained,
    PlayoutFlushed,
    Refusable,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    RequestRefused,
    ServerHeard,
    SessionId,
    SoundCame,
    SpeakerLost,
    SpeakerReady,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    TimePassed,
    ToolCalled,
    ToolReturned,
    ToolsChanged,
    ToolSpec,
    UserTranscribed,
    UtteranceCommitted,
    WakeWordHeard,
)
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import ListenMode, ListenSettings, TurnEnd, TurnSettings

SHORTEST_COMMIT = to_samples(100) * SAMPLE_BYTES


class Server:
    """One session of a Realtime server, as strict as the real one."""

    def __init__(self, session: SessionId, history: tuple[HistoryItem, ...], tools: tuple[ToolSpec, ...]) -> None:
        self.session = session
        self.tools = tools
        self.ready = False
        self.buffer = b""
        self.heard: list[set[int]] = []
        """Which utterances each user item holds."""
        self.calls_open: set[CallId] = set()
        self.audio: dict[ItemId, int] = {}
        self.gone: set[ItemId] = set()
        self.active: ReplyId | None = None
        self.asked = False
        self.cancelled = False
        self.says_only: str | None = None
        """The response was to say just this."""
        self.open_items: list[ItemId] = []
        self.sounded = False
        self.unnamed: deque[Literal["named", "ended", "refused"]] = deque()
        """What it will say of the commits so far: by us, by its own VAD, or that there was nothing to commit."""
        self.untranscribed: list[ItemId] = []
        self.refuses_a_commit = False
        self.refused: set[int] = set()
        """Utterances of refused commits that it did not tell of yet."""
        self.mute_refusals = False
        """It refused a response without saying which request that was."""
        self.cancels_refused = 0
        self.add(history)

    def add(self, history: tuple[HistoryItem, ...]) -> None:
        for item in history:
            if isinstance(item, UserSaid):
                self.heard.append(marks(item.pcm))

    def obey(self, command: Command) -> None:
        match command:
            case StreamUtterance(_, pcm):
                self.buffer += pcm
            case CommitUtterance() if self.refuses_a_commit:
                self.refuses_a_commit = False
                self.refused |= marks(self.buffer)
                self.buffer = b""
                self.unnamed.append("refused")
            case CommitUtterance() if len(self.buffer) < SHORTEST_COMMIT:
                assert "ended" in self.unnamed, "input_audio_buffer_commit_empty"
                self.unnamed.append("refused")
            case CommitUtterance():
                self.commit("named")
            case DiscardUtterance():
                self.buffer = b""
            case SendText():
                self.heard.append(set())
            case AddHistory(_, items):
                self.add(items)
            case SendToolResult(_, call, _):
                assert call in self.calls_open, "unknown call_id"
                self.calls_open.remove(call)
            case ExpectAnswer():
                pass
            case StartReply(_, announce):
                self.says_only = announce
                assert self.active is None, "conversation_already_has_active_response"
                assert not self.asked, "conversation_already_has_active_response"
                self.asked = True
            case CancelReply() if not self.asked and not self.active:
                assert self.mute_refusals, "response_cancel_not_active"
                self.mute_refusals = False
                self.cancels_refused += 1
            case CancelReply():
                assert not self.cancelled
                self.cancelled = True
            case TruncateReply(_, item, heard):
                assert item in self.audio, "item_not_found"
                assert item not in self.gone
                assert 0 < heard <= self.audio[item] * 1000 // 24_000, "already shorter"
                self.gone.add(item)
            case DeleteItem(_, item):
                assert item in self.audio, "item_not_found"
                assert item not in self.gone
                self.gone.add(item)
            case UpdateTools(_, tools):
                self.tools = tools
            case _:
                raise AssertionError(command)

    def commit(self, how: Literal["named", "ended"]) -> None:
        self.heard.append(marks(self.buffer))
        self.buffer = b""
        self.unnamed.append(how)


def marks(pcm: bytes) -> set[int]:
    """Each utterance's frames carry its number."""
    return {int.from_bytes(pcm[at : at + 2], "little") for at in range(0, len(pcm), FRAME_BYTES)} - {0}


class ADay(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.server = Server(SessionId(0), (), ())
        self.tools: tuple[ToolSpec, ...] = ()
        self.inbox: deque[Event] = deque()
        self.busy = False
        self.names = 0
        self.utterance = 0
        self.ducked = False
        self.muted = False
        self.attentive = True
        self.speaker_ok = True
        self.buffered: dict[ItemId, int] = {}
        self.played: dict[ItemId, int] = {}
        self.finished: set[ItemId] = set()
        self.flushed: set[ItemId] = set()
        self.running: dict[CallId, SessionId] = {}
        self.ran: set[CallId] = set()
        self.spoken: set[int] = set()
        """Utterances that ended as turns."""
        self.answered: set[int] = set()
        self.in_turn: set[int] = set()
        self.requests: set[str] = set()
        self.over: set[str] = set()

    # The world.

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case OpenSession(session, history, tools):
                    assert session > self.server.session
                    self.server = Server(session, history, tools)
                case Play(item, pcm):
                    assert item not in self.flushed, "old sound after a barge-in"
                    self.buffered[item] = self.buffered.get(item, 0) + samples_of(pcm)
                    self.played.setdefault(item, 0)
                case FinishItem(item):
                    assert item not in self.finished
                    self.finished.add(item)
                case FlushPlayout(items):
                    for item in items:
                        self.flushed.add(item)
                        self.buffered.pop(item, None)
                        self.tell(PlayoutFlushed(item, Samples(self.played.get(item, 0))))
                case Duck():
                    assert not self.ducked
                    self.ducked = True
                case Unduck():
                    self.ducked = False
                case RunTool(call, _, _):
                    assert call not in self.ran, "a tool call was run twice"
                    self.ran.add(call)
                    self.running[call] = self.server.session
                case CancelTool(call):
                    assert call in self.running
                case Report(UtteranceEnded(answers=answers)):
                    self.spoken |= self.in_turn
                    if answers:  # The tool that asked is told.
                        self.answered |= self.in_turn
                case Report(TurnFailed()):
                    self.answered |= self.spoken
                case Report(RequestEnded(request)):
                    assert request not in self.over, "a request ended twice"
                    if request in self.requests:
                        self.over.add(request)
                    self.requests.discard(request)
                case CloseSession(session):
                    assert session == self.server.session
                case OpenMicrophone() | CloseMicrophone():
                    assert isinstance(command, CloseMicrophone) == self.muted
                case Report(AttentionChanged(attentive)):
                    self.attentive = attentive
                case Report() | PlayEarcon() | SetVolume() | SpotSound() | SpotVerdict() | SpotTools():
                    pass
                case _:
                    assert command.session == self.server.session, "a command for an old session"
                    assert self.server.ready
                    if isinstance(command, StartReply) and command.announce is None:
                        known = self.server.refused.union(*self.server.heard, self.in_flight())
                        assert self.spoken - self.answered <= known, "asked for an answer to what was never sent"
                    if isinstance(command, CancelReply) and self.server.sounded and self.server.says_only is None:
                        self.answered |= self.spoken  # The user took the floor from an answer.
                    self.server.obey(command)

    def tell(self, event: Event) -> None:
        self.inbox.append(event)
        if not self.busy:
            self.work([])

    def work(self, commands: list[Command]) -> None:
        """As the hub does."""
        self.busy = True
        self.obey(commands)
        while self.inbox:
            self.obey(self.conversation.handle(self.inbox.popleft(), self.now))
        self.busy = False

    def pass_time(self, ms: int, *, speech: bool = False) -> None:
        """Frames come, the loudspeaker plays."""
        for _ in range(ms // FRAME_MS):
            self.now += FRAME_MS / 1000
            self.play()
            mark = self.utterance if speech else 0
            if speech and not self.muted and self.attentive:
                self.in_turn.add(mark)
            self.tell(FrameCaptured(Frame(mark.to_bytes(2, "little") * (FRAME_BYTES // 2), speech)))

    def play(self) -> None:
        if not self.speaker_ok:
            return
        quantum = to_samples(FRAME_MS)
        for item in list(self.buffered):
            step = min(quantum, self.buffered[item] - self.played[item])
            if step:
                self.played[item] += step
                self.tell(ItemPlayed(item, Samples(self.played[item])))
                break
        for item in list(self.buffered):
            if item in self.finished and item in self.buffered and self.buffered[item] == self.played[item]:
                del self.buffered[item]
                self.tell(PlayoutDrained(item, Samples(self.played[item])))

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    # The user.

    @initialize(
        end=st.sampled_from(["local", "local", "server"]),
        modes=st.sampled_from([("open",), ("open",), ("wake",), ("ptt",), ("wake", "ptt")]),
    )
    def begins(self, end: TurnEnd, modes: tuple[ListenMode, ...]) -> None:
        self.settings = TurnSettings(
            end=end, rollover_min=1, barge_in_ms=450, min_speech_ms=160, server_patience_ms=1000
        )
        self.conversation = Conversation(self.settings, ALONE, ListenSettings(modes=modes))
        self.work(self.conversation.start(self.now))

    @rule(ms=st.sampled_from([300, 700, 1500]))
    def user_says_something(self, ms: int) -> None:
        self.user_goes_on(ms)
        self.pass_time(self.settings.hangover_ms + 40)

    @rule(ms=st.sampled_from([300, 700, 1500]))
    def user_goes_on(self, ms: int) -> None:
        self.utterance += 1
        self.in_turn = set() if self.conversation.floor != "listening" else self.in_turn
        self.pass_time(ms, speech=True)

    @rule(ms=st.sampled_from([60, 120, 400]))
    def user_coughs(self, ms: int) -> None:
        self.user_goes_on(ms)
        self.pass_time(200)

    @rule(ms=st.sampled_from([40, 500, 2000]))
    def silence(self, ms: int) -> None:
        self.pass_time(ms)

    @rule()
    def a_long_while_passes_without_frames(self) -> None:
        self.now += 40.0
        self.tell(TimePassed())

    @rule()
    def an_hour_passes_in_silence(self) -> None:
        self.pass_time(500)
        self.now += 3600.0
        self.pass_time(500)

    @rule()
    def somebody_types(self) -> None:
        request = self.name("q")
        self.requests.add(request)
        self.tell(TextAsked(request, "what time is it"))

    @rule()
    def a_timer_rings(self) -> None:
        request = self.name("a")
        self.requests.add(request)
        self.tell(AnnouncementAsked(request, "the eggs are done", earcon="alarm"))

    @rule()
    def a_plugin_plays_a_sound(self) -> None:
        request = self.name("s")
        self.requests.add(request)
        self.tell(AnnouncementAsked(request, "", sound=bytes(2 * to_samples(700))))

    @rule()
    def a_plugin_plays_a_sound_that_comes_in_pieces(self) -> None:
        request = self.name("s")
        self.requests.add(request)
        self.tell(AnnouncementAsked(request, "", sound=bytes(2 * to_samples(300)), more=True))

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), last=st.booleans())
    def more_of_a_sound_comes(self, data: st.DataObject, last: bool) -> None:
        """Also of one that is over, or has not begun."""
        if sounds := sorted(request for request in self.requests if request[0] == "s"):
            sound = bytes(2 * to_samples(300))
            self.tell(SoundCame(data.draw(st.sampled_from(sounds)), sound, last=last))

    @rule()
    def a_plugin_asks(self) -> None:
        request = self.name("a")
        self.requests.add(request)
        self.tell(AnnouncementAsked(request, "are you there", answer=AnswerWanted(within_s=1.0)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), filler=st.booleans())
    def a_tool_says_something(self, data: st.DataObject, filler: bool) -> None:
        request = self.name("a")
        self.requests.add(request)
        call = data.draw(st.sampled_from(sorted(self.running)))
        self.tell(AnnouncementAsked(request, "one moment", call=call, filler=filler))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), text=st.sampled_from(["shall I", "shall I", ""]))
    def a_tool_asks(self, data: st.DataObject, text: str) -> None:
        request = self.name("a")
        self.requests.add(request)
        call = data.draw(st.sampled_from(sorted(self.running)))
        self.tell(AnnouncementAsked(request, text, call=call, answer=AnswerWanted(within_s=1.0)))

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def nobody_wants_it_any_more(self, data: st.DataObject) -> None:
        if waiting := sorted(request for request in self.requests if request[0] == "a"):
            self.tell(AnnouncementWithdrawn(data.draw(st.sampled_from(waiting))))

    @rule()
    def user_says_stop(self) -> None:
        self.tell(StopAsked())
        self.answered |= self.spoken

    @rule(muted=st.booleans())
    def mute(self, muted: bool) -> None:
        self.muted = muted
        self.tell(MuteAsked(muted))

    @rule(action=st.sampled_from(["down", "up", "toggle"]))
    def the_key_moves(self, action: KeyAction) -> None:
        self.in_turn = set() if self.conversation.floor != "listening" else self.in_turn
        self.tell(TalkKeyMoved(action))

    @rule()
    def user_says_the_wake_word(self) -> None:
        self.in_turn = set()
        self.tell(WakeWordHeard("okay_nabu"))

    @rule(on_barge_in=st.sampled_from(["cancel", "finish", "keep"]))
    def a_plugin_comes_or_goes(self, on_barge_in: OnBargeIn) -> None:
        lamp = ToolSpec("lamp", "Switch the lamp.", {}, on_barge_in=on_barge_in)
        self.tools = (lamp, ToolSpec(self.name("tool"), "Switch the radio.", {}))
        self.tell(ToolsChanged(self.tools))

    @rule()
    def somebody_reloads(self) -> None:
        self.work(self.conversation.reconfigure(self.settings, ALONE, self.now))

    @rule()
    def the_microphone_is_unplugged(self) -> None:
        self.tell(MicrophoneLost("unplugged"))

    @precondition(lambda self: self.speaker_ok)
    @rule()
    def the_loudspeaker_is_unplugged(self) -> None:
        self.speaker_ok = False
        self.tell(SpeakerLost("unplugged"))

    @precondition(lambda self: not self.speaker_ok)
    @rule()
    def the_loudspeaker_is_back(self) -> None:
        self.speaker_ok = True
        self.tell(SpeakerReady("speaker"))

    # The server.

    @precondition(lambda self: not self.server.ready)
    @rule()
    def socket_comes_up(self) -> None:
        self.server.ready = True
        self.tell(BrainReady(self.server.session))

    @rule(fatal=st.booleans())
    def socket_lost(self, fatal: bool) -> None:
        self.tell(BrainLost(self.server.session, "reset", fatal=fatal and not self.server.ready))

    @precondition(lambda self: self.settings.end == "server" and len(self.server.buffer) >= SHORTEST_COMMIT)
    @rule()
    def server_ends_the_turn(self) -> None:
        self.server.commit("ended")

    @precondition(lambda self: self.settings.end == "local")
    @rule()
    def server_will_refuse_a_commit(self) -> None:
        self.server.refuses_a_commit = True

    @precondition(lambda self: self.server.unnamed)
    @rule()
    def server_says_what_became_of_a_commit(self) -> None:
        server = self.server
        what = server.unnamed.popleft()
        if what == "refused":
            if "refused" not in server.unnamed:
                server.refused.clear()
            self.tell(RequestRefused(server.session, "commit", "input_audio_buffer_commit_empty", "too small"))
            return
        if what == "ended":
            self.tell(ServerHeard(server.session, speaking=False))
        server.untranscribed.append(ItemId(self.name("u")))
        self.tell(UtteranceCommitted(server.session, server.untranscribed[-1]))

    def server_catches_up(self) -> None:
        """It answers requests in the order in which they came."""
        while self.server.unnamed:
            self.server_says_what_became_of_a_commit()
        while self.server.cancels_refused:
            self.cancel_is_refused()

    @precondition(lambda self: self.server.untranscribed)
    @rule(text=st.sampled_from([None, "", "what is the time"]))
    def an_utterance_is_transcribed(self, text: str | None) -> None:
        self.tell(UserTranscribed(self.server.session, self.server.untranscribed.pop(0), text))

    @precondition(lambda self: self.server.asked)
    @rule()
    def response_begins(self) -> None:
        self.server_catches_up()
        if not self.server.asked:
            self.server.says_only = None
        self.server.asked = False
        self.server.active = ReplyId(self.name("r"))
        self.server.open_items = []
        self.server.sounded = False
        self.tell(ReplyStarted(self.server.session, self.server.active))

    @precondition(lambda self: self.server.asked)
    @rule(says_which=st.booleans())
    def response_is_refused(self, says_which: bool) -> None:
        self.server_catches_up()
        self.server.mute_refusals = not says_which and not self.server.cancelled
        self.server.asked = self.server.cancelled = False
        request: Refusable | None = None if self.server.mute_refusals else "reply"
        self.tell(RequestRefused(self.server.session, request, "server_error", "no"))

    @precondition(lambda self: self.server.asked and not self.server.cancelled)
    @rule(sounds=st.booleans())
    def server_speaks_up_just_before_it_is_asked(self, sounds: bool) -> None:
        self.response_begins()
        if not self.server.active:
            return  # a refused commit came first, and the response that was asked for is not wanted
        if sounds:
            self.response_sounds(100, new=True)
        busy = "conversation_already_has_active_response"
        self.tell(RequestRefused(self.server.session, "reply", busy, "wait for its end"))

    @precondition(lambda self: self.server.cancels_refused)
    @rule()
    def cancel_is_refused(self) -> None:
        self.server.cancels_refused -= 1
        self.tell(RequestRefused(self.server.session, "cancel", "response_cancel_not_active", "nothing to cancel"))

    @precondition(lambda self: self.server.ready)
    @rule(request=st.sampled_from(["audio", "truncate", "delete", "text", "tool_result", None]))
    def something_else_is_refused(self, request: Refusable | None) -> None:
        self.tell(RequestRefused(self.server.session, request, "odd", "I can't do that"))

    @precondition(lambda self: self.server.ready and not self.server.asked and not self.server.active)
    @rule()
    def server_speaks_up_by_itself(self) -> None:
        self.server_catches_up()
        if not self.server.asked:
            self.response_begins()

    @precondition(lambda self: self.server.active)
    @rule(ms=st.sampled_from([100, 1000, 4000]), new=st.booleans())
    def response_sounds(self, ms: int, new: bool) -> None:
        server, item = self.server, self.item(new)
        assert server.active
        server.sounded = True
        server.audio[item] += to_samples(ms)
        self.tell(ReplyText(server.session, server.active, item, "some words "))
        self.tell(ReplyAudio(server.session, server.active, item, bytes(2 * to_samples(ms))))

    @precondition(lambda self: self.server.active)
    @rule(new=st.booleans())
    def response_writes(self, new: bool) -> None:
        assert self.server.active
        self.tell(ReplyText(self.server.session, self.server.active, self.item(new), "some words ", spoken=False))

    def item(self, new: bool) -> ItemId:
        """A new item of the response, or the last that is open."""
        if new or not self.server.open_items:
            self.server.open_items.append(ItemId(self.name("i")))
            self.server.audio[self.server.open_items[-1]] = 0
        return self.server.open_items[-1]

    @precondition(lambda self: self.server.active and self.server.open_items)
    @rule()
    def item_ends(self) -> None:
        assert self.server.active
        self.tell(ReplyItemDone(self.server.session, self.server.active, self.server.open_items.pop(0)))

    @precondition(lambda self: self.server.active and self.server.says_only is None)
    @rule()
    def response_calls_a_tool(self) -> None:
        call = CallId(self.name("c"))
        self.server.calls_open.add(call)
        self.tell(ToolCalled(self.server.session, self.server.active, ItemId(self.name("i")), call, "lamp", "{}"))  # type: ignore[arg-type]

    @precondition(lambda self: self.server.active)
    @rule(status=st.sampled_from(["completed", "completed", "failed", "incomplete"]), closes=st.booleans())
    def response_ends(self, status: ReplyStatus, closes: bool) -> None:
        server = self.server
        while closes and server.open_items:
            self.item_ends()
        reply, server.active = server.active, None
        assert reply is not None
        if server.cancelled:
            status = "cancelled"
        elif (status == "completed" or server.sounded) and not server.calls_open and server.says_only is None:
            self.answered |= self.in_flight().union(*server.heard)
        server.cancelled = False
        self.tell(ReplyDone(server.session, reply, status))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def tool_returns(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[call]
        self.tell(ToolReturned(call, "done"))

    def in_flight(self) -> set[int]:
        """Where the server ends the turns: what it got after its last decision, which waits for its next."""
        return marks(self.server.buffer) if self.settings.end == "server" else set()

    # What always holds.

    @invariant()
    def the_gain_is_lowered_in_an_overlap_only(self) -> None:
        assert self.ducked == (self.conversation.floor == "overlap")

    @invariant()
    def the_floor_tells_what_sounds(self) -> None:
        sounds = any(self.buffered[item] > self.played[item] for item in self.buffered)
        assert not sounds or self.conversation.floor in ("speaking", "overlap")

    @invariant()
    def a_deadline_that_was_kept_is_gone(self) -> None:
        due = self.conversation.deadline()
        if due != math.inf and due <= self.now:
            self.tell(TimePassed())
            assert self.conversation.deadline() > self.now

    @invariant()
    def who_thinks_is_waited_for_no_longer_than_patience_lasts(self) -> None:
        if self.conversation.floor == "thinking" and not self.running:
            assert self.conversation.deadline() < math.inf

    def teardown(self) -> None:
        """Let everybody finish."""
        self.tell(TalkKeyMoved("up"))
        self.muted = False
        self.tell(MuteAsked(False))
        for _ in range(60):
            if not self.server.ready:
                self.socket_comes_up()
            if not self.speaker_ok:
                self.the_loudspeaker_is_back()
            self.pass_time(600)
            while any(item in self.finished for item in self.buffered):
                self.pass_time(1000)
            while self.running:
                call = next(iter(self.running))
                del self.running[call]
                self.tell(ToolReturned(call, "done"))
            self.server_catches_up()
            if self.server.asked:
                self.response_begins()
                self.response_sounds(1000, new=True)
            if self.server.active:
                self.response_ends("completed", closes=True)
            self.pass_time(600)
            due = self.conversation.deadline()
            if self.conversation.floor == "thinking" and due != math.inf:
                self.now = max(self.now, due)
                self.tell(TimePassed())
        self.pass_time(600)
        assert self.conversation.floor == "idle"
        assert self.conversation.settled
        assert not self.ducked
        assert not self.server.active
        assert not self.server.asked
        assert not self.requests, "a typed question or an announcement that nobody heard of again"
        assert self.server.tools == self.tools
        assert self.spoken <= self.answered, "an utterance was neither answered nor its failure told"


TestADay = ADay.TestCase
TestADay.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
