"""The three scenarios that must not zig-zag, as golden command lists."""

from __future__ import annotations

from tests.conversation.story import MS_100, Story, stream
from voiced.audio import Ms, to_samples
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    CancelReply,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    Duck,
    FinishItem,
    FlushPlayout,
    OpenSession,
    Play,
    PlayEarcon,
    ReplyHeard,
    RequestEnded,
    RunTool,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    TruncateReply,
    TurnFailed,
    Unduck,
    UserSaid,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    ItemId,
    ItemPlayed,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    SessionId,
    SpeakerLost,
    TextAsked,
    TimePassed,
    ToolCalled,
    ToolReturned,
    UserTranscribed,
    UtteranceCommitted,
)

S1, S2 = SessionId(1), SessionId(2)
R1, R2 = ReplyId("r1"), ReplyId("r2")
I1, I2 = ItemId("i1"), ItemId("i2")


def test_a_turn() -> None:
    story = Story()
    assert story.hear(400, speech=False) == []
    assert story.user_says(1000) == [
        # 300 ms of pre-roll: 240 from before the onset, 60 that made it.
        stream(1, before=240, spoken=1000, silent=500),
        CommitUtterance(S1),
        StartReply(S1),
    ]
    assert story.tell(ReplyStarted(S1, R1), ReplyText(S1, R1, I1, "Hello.")) == []
    assert story.floor == "thinking"
    assert story.tell(ReplyAudio(S1, R1, I1, MS_100)) == [Play(I1, MS_100)]
    assert story.floor == "speaking"
    assert story.reply_ends() == [FinishItem(I1)]
    assert story.tell(ItemPlayed(I1, to_samples(60))) == []
    assert story.floor == "speaking"
    assert story.tell(PlayoutDrained(I1, to_samples(100))) == []
    assert story.floor == "idle"
    assert story.floors() == ["listening", "thinking", "speaking", "idle"]
    assert story.facts(ReplyHeard) == [ReplyHeard(1, "Hello.", Ms(100), Ms(100), cut=False, first_audio=Ms(500))]


def test_a_turn_with_a_tool() -> None:
    story = Story()
    story.user_says()
    call = CallId("call_1")
    assert story.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, I1, call, "switch_lamp", '{"on": true}')) == [
        RunTool(call, "switch_lamp", '{"on": true}')
    ]
    assert story.tell(ReplyDone(S1, R1)) == []
    assert story.floor == "thinking"
    assert story.tell(ToolReturned(call, "done")) == [SendToolResult(S1, call, "done"), StartReply(S1)]
    story.reply_begins("r2", "i2")
    story.reply_ends("r2", "i2")
    assert story.drained("i2") == []
    assert story.floor == "idle"


def test_a_tool_that_returns_before_the_response_is_done_waits_for_it() -> None:
    story = Story()
    story.user_says()
    call = CallId("call_1")
    story.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, I1, call, "clock", "{}"))
    assert story.tell(ToolReturned(call, "noon")) == [SendToolResult(S1, call, "noon")]
    assert story.tell(ReplyDone(S1, R1)) == [StartReply(S1)]


def test_parallel_tools_get_one_response() -> None:
    story = Story()
    story.user_says()
    a, b = CallId("a"), CallId("b")
    story.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, I1, a, "x", "{}"), ToolCalled(S1, R1, I2, b, "y", "{}"))
    story.tell(ReplyDone(S1, R1))
    assert story.tell(ToolReturned(b, "2")) == [SendToolResult(S1, b, "2")]
    assert story.tell(ToolReturned(a, "1")) == [SendToolResult(S1, a, "1"), StartReply(S1)]


