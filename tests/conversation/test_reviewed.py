"""What a review of the core found: each bug as the sequence of events that showed it."""

from __future__ import annotations

import math

import pytest

from tests.conversation.story import ALONE, MS_100, SPOKEN, Story, stream
from voiced.audio import Samples, to_samples
from voiced.conversation.commands import (
    AddHistory,
    CancelReply,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    FloorChanged,
    FlushPlayout,
    OpenSession,
    PlayEarcon,
    Report,
    RequestEnded,
    SendToolResult,
    StartReply,
    TurnFailed,
    UpdateTools,
    UserHeard,
    UserSaid,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    BrainLost,
    BrainReady,
    CallId,
    FrameCaptured,
    ItemId,
    ItemPlayed,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyStatus,
    RequestRefused,
    ServerHeard,
    SessionId,
    SpeakerLost,
    SpeakerReady,
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
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import BrainSettings, TurnEnd, TurnSettings

S1, S2 = SessionId(1), SessionId(2)
R1, R2 = ReplyId("r1"), ReplyId("r2")
I1, I2 = ItemId("i1"), ItemId("i2")
U1, U2 = ItemId("u1"), ItemId("u2")
CALL = CallId("call_1")
LAMP = ToolSpec("switch_lamp", "Switch the lamp.", {})
SERVER_ENDS = TurnSettings(end="server", barge_in_ms=450, min_speech_ms=160)
PATIENCE_S = TurnSettings().answer_within_s


def patience_ends(story: Story) -> None:
    due = story.conversation.deadline()
    assert due < math.inf, "nobody will ever end this"
    story.now = max(story.now, due)
    story.tell(TimePassed())


# The server that says nothing more.


def test_a_server_that_falls_silent_after_the_commentary_is_given_up() -> None:
    story = Story()
    story.user_says()
    story.reply_begins("r1", "i1")
    story.tell(ToolCalled(S1, R1, I2, CALL, "weather", "{}"), ReplyItemDone(S1, R1, I1), ReplyDone(S1, R1))
    story.drained("i1")
    assert story.tell(ToolReturned(CALL, "rain")) == [SendToolResult(S1, CALL, "rain"), StartReply(S1)]
    patience_ends(story)
    assert len(story.facts(TurnFailed)) == 1
    assert story.floor == "idle"


def test_a_server_that_falls_silent_in_mid_sentence_is_given_up_once_that_was_heard() -> None:
    story = Story()
    story.user_says()
    story.reply_begins(ms=1000)
    story.now += 40.0
    story.tell(ItemPlayed(I1, to_samples(1000)))  # a slow loudspeaker: nobody is given up while something sounds
    assert not story.facts(TurnFailed)
    story.now += PATIENCE_S
    flushed = story.tell(TimePassed())
    assert FlushPlayout((I1,)) in flushed
    story.tell(PlayoutFlushed(I1, to_samples(1000)))
    assert story.floor == "idle"
    assert story.conversation.settled


def test_a_session_that_owes_a_response_for_too_long_is_replaced() -> None:
    """Or each later turn would wait for that response to end, and fail."""
    story = Story()
    story.user_says()
    patience_ends(story)
    assert story.session == S2
    story.tell(BrainReady(S2))
    assert story.user_says()[-1] == StartReply(S2)


def test_a_cancel_that_finds_nothing_active_leaves_the_next_response_free() -> None:
    """The server refused the response in words that name no request, so the cancel had nothing to end."""
    story = Story()
    story.user_says()
    story.tell(RequestRefused(S1, None, "server_error", "sorry"))
    story.hear(460, speech=True)
    story.tell(RequestRefused(S1, "cancel", "response_cancel_not_active", "no active response found"))
    story.hear(540, speech=True)
    assert story.hear(500, speech=False)[-2:] == [CommitUtterance(S1), StartReply(S1)]


# Who answers what.


def test_a_reply_that_the_server_began_by_itself_does_not_stand_for_ours() -> None:
    story = Story()
    story.user_says()
    story.tell(ReplyStarted(S1, R1), ReplyAudio(S1, R1, I1, MS_100))
    busy = RequestRefused(S1, "reply", "conversation_already_has_active_response", "wait for it")
    assert story.tell(busy) == [CancelReply(S1, R1), FlushPlayout((I1,))]
    assert story.tell(PlayoutFlushed(I1, Samples(0))) == [DeleteItem(S1, I1)]
    assert story.tell(ReplyDone(S1, R1, "cancelled")) == [StartReply(S1)]
    story.reply_begins("r2", "i2")
    story.reply_ends("r2", "i2")
    assert story.drained("i2") == []
    assert story.floor == "idle"


def test_a_refused_response_of_a_cut_turn_does_not_count_against_the_next() -> None:
    story = Story()
    story.user_says()
    story.hear(460, speech=True)
    story.hear(540, speech=True)
    story.hear(500, speech=False)
    assert story.tell(RequestRefused(S1, "reply", "rate_limit_exceeded", "slow down")) == [StartReply(S1)]


def test_an_answer_that_fails_after_the_commentary_is_asked_for_again() -> None:
    story = Story()
    story.user_says()
    story.reply_begins("r1", "i1")
    story.tell(ToolCalled(S1, R1, I2, CALL, "weather", "{}"), ReplyItemDone(S1, R1, I1), ReplyDone(S1, R1))
    story.tell(ToolReturned(CALL, "rain"), ReplyStarted(S1, R2))
    assert story.tell(ReplyDone(S1, R2, "failed", "server_error")) == []
    story.now += 0.5
    assert story.tell(TimePassed()) == [StartReply(S1)]


@pytest.mark.parametrize("status", ["failed", "incomplete", "cancelled"])
def test_a_response_that_ended_before_it_began_is_asked_for_again_then_reported(status: ReplyStatus) -> None:
    story = Story()
    story.user_says()
    story.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1, status))
    story.now += 0.5
    assert story.tell(TimePassed()) == [StartReply(S1)]
    assert story.tell(ReplyStarted(S1, R2), ReplyDone(S1, R2, status)) == [PlayEarcon("failed")]
    assert len(story.facts(TurnFailed)) == 1
    assert story.floor == "idle"


