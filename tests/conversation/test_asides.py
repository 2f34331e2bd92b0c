"""What tools say, play and ask while they run, and what becomes of them when the user takes the floor."""

from __future__ import annotations

from tests.conversation.story import ALONE, Story, stream
from voiced.audio import Ms, samples_of, to_samples
from voiced.conversation.commands import (
    AddHistory,
    CancelReply,
    CancelTool,
    Command,
    CommitUtterance,
    DiscardUtterance,
    Duck,
    ExpectAnswer,
    FinishItem,
    FlushPlayout,
    OpenSession,
    Play,
    QuestionAsked,
    ReplyHeard,
    RequestEnded,
    RunTool,
    SendText,
    SendToolResult,
    SoundBegun,
    SpotSound,
    StartReply,
    StreamUtterance,
    TruncateReply,
    Unduck,
    UserHeard,
    UserSaid,
    UserTyped,
    UtteranceEnded,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    AnswerWanted,
    BrainLost,
    BrainReady,
    CallId,
    Image,
    ItemId,
    ItemPlayed,
    MuteAsked,
    NoCommand,
    OnBargeIn,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyDone,
    ReplyId,
    ReplyStarted,
    RequestRefused,
    SessionId,
    SoundCame,
    StopAsked,
    TextAsked,
    TimePassed,
    ToolCalled,
    ToolReturned,
    ToolsChanged,
    ToolSpec,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.conversation.settings import BrainSettings

S1 = SessionId(1)
CALL = CallId("c1")
ANSWER = ItemId("user2")
YES_OR_NO = AnswerWanted()


def asked(text: str = "Shall I?", request: str = "q1", **rest: object) -> AnnouncementAsked:
    return AnnouncementAsked(request, text, call=CALL, **rest)  # type: ignore[arg-type]


def question(text: str = "Shall I?", request: str = "q1") -> AnnouncementAsked:
    return asked(text, request, answer=YES_OR_NO)


def with_a_tool_running(
    on_barge_in: OnBargeIn = "finish", *, idempotent: bool = False, brains: BrainSettings = ALONE
) -> Story:
    """The user asked for something, and the tool `unlock` was called for it."""
    story = Story(brains=brains)
    story.tell(ToolsChanged((ToolSpec("unlock", "", {}, on_barge_in=on_barge_in, idempotent=idempotent),)))
    story.hear(400, speech=False)
    story.user_says()
    if brains.local_commands:
        story.tell(NoCommand(1))
    story.tell(UtteranceCommitted(S1, ItemId("user1")), ReplyStarted(S1, ReplyId("r1")))
    assert story.tell(ToolCalled(S1, ReplyId("r1"), ItemId("i1"), CALL, "unlock", "{}")) == [
        RunTool(CALL, "unlock", "{}")
    ]
    story.tell(ReplyDone(S1, ReplyId("r1")))
    return story


def said(story: Story, reply: str = "aside", item: str = "a1", ms: int = 500) -> list[Command]:
    """The aside's response comes and sounds to its end."""
    story.reply_begins(reply, item, ms, "Shall I?")
    story.reply_ends(reply, item)
    return story.drained(item, ms)


def history_of(command: Command) -> list[UserSaid]:
    items = {OpenSession: "history", AddHistory: "items"}.get(type(command))
    return [item for item in getattr(command, items) if isinstance(item, UserSaid)] if items else []


def ended(story: Story) -> list[RequestEnded]:
    return story.facts(RequestEnded)


def test_a_tool_says_something_while_it_runs_and_its_result_is_told_after_it() -> None:
    story = with_a_tool_running()
    assert story.tell(asked("I am looking.")) == [StartReply(S1, "I am looking.")]
    assert said(story) == []
    assert ended(story) == [RequestEnded("q1")]
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open"), StartReply(S1)]


def test_the_answer_does_not_wait_for_a_phrase_that_still_sounds() -> None:
    story = with_a_tool_running()
    story.tell(asked("One moment.", filler=True))
    story.reply_begins("aside", "a1", 500, "One moment.")
    story.reply_ends("aside", "a1")
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open"), StartReply(S1)]
    story.reply_begins("r2", "i2", 300, "It is open.")
    story.drained("a1", 500)
    assert ended(story) == [RequestEnded("q1")]
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert story.floor == "idle"
    assert [heard.text for heard in story.facts(ReplyHeard)] == ["One moment. It is open."]


def test_a_filler_is_left_out_where_the_model_says_something_itself() -> None:
    story = Story()
    story.hear(400, speech=False)
    story.user_says()
    story.reply_begins("r1", "i1", 500, "Let me see.")
    story.tell(ToolCalled(S1, ReplyId("r1"), ItemId("i2"), CALL, "unlock", "{}"))
    story.reply_ends("r1", "i1")
    assert story.tell(asked("One moment.", filler=True)) == []
    assert ended(story) == [RequestEnded("q1", error="it came too late to be said")]


def test_a_filler_that_comes_after_the_result_is_left_out() -> None:
    story = with_a_tool_running()
    story.tell(ToolReturned(CALL, "open"))
    assert story.tell(asked("One moment.", filler=True)) == []
    assert ended(story) == [RequestEnded("q1", error="it came too late to be said")]


def test_what_is_asked_aloud_is_answered_by_the_next_utterance() -> None:
    story = with_a_tool_running()
    assert story.tell(question()) == [ExpectAnswer(S1, ()), StartReply(S1, "Shall I?")]
    assert said(story) == []
    assert story.floor == "listening"
    answer = story.user_says(400)
    assert answer == [stream(1, spoken=400, silent=500), CommitUtterance(S1)]
    assert story.floor == "thinking"
    story.tell(UtteranceCommitted(S1, ANSWER))
    assert story.tell(UserTranscribed(S1, ANSWER, "Yes.")) == [ExpectAnswer(S1, None)]
    assert ended(story) == [RequestEnded("q1", "Yes.")]
    assert story.facts(UserHeard) == [UserHeard(1, "Yes.")]
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open"), StartReply(S1)]
    story.reply_begins("r2", "i2", 300, "It is open.")
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert story.conversation.settled


def test_who_typed_is_told_what_is_asked() -> None:
    story = Story()
    story.tell(TextAsked("t1", "Unlock the door."), ReplyStarted(S1, ReplyId("r1")))
    story.tell(ToolCalled(S1, ReplyId("r1"), ItemId("i1"), CALL, "unlock", "{}"), ReplyDone(S1, ReplyId("r1")))
    story.tell(question())
    assert story.facts(QuestionAsked) == [QuestionAsked("t1", "Shall I?")]


def test_a_yes_before_the_end_of_the_question_is_the_answer() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.reply_begins("aside", "a1", 1000, "Shall I really unlock it?")
    story.tell(ItemPlayed(ItemId("a1"), to_samples(600)))
    early = story.hear(300, speech=True)
    assert early[0] == Duck()
    assert early[1:4] == [CancelReply(S1, ReplyId("aside")), FlushPlayout((ItemId("a1"),)), Unduck()]
    assert isinstance(early[4], StreamUtterance)
    assert story.tell(PlayoutFlushed(ItemId("a1"), to_samples(640))) == [TruncateReply(S1, ItemId("a1"), Ms(640))]
    story.tell(ReplyDone(S1, ReplyId("aside"), "cancelled"))
    assert story.hear(500, speech=False)[-1] == CommitUtterance(S1)
    story.tell(UtteranceCommitted(S1, ANSWER), UserTranscribed(S1, ANSWER, "Yes."))
    assert ended(story) == [RequestEnded("q1", "Yes.")]
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open"), StartReply(S1)]


def test_nobody_answers() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    assert story.conversation.deadline() == story.now + YES_OR_NO.within_s
    story.now += YES_OR_NO.within_s
    assert story.tell(TimePassed()) == [ExpectAnswer(S1, None)]
    assert ended(story) == [RequestEnded("q1", error="nobody answered")]
    assert story.tell(ToolReturned(CALL, "no")) == [SendToolResult(S1, CALL, "no"), StartReply(S1)]


def test_a_cough_is_no_answer() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.hear(100, speech=True)
    assert story.hear(500, speech=False)[-1] == DiscardUtterance(S1)
    assert story.floor == "listening"
    assert ended(story) == []
    assert story.user_says(400)[-1] == CommitUtterance(S1)


def test_what_nobody_can_write_down_was_not_understood() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.user_says(400)
    story.tell(UtteranceCommitted(S1, ANSWER), UserTranscribed(S1, ANSWER, None))
    assert ended(story) == [RequestEnded("q1", error="the answer was not understood")]


def test_a_brain_that_never_writes_it_down_is_not_waited_for() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.user_says(400)
    story.now = story.conversation.deadline()
    story.tell(TimePassed())
    assert ended(story) == [RequestEnded("q1", error="the answer was not understood")]


def test_the_answer_may_be_typed() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    assert story.tell(TextAsked("t1", "Yes")) == [SendText(S1, "Yes"), ExpectAnswer(S1, None)]
    assert ended(story) == [RequestEnded("q1", "Yes")]
    story.tell(ToolReturned(CALL, "open"))
    story.reply_begins("r2", "i2", 300, "It is open.")
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert ended(story)[1:] == [RequestEnded("t1", "It is open.")]
    assert story.facts(UserTyped) == [UserTyped("Yes")]


def test_what_is_typed_is_told_before_it_is_answered() -> None:
    story = Story()
    story.user_says(1000)
    story.tell(TextAsked("t1", "And tomorrow?"))
    assert story.facts(UserTyped) == [UserTyped("And tomorrow?")]


def test_muted_nobody_can_answer() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.reply_begins("aside", "a1", 500, "Shall I?")
    story.reply_ends("aside", "a1")
    story.tell(MuteAsked(True))
    story.drained("a1", 500)
    assert ended(story) == [RequestEnded("q1", error="the microphone is off")]


def test_stop_ends_the_question_and_the_turn() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.tell(StopAsked())
    assert ended(story) == [RequestEnded("q1", error="it was interrupted")]
    assert story.floor == "idle"
    story.tell(ToolReturned(CALL, "open"))
    assert story.conversation.settled


def test_a_question_whose_tool_is_gone_is_not_asked_to_its_end() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.reply_begins("aside", "a1", 1000, "Shall I?")
    assert story.tell(AnnouncementWithdrawn("q1")) == [
        CancelReply(S1, ReplyId("aside")),
        FlushPlayout((ItemId("a1"),)),
        ExpectAnswer(S1, None),
    ]
    story.tell(PlayoutFlushed(ItemId("a1"), samples_of(b"")), ReplyDone(S1, ReplyId("aside"), "cancelled"))
    assert story.tell(ToolReturned(CALL, "gone", ok=False)) == [SendToolResult(S1, CALL, "gone"), StartReply(S1)]


def test_who_answers_a_question_that_was_withdrawn_is_answered() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.hear(300, speech=True)
    story.tell(AnnouncementWithdrawn("q1"), ToolReturned(CALL, "gone", ok=False))
    answer = story.hear(100, speech=True) + story.hear(500, speech=False)
    assert [type(command) for command in answer[-2:]] == [CommitUtterance, StartReply]


def test_a_question_is_put_again_where_the_session_is_lost_before_it_sounds() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.tell(BrainLost(S1, "gone"))
    ready = story.tell(BrainReady(story.session))
    assert ready[-2:] == [ExpectAnswer(story.session, ()), StartReply(story.session, "Shall I?")]
    assert ended(story) == []


def test_an_answer_is_heard_by_the_next_session() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.tell(BrainLost(S1, "gone"))
    story.hear(300, speech=True)
    ready = story.tell(BrainReady(story.session))
    assert ready[0] == ExpectAnswer(story.session, ())
    assert isinstance(ready[-1], StreamUtterance)
    assert story.hear(500, speech=False)[-1] == CommitUtterance(story.session)


def test_an_aside_that_the_server_refuses_is_told_and_the_turn_goes_on() -> None:
    story = with_a_tool_running()
    story.tell(asked("I am looking."))
    story.tell(RequestRefused(S1, "reply", "server_error", "no"))
    assert ended(story) == [RequestEnded("q1", error="it could not be said")]
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open"), StartReply(S1)]


def test_a_plugin_asks_by_itself_in_a_silence() -> None:
    story = Story()
    assert story.tell(AnnouncementAsked("q1", "Are you there?", answer=AnswerWanted(("here", "away")))) == [
        ExpectAnswer(S1, ("here", "away")),
        StartReply(S1, "Are you there?"),
    ]
    said(story)
    story.user_says(400)
    story.tell(UtteranceCommitted(S1, ANSWER), UserTranscribed(S1, ANSWER, "Here."))
    assert ended(story) == [RequestEnded("q1", "Here.")]
    assert story.conversation.settled


def test_a_plugin_listens_with_no_question() -> None:
    story = Story()
    assert story.tell(AnnouncementAsked("q1", "", answer=YES_OR_NO)) == [ExpectAnswer(S1, ())]
    assert story.floor == "listening"


def test_a_sound_needs_no_brain_and_can_be_interrupted() -> None:
    story = Story(ready=False)
    story.hear(400, speech=False)
    sound = b"\x03\x00" * to_samples(1000)
    item = ItemId("sound-s1")
    assert story.tell(AnnouncementAsked("s1", "", sound=sound)) == [Play(item, sound), FinishItem(item)]
    story.tell(ItemPlayed(item, to_samples(300)))
    assert story.floor == "speaking"
    assert FlushPlayout((item,)) in story.hear(700, speech=True)
    assert ended(story) == [RequestEnded("s1", error="it was interrupted")]


def test_a_sound_that_was_heard_whole() -> None:
    story = Story()
    sound = b"\x03\x00" * to_samples(1000)
    story.tell(AnnouncementAsked("s1", "", sound=sound))
    story.tell(PlayoutDrained(ItemId("sound-s1"), to_samples(1000)))
    assert ended(story) == [RequestEnded("s1")]
    assert story.conversation.settled


def streamed(story: Story, ms: int = 500) -> tuple[ItemId, bytes]:
    """A sound that comes in pieces, of which the first plays."""
    piece = b"\x03\x00" * to_samples(ms)
    item = ItemId("sound-s1")
    assert story.tell(AnnouncementAsked("s1", "", sound=piece, more=True)) == [Play(item, piece)]
    assert story.facts(SoundBegun) == [SoundBegun("s1")]
    return item, piece


def test_a_sound_that_comes_in_pieces_ends_when_its_last_one_was_heard() -> None:
    story = Story()
    item, piece = streamed(story)
    story.tell(ItemPlayed(item, to_samples(500)))  # the loudspeaker waits for more
    assert story.tell(SoundCame("s1", piece)) == [Play(item, piece)]
    assert story.floor == "speaking"
    assert story.tell(SoundCame("s1", piece, last=True)) == [Play(item, piece), FinishItem(item)]
    assert ended(story) == []
    story.tell(PlayoutDrained(item, to_samples(1500)))
    assert ended(story) == [RequestEnded("s1")]
    assert story.conversation.settled


def test_a_sound_that_comes_in_pieces_can_be_interrupted() -> None:
    story = Story()
    item, piece = streamed(story, 2000)
    story.tell(ItemPlayed(item, to_samples(300)))
    assert FlushPlayout((item,)) in story.hear(700, speech=True)
    assert ended(story) == [RequestEnded("s1", error="it was interrupted")]
    assert story.tell(SoundCame("s1", piece)) == []  # too late
    assert story.tell(SoundCame("s1", last=True)) == []


def test_a_sound_of_which_nothing_more_comes_is_given_up() -> None:
    story = Story()
    item, _ = streamed(story)
    story.tell(ItemPlayed(item, to_samples(500)))
    story.now = story.conversation.deadline()
    assert FinishItem(item) in story.tell(TimePassed())
    assert ended(story) == [RequestEnded("s1", error="it could not be said")]
    story.tell(PlayoutDrained(item, to_samples(500)))
    assert story.conversation.settled


def test_a_sound_goes_on_when_the_brain_is_lost_and_the_rest_of_it_comes() -> None:
    story = Story()
    item, piece = streamed(story)
    assert FinishItem(item) not in story.tell(BrainLost(S1, "gone"))
    assert story.tell(SoundCame("s1", piece, last=True)) == [Play(item, piece), FinishItem(item)]
    story.tell(PlayoutDrained(item, to_samples(1000)))
    assert ended(story) == [RequestEnded("s1")]


def test_too_many_asides_are_told_so() -> None:
    story = with_a_tool_running()
    for number in range(6):
        story.tell(asked("Still looking.", f"q{number}"))
    assert ended(story) == [RequestEnded("q5", error="too much is waiting to be said; try again later")]


def test_who_speaks_before_anything_of_the_question_was_heard_does_not_answer_it() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.reply_begins("aside", "a1", 500, "Shall I?")
    assert CancelReply(S1, ReplyId("aside")) in story.hear(500, speech=True)
    assert ended(story) == [RequestEnded("q1", error="it was interrupted")]
    story.hear(500, speech=False)
    assert [fact.answers for fact in story.facts(UtteranceEnded)] == [False, False]


def test_what_is_said_next_is_not_to_blame_for_what_was_cut_before_it() -> None:
    story = with_a_tool_running()
    story.tell(question())
    story.reply_begins("aside", "a1", 1000, "Shall I?")
    story.reply_ends("aside", "a1")
    story.tell(ItemPlayed(ItemId("a1"), to_samples(300)))
    story.tell(TextAsked("t1", "Yes"))
    story.tell(asked("I am at it.", "q2"))
    story.reply_begins("next", "a2", 500, "I am at it.")
    story.reply_ends("next", "a2")
    story.tell(PlayoutFlushed(ItemId("a1"), to_samples(400)))
    story.drained("a2", 500)
    assert ended(story)[-1] == RequestEnded("q2")


def test_what_breaks_off_was_not_wholly_heard() -> None:
    for broken in (ReplyDone(S1, ReplyId("aside"), "failed", "server_error"), BrainLost(S1, "gone")):
        story = with_a_tool_running()
        story.tell(asked("I am looking."))
        story.reply_begins("aside", "a1", 500, "I am")
        story.tell(broken)
        story.drained("a1", 500)
        assert ended(story) == [RequestEnded("q1", error="not all of it was heard")]


def test_an_announcement_that_breaks_off_was_not_wholly_heard() -> None:
    story = Story()
    story.tell(AnnouncementAsked("a1", "The eggs are done."))
    story.reply_begins("r1", "i1", 500, "The eggs")
    story.tell(ReplyDone(S1, ReplyId("r1"), "failed", "server_error"))
    story.drained("i1", 500)
    assert ended(story) == [RequestEnded("a1", error="not all of it was heard")]


def test_a_sound_of_which_no_end_is_told_is_given_up() -> None:
    story = with_a_tool_running()
    story.tell(asked("", sound=b"\x03\x00" * to_samples(1000)))
    story.tell(ItemPlayed(ItemId("sound-q1"), to_samples(1000)))
    story.now = story.conversation.deadline()
    story.tell(TimePassed())
    assert ended(story) == [RequestEnded("q1", error="it could not be said")]


def test_text_of_an_aside_is_no_answer() -> None:
    story = with_a_tool_running()
    story.tell(asked("I am looking."))
    story.reply_begins("aside", "a1", 0, "I am looking.")
    story.reply_ends("aside", "a1")
    story.user_says(600)
    story.tell(ToolReturned(CALL, "open"))
    story.tell(ReplyStarted(S1, ReplyId("r2")), ReplyDone(S1, ReplyId("r2"), code="no_speech"))
    assert story.commands.count(StartReply(S1)) == 3, "the first question still waits"


def test_a_result_that_comes_while_its_question_is_out_makes_no_haste() -> None:
    story = with_a_tool_running()
    story.tell(question(), ToolReturned(CALL, "open"))
    story.reply_begins("aside", "a1", 500, "Shall I?")
    story.reply_ends("aside", "a1")
    assert story.conversation.deadline() > story.now


def test_a_noise_after_a_question_that_is_withdrawn_changes_nothing() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.hear(100, speech=True)
    story.tell(AnnouncementWithdrawn("q1"))
    assert ended(story) == [RequestEnded("q1", error="it was withdrawn")]
    assert story.hear(500, speech=False)[-1] == DiscardUtterance(S1)
    assert story.floor == "thinking"
    assert story.tell(ToolReturned(CALL, "no")) == [SendToolResult(S1, CALL, "no"), StartReply(S1)]


def test_all_that_is_said_after_a_question_that_is_withdrawn_is_heard_by_the_spotter() -> None:
    story = with_a_tool_running(brains=BrainSettings(order=("realtime",)))
    story.tell(NoCommand(1), question())
    story.reply_begins("aside", "a1", 1000, "Shall I?")
    story.tell(ItemPlayed(ItemId("a1"), to_samples(300)))
    before = len(story.commands)
    story.hear(300, speech=True)
    story.tell(AnnouncementWithdrawn("q1"))
    story.hear(300, speech=True)
    story.hear(500, speech=False)
    spotted = b"".join(command.pcm for command in story.commands[before:] if isinstance(command, SpotSound))
    streamed = b"".join(command.pcm for command in story.commands[before:] if isinstance(command, StreamUtterance))
    assert spotted == streamed


def test_sound_of_an_answer_and_of_its_question_have_names_of_their_own() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.user_says(400)
    story.tell(BrainLost(S1, "gone"), ToolReturned(CALL, "no"))
    told = story.tell(BrainReady(story.session))
    names = [item.item for command in (*story.commands, *told) for item in history_of(command)]
    assert set(names) == {ItemId("utterance-1"), ItemId("answer-1")}


def test_an_answer_that_nobody_waits_for_and_that_is_refused_ends_nothing() -> None:
    story = with_a_tool_running()
    story.tell(question())
    said(story)
    story.user_says(400)
    assert story.tell(AnnouncementWithdrawn("q1"), asked("I go on.", "q2"))[-1] == StartReply(S1, "I go on.")
    assert story.tell(RequestRefused(S1, "commit", "odd", "no")) == []


def test_what_could_be_said_again_but_came_too_late_is_given_up_at_once() -> None:
    story = with_a_tool_running(brains=BrainSettings(order=("realtime", "cascade"), local_commands=False))
    story.tell(asked("First.", "q1"), asked("Second.", "q2"))
    story.reply_begins("aside", "a1", 26_000, "First.")
    story.reply_ends("aside", "a1")
    story.now += 26.0
    assert story.drained("a1", 26_000) == [StartReply(S1, "Second.")]
    story.now = story.conversation.deadline()
    story.tell(TimePassed())
    assert ended(story) == [RequestEnded("q1"), RequestEnded("q2", error="it could not be said")]
    assert story.conversation.deadline() > story.now


# A barge-in while a tool runs.


def test_a_tool_may_want_to_be_cancelled_by_a_barge_in() -> None:
    story = with_a_tool_running("cancel")
    commands = story.hear(300, speech=True)
    assert CancelTool(CALL) in commands
    story.tell(ToolReturned(CALL, "Not finished: the user interrupted.", ok=False))
    assert story.hear(500, speech=False)[-1] == StartReply(S1)


def test_a_cancelled_call_does_not_stand_for_one_that_is_asked_for_again() -> None:
    story = with_a_tool_running("cancel")
    story.user_says(400)
    again = CallId("c2")
    story.tell(ReplyStarted(S1, ReplyId("r2")))
    assert story.tell(ToolCalled(S1, ReplyId("r2"), ItemId("i2"), again, "unlock", "{}")) == [
        RunTool(again, "unlock", "{}")
    ]


def test_a_result_that_is_to_be_kept_is_told_in_the_next_silence() -> None:
    story = with_a_tool_running("keep")
    story.user_says(400)
    story.reply_begins("r2", "i2", 300, "Yes?")
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert story.floor == "idle"
    told = story.tell(ToolReturned(CALL, '{"open": true}', spoken="The door is open."))
    assert told[-1] == StartReply(S1, "The door is open.")


def test_a_result_that_comes_while_the_next_answer_is_on_its_way_is_told_after_it() -> None:
    story = with_a_tool_running("keep")
    story.user_says(400)
    story.reply_begins("r2", "i2", 300, "Yes?")
    story.tell(ToolReturned(CALL, "open"))
    story.reply_ends("r2", "i2")
    assert story.drained("i2", 300)[-1] == StartReply(S1, "open")


def test_a_result_that_the_next_brain_knows_of_is_not_told_besides() -> None:
    story = with_a_tool_running("keep")
    story.hear(400, speech=True)
    story.tell(ToolReturned(CALL, "open"))
    assert story.hear(500, speech=False)[-1] == StartReply(S1)
    story.reply_begins("r2", "i2", 300, "It is open.")
    story.reply_ends("r2", "i2")
    assert story.drained("i2", 300) == []
    assert story.conversation.settled


def test_a_result_whose_telling_was_interrupted_is_told_by_the_answer_or_after_it_but_not_twice() -> None:
    story = with_a_tool_running("keep")
    story.user_says(400)
    story.reply_begins("r2", "i2", 300, "Yes?")
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert story.tell(ToolReturned(CALL, "open"))[-1] == StartReply(S1, "open")
    story.user_says(600)
    story.tell(ReplyStarted(S1, ReplyId("r3")), ReplyDone(S1, ReplyId("r3"), "cancelled"))
    story.reply_begins("r4", "i4", 300, "It is open.")
    story.reply_ends("r4", "i4")
    assert story.drained("i4", 300) == []
    assert story.conversation.settled


def test_stop_cancels_what_wants_to_be_cancelled() -> None:
    story = with_a_tool_running("cancel")
    assert CancelTool(CALL) in story.tell(StopAsked())


def test_a_result_that_is_only_finished_is_not_told_by_itself() -> None:
    story = with_a_tool_running("finish")
    story.user_says(400)
    story.reply_begins("r2", "i2", 300, "Yes?")
    story.reply_ends("r2", "i2")
    story.drained("i2", 300)
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open")]
    assert story.floor == "idle"


def test_nothing_is_kept_after_stop() -> None:
    story = with_a_tool_running("keep")
    story.tell(StopAsked())
    assert story.tell(ToolReturned(CALL, "open")) == [SendToolResult(S1, CALL, "open")]
    assert story.conversation.settled


def test_what_only_reads_is_asked_anew_by_the_next_brain() -> None:
    for idempotent, runs in ((True, True), (False, False)):
        story = with_a_tool_running(idempotent=idempotent)
        story.tell(ToolReturned(CALL, "open"), BrainLost(S1, "gone"))
        story.tell(BrainReady(story.session), ReplyStarted(story.session, ReplyId("r2")))
        again = ToolCalled(story.session, ReplyId("r2"), ItemId("i2"), CallId("c2"), "unlock", "{}")
        assert (RunTool(CallId("c2"), "unlock", "{}") in story.tell(again)) is runs


def test_pictures_and_words_of_a_result_reach_the_brain() -> None:
    story = with_a_tool_running()
    picture = Image("image/png", b"png")
    sent = story.tell(ToolReturned(CALL, "a picture", spoken="Here it is.", images=(picture,)))
    assert sent == [SendToolResult(S1, CALL, "a picture", "Here it is.", (picture,)), StartReply(S1)]