def test_commentary_plays_while_the_tool_runs() -> None:
    story = Story()
    story.user_says()
    call = CallId("call_1")
    story.reply_begins("r1", "i1")
    assert story.tell(ToolCalled(S1, R1, I2, call, "weather", "{}"), ReplyItemDone(S1, R1, I1), ReplyDone(S1, R1)) == [
        RunTool(call, "weather", "{}"),
        FinishItem(I1),
    ]
    assert story.tell(ToolReturned(call, "rain")) == [SendToolResult(S1, call, "rain"), StartReply(S1)]
    assert story.drained("i1") == []
    assert story.floor == "thinking"


def test_barge_in() -> None:
    story = Story()
    story.user_says()
    story.reply_begins(ms=2000)
    story.tell(ItemPlayed(I1, to_samples(500)))
    story.hear(400, speech=False)
    assert story.hear(60, speech=True) == [Duck()]
    assert story.floor == "overlap"
    assert story.hear(380, speech=True) == []
    assert story.hear(20, speech=True) == [
        CancelReply(S1, R1),
        FlushPlayout((I1,)),
        Unduck(),
        stream(1, before=240, spoken=460),
    ]
    assert story.floor == "listening"
    assert story.tell(PlayoutFlushed(I1, to_samples(1060))) == [TruncateReply(S1, I1, Ms(1060))]
    assert story.facts(ReplyHeard) == [ReplyHeard(1, "one two", Ms(1060), Ms(2000), cut=True, first_audio=Ms(500))]
    # What the server still sends of the cancelled response means nothing.
    assert story.tell(ReplyAudio(S1, R1, I1, MS_100), ReplyItemDone(S1, R1, I1)) == []
    # The next response waits until the server is done with the cancelled one.
    assert story.hear(540, speech=True)[0] == stream(1, spoken=540)
    assert story.hear(500, speech=False) == [stream(1, silent=500), CommitUtterance(S1)]
    assert story.tell(ReplyDone(S1, R1, "cancelled")) == [StartReply(S1)]


def test_a_cough_does_not_stop_the_reply() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    assert story.hear(120, speech=True) == [Duck()]
    assert story.hear(280, speech=False) == []
    assert story.hear(20, speech=False) == [Unduck()]
    assert story.floor == "speaking"
    story.reply_ends()
    assert story.drained() == []
    assert story.floor == "idle"


def test_a_backchannel_takes_no_floor() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    assert story.hear(400, speech=True) == [Duck()]
    assert story.hear(300, speech=False) == [Unduck()]
    assert story.floor == "speaking"


def test_realtime_is_lost_in_mid_answer() -> None:
    story = Story()
    story.user_says()
    story.tell(UtteranceCommitted(S1, ItemId("u1")), UserTranscribed(S1, ItemId("u1"), "Tell me a story"))
    call = CallId("call_1")
    story.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, I1, call, "switch_lamp", "{}"), ReplyDone(S1, R1))
    story.tell(ToolReturned(call, "on"))
    story.reply_begins("r2", "i2", ms=1000)
    pcm = stream(1, spoken=1000, silent=500).pcm
    lost = story.tell(BrainLost(S1, "connection reset"))
    assert lost == [
        FinishItem(I2),
        PlayEarcon("lost"),
        OpenSession(S2, (), (), Ms(0)),
    ]
    # What is buffered plays on, and only what was heard of it goes into the new session's history.
    assert story.tell(BrainReady(S2)) == [
        AddHistory(S2, (UserSaid(None, pcm, item=ItemId("utterance-1")), ToolUsed(call, "switch_lamp", "{}", "on"))),
    ]
    assert story.floor == "speaking"
    assert story.drained("i2") == [
        AddHistory(S2, (AssistantSaid("one two three four five"),)),
        StartReply(S2),
    ]
    story.reply_begins("r3", "i3")
    story.reply_ends("r3", "i3")
    story.drained("i3")
    assert story.floor == "idle"
    # The lamp was switched once.
    assert [c for c in story.commands if isinstance(c, RunTool)] == [RunTool(call, "switch_lamp", "{}")]