@pytest.mark.parametrize("lost", [True, False])
def test_what_the_server_wanted_to_say_by_itself_and_could_not_is_not_asked_for(lost: bool) -> None:
    story = Story()
    story.tell(ReplyStarted(S1, R1))
    assert story.floor == "thinking"
    story.tell(BrainLost(S1, "reset") if lost else ReplyDone(S1, R1, "failed", "server_error"))
    assert story.floor == "idle"
    assert not story.facts(TurnFailed)
    assert not [c for c in story.commands if isinstance(c, PlayEarcon)]


def test_a_tool_that_outlasts_a_lost_loudspeaker_still_gets_its_answer() -> None:
    story = Story()
    story.user_says()
    story.reply_begins("r1", "i1")
    story.tell(ToolCalled(S1, R1, I2, CALL, "weather", "{}"), ReplyItemDone(S1, R1, I1), ReplyDone(S1, R1))
    story.tell(SpeakerLost("unplugged"))
    story.now += 10.0
    story.tell(TimePassed(), PlayoutFlushed(I1, to_samples(100)), SpeakerReady("speaker"))
    assert story.tell(ToolReturned(CALL, "rain")) == [SendToolResult(S1, CALL, "rain"), StartReply(S1)]


def test_a_loudspeaker_that_is_lost_again_and_again_does_not_keep_the_floor() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    story.reply_ends()
    for _ in range(11):
        story.tell(SpeakerLost("unplugged"))
        story.now += 1.0
    assert FlushPlayout((I1,)) in story.commands + story.tell(TimePassed())


def test_text_that_is_refused_fails_the_turn_that_it_was_typed_for() -> None:
    story = Story()
    story.tell(TextAsked("q1", "what is this"))
    story.hear(460, speech=True)
    story.hear(540, speech=True)
    story.hear(500, speech=False)
    story.tell(RequestRefused(S1, "text", "invalid_value", "no such picture"))
    assert not story.facts(TurnFailed)
    assert story.floor == "thinking"


# The user's items.


def test_a_commit_that_is_refused_names_no_utterance() -> None:
    story = Story()
    story.user_says(600)
    story.tell(RequestRefused(S1, "commit", "input_audio_buffer_commit_empty", "buffer too small"))
    story.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1, "cancelled"))
    story.reply_begins("r2", "i2")
    story.reply_ends("r2", "i2")
    story.drained("i2")
    story.user_says(900)
    story.tell(UtteranceCommitted(S1, U2), UserTranscribed(S1, U2, "the second"))
    assert story.facts(UserHeard) == [UserHeard(2, "the second")]


def test_an_utterance_whose_commit_is_refused_is_told_in_another_way() -> None:
    story = Story()
    pcm = story.user_says()[0].pcm  # type: ignore[union-attr]
    refused = story.tell(RequestRefused(S1, "commit", "input_audio_buffer_commit_empty", "buffer too small"))
    assert refused == [CancelReply(S1, None)]
    assert story.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1, "cancelled")) == [
        AddHistory(S1, (UserSaid(None, pcm, item=ItemId("utterance-1")),)),
        StartReply(S1),
    ]


def test_the_commit_of_the_last_utterance_does_not_end_this_one() -> None:
    """The server said nothing, so the turn was ended here; its name comes when the user has begun to speak again."""
    story = Story(SERVER_ENDS)
    story.hear(600, speech=True)
    assert story.hear(3000, speech=False)[-2:] == [CommitUtterance(S1), StartReply(S1)]
    story.hear(460, speech=True)
    assert story.floor == "listening"
    story.tell(ServerHeard(S1, speaking=True), UtteranceCommitted(S1, U1))
    assert story.floor == "listening"
    story.tell(ServerHeard(S1, speaking=False), UtteranceCommitted(S1, U2))
    assert story.floor == "thinking"


def test_the_item_of_an_idle_timeout_does_not_end_an_utterance_that_just_began() -> None:
    story = Story(SERVER_ENDS)
    story.hear(100, speech=True)
    story.tell(UtteranceCommitted(S1, U1))
    assert story.floor == "listening"


def test_speech_before_the_first_session_is_ordered_is_not_lost() -> None:
    conversation = Conversation(TurnSettings(), ALONE)
    for _ in range(5):
        assert conversation.handle(FrameCaptured(SPOKEN), 1.0)[1:] == []
    conversation.start(1.0)
    assert conversation.floor == "listening"
    assert stream(1, spoken=100) in conversation.handle(BrainReady(S1), 1.0)


# Announcements.


def test_an_announcement_that_is_interrupted_before_it_sounds_is_made_later() -> None:
    story = Story()
    assert story.tell(AnnouncementAsked("a1", "The eggs are done.")) == [StartReply(S1, "The eggs are done.")]
    story.tell(ReplyStarted(S1, R1), ReplyAudio(S1, R1, I1, MS_100))
    story.hear(460, speech=True)
    story.tell(PlayoutFlushed(I1, Samples(0)), ReplyDone(S1, R1, "cancelled"))
    story.hear(540, speech=True)
    assert story.hear(500, speech=False)[-2:] == [CommitUtterance(S1), StartReply(S1)]
    story.reply_begins("r2", "i2")
    story.reply_ends("r2", "i2")
    assert story.drained("i2") == [StartReply(S1, "The eggs are done.")]
    assert not story.facts(RequestEnded)