def test_an_utterance_while_nothing_is_connected_is_answered_later() -> None:
    story = Story(ready=False)
    assert story.user_says(1000) == []
    assert story.tell(BrainReady(S1)) == [
        AddHistory(S1, (UserSaid(None, stream(1, spoken=1000, silent=500).pcm, item=ItemId("utterance-1")),)),
        StartReply(S1),
    ]


def test_who_typed_reads_the_whole_answer_though_its_sound_was_lost() -> None:
    story = Story()
    story.tell(SpeakerLost("unplugged"))
    story.tell(TextAsked("control-1", "Count."))
    story.reply_begins(text="one two three")
    story.now += 10.0
    assert story.tell(TimePassed()) == [FlushPlayout((I1,))]
    assert story.tell(PlayoutFlushed(I1, to_samples(0))) == [DeleteItem(S1, I1)]
    story.tell(ReplyText(S1, R1, I1, " four five"))
    story.reply_ends()
    assert story.facts(RequestEnded) == [RequestEnded("control-1", "one two three four five")]
    assert [fact.text for fact in story.facts(ReplyHeard)] == [""]


def test_a_question_that_was_given_up_while_nothing_was_connected_is_not_asked_later() -> None:
    """The session that was ordered while the question waited comes up after its failure was told."""
    story = Story()
    story.tell(BrainLost(S1, "no network"))
    story.user_says(1000)
    story.tell(BrainLost(S2, "no network"))
    story.now += story.settings.answer_within_s
    story.tell(TimePassed())
    assert len(story.facts(TurnFailed)) == 1
    [*_, opened] = [command for command in story.commands if isinstance(command, OpenSession)]
    assert isinstance(opened, OpenSession)
    assert (opened.session, opened.history) == (SessionId(3), ())
    assert story.tell(BrainReady(SessionId(3))) == []


def test_a_session_that_comes_up_in_mid_utterance_gets_it_from_its_beginning() -> None:
    story = Story(ready=False)
    assert story.hear(600, speech=True) == []
    assert story.tell(BrainReady(S1)) == [stream(1, spoken=600)]
    assert story.hear(500, speech=False) == [stream(1, silent=500), CommitUtterance(S1), StartReply(S1)]


def test_noise_is_thrown_away() -> None:
    story = Story()
    assert story.hear(80, speech=True) == [stream(1, spoken=80)]
    assert story.hear(500, speech=False) == [stream(1, silent=500), DiscardUtterance(S1)]
    assert story.floor == "idle"


def test_the_pre_roll_of_the_next_utterance_repeats_nothing() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    story.reply_ends()
    story.drained()
    story.hear(100, speech=False)
    assert story.hear(60, speech=True) == [stream(1, before=100, spoken=60)]


def test_nothing_leaves_before_an_onset() -> None:
    story = Story()
    for _ in range(50):
        story.hear(100, speech=False)
        story.hear(40, speech=True)
        story.hear(100, speech=False)
    assert not [c for c in story.commands if isinstance(c, StreamUtterance)]


def test_a_refusal_in_mid_answer_lets_the_buffered_sound_play_on() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    assert story.tell(BrainLost(S1, "no credit", fatal=True)) == [FinishItem(I1), PlayEarcon("lost")]
    assert story.floor == "speaking"
    assert story.drained() == [PlayEarcon("failed")]
    assert story.floor == "idle"


def test_a_short_no_while_the_assistant_thinks_is_not_lost() -> None:
    story = Story()
    story.user_says(1000)
    ordered = story.hear(200, speech=True)
    assert ordered[:2] == [Duck(), CancelReply(S1, None)]
    assert story.floor == "listening"
    assert story.hear(500, speech=False)[-1] == CommitUtterance(S1)


def test_a_cough_while_the_assistant_thinks_is_still_a_cough() -> None:
    story = Story()
    story.user_says(1000)
    assert story.hear(120, speech=True) == [Duck()]
    assert story.hear(300, speech=False) == [Unduck()]
    assert story.floor == "thinking"