def test_an_announcement_of_which_something_was_heard_is_not_made_again() -> None:
    story = Story()
    story.tell(AnnouncementAsked("a1", "The eggs are done."))
    story.reply_begins(text="The eggs are done.")
    story.hear(460, speech=True)
    story.tell(PlayoutFlushed(I1, to_samples(600)), ReplyDone(S1, R1, "cancelled"))
    assert story.facts(RequestEnded) == [RequestEnded("a1", error="not all of it was heard")]
    assert story.tell(StopAsked())[-1] == DiscardUtterance(S1)
    assert story.conversation.settled


def test_an_announcement_that_begins_as_the_brain_is_refused_waits_for_the_next() -> None:
    story = Story()
    story.tell(AnnouncementAsked("a1", "The eggs are done."))
    story.tell(BrainLost(S1, "no credit", fatal=True))
    assert story.floor == "idle"
    assert not story.facts(RequestEnded)
    story.now += 70.0
    story.user_says()
    story.tell(BrainReady(S2))
    story.reply_begins("r2", "i2")
    story.reply_ends("r2", "i2")
    assert story.drained("i2") == [StartReply(S2, "The eggs are done.")]


def test_stop_ends_announcements_that_wait_and_says_so() -> None:
    story = Story()
    story.user_says()
    story.tell(AnnouncementAsked("a1", "The eggs are done."))
    story.tell(StopAsked(), ReplyStarted(S1, R1), ReplyDone(S1, R1, "cancelled"))
    assert story.facts(RequestEnded) == [RequestEnded("a1", error="it was stopped")]


def test_stop_ends_an_announcement_that_did_not_sound_yet() -> None:
    story = Story()
    story.tell(AnnouncementAsked("a1", "The eggs are done."))
    story.tell(StopAsked(), ReplyStarted(S1, R1))
    assert story.tell(ReplyDone(S1, R1, "cancelled")) == []
    assert story.facts(RequestEnded) == [RequestEnded("a1", error="it was stopped")]
    assert story.conversation.settled


# Tools and settings.


def test_tools_that_change_while_it_connects_are_offered_as_soon_as_it_is_ready() -> None:
    story = Story(ready=False)
    assert story.tell(ToolsChanged((LAMP,))) == []
    assert story.tell(BrainReady(S1)) == [UpdateTools(S1, (LAMP,))]
    assert story.tell(BrainLost(S1, "reset"))[-1] == OpenSession(S2, (), (LAMP,))
    assert story.tell(BrainReady(S2)) == []


def test_new_settings_tell_who_has_the_floor() -> None:
    """The fourth session lost in one turn fails it, even where it was a reload that replaced it."""
    story = Story()
    story.user_says()
    for session in range(1, 4):
        story.tell(BrainLost(SessionId(session), "reset"), BrainReady(SessionId(session + 1)))
    assert story.floor == "thinking"
    reports = story.conversation.reconfigure(story.settings, ALONE, story.now)
    assert Report(FloorChanged("idle")) in reports


def test_settings_that_change_before_the_start_open_no_session() -> None:
    """What is spent, and which tools there are, is known only at the start."""
    conversation = Conversation(TurnSettings(), ALONE)
    assert conversation.reconfigure(TurnSettings(), BrainSettings(order=("offline",), local_commands=False), 1.0) == []
    opened = [command for command in conversation.start(2.0) if isinstance(command, OpenSession)]
    assert opened == [OpenSession(S1, (), (), brain="offline")]


@pytest.mark.parametrize("end", ["local", "server", "semantic"])
def test_settings_that_change_in_mid_utterance_lose_none_of_it(end: TurnEnd) -> None:
    story = Story()
    story.hear(600, speech=True)
    story.conversation.reconfigure(TurnSettings(end=end, min_speech_ms=160), ALONE, story.now)
    assert story.tell(BrainReady(S2)) == [stream(2, spoken=600)]
    assert story.floor == "listening"
