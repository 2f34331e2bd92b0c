"""When speech begins a turn: with the key to talk, after the wake word, after an answer."""

from __future__ import annotations

import pytest

from tests.conversation.story import SILENT, SPOKEN, Story, joined, stream
from voiced.audio import FRAME_MS, Ms, Samples
from voiced.conversation.commands import (
    AttentionChanged,
    BargedIn,
    CancelReply,
    CloseMicrophone,
    CommitUtterance,
    DiscardUtterance,
    Muted,
    OpenMicrophone,
    PlayEarcon,
    RequestEnded,
    StartReply,
    StreamUtterance,
    TalkKeyHeld,
    TruncateReply,
    UtteranceEnded,
    Woken,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    ItemId,
    KeyAction,
    MicrophoneLost,
    MuteAsked,
    PlayoutFlushed,
    ReplyDone,
    ReplyId,
    ReplyStarted,
    SessionId,
    TalkKeyMoved,
    TextAsked,
    TimePassed,
    WakeWordHeard,
)
from voiced.conversation.settings import ListenSettings, TurnSettings

PTT = ListenSettings(modes=("ptt",))
WAKE = ListenSettings(modes=("wake",))
EITHER = ListenSettings(modes=("wake", "ptt"))
COMMIT = CommitUtterance(SessionId(1))
DISCARD = DiscardUtterance(SessionId(1))
WORD = WakeWordHeard("okay_nabu")


def ptt() -> Story:
    return Story(listen=PTT)


def wake(listen: ListenSettings = WAKE) -> Story:
    return Story(listen=listen)


def key(story: Story, action: KeyAction) -> list[object]:
    return list(story.tell(TalkKeyMoved(action)))


def wait(story: Story, seconds: float) -> list[object]:
    """No frame comes, and time passes: the conversation is woken when it asked to be."""
    out: list[object] = []
    until = story.now + seconds
    while (due := story.conversation.deadline()) <= until:
        story.now = max(story.now, due)
        out += story.tell(TimePassed())
        assert story.conversation.deadline() > story.now, "it is woken again and again"
    story.now = until
    return out


def answered(story: Story) -> None:
    """The turn at hand gets its answer, and it is heard."""
    story.reply_begins()
    story.reply_ends()
    story.drained()


# The key.


def test_with_the_key_alone_nobody_is_heard_without_it() -> None:
    story = ptt()
    assert story.hear(3000, speech=True) == []
    assert story.facts(AttentionChanged) == [AttentionChanged(False)]


def test_what_is_said_while_the_key_is_held_is_a_turn_with_what_came_just_before_and_after() -> None:
    story = Story(listen=ListenSettings(modes=("ptt",), key_tail_ms=310))
    story.hear(1000, speech=False)
    story.hear(200, speech=True)
    down = key(story, "down")
    middle = story.hear(1000, speech=True)
    key(story, "up")
    tail = story.hear(400, speech=False)
    before = SILENT.pcm * 10 + SPOKEN.pcm * 10
    assert down == [StreamUtterance(SessionId(1), before)]
    assert middle == [stream(1, spoken=1000)]
    assert tail == [stream(1, silent=320), PlayEarcon("heard"), COMMIT, StartReply(SessionId(1))]
    assert [fact.speech for fact in story.facts(UtteranceEnded)] == [1200]


def test_a_pause_does_not_end_a_turn_while_the_key_is_held() -> None:
    story = ptt()
    key(story, "down")
    story.hear(600, speech=True)
    assert COMMIT not in story.hear(5000, speech=False)
    story.hear(600, speech=True)
    key(story, "up")
    assert COMMIT in story.hear(400, speech=False)
    assert len(story.facts(UtteranceEnded)) == 1


def test_a_key_touched_by_mistake_asks_nothing() -> None:
    story = ptt()
    key(story, "down")
    key(story, "up")
    assert story.hear(400, speech=False)[-1] == DISCARD
    assert story.floor == "idle"
    assert story.facts(UtteranceEnded) == []


def test_the_tail_ends_also_where_no_frame_comes() -> None:
    story = ptt()
    key(story, "down")
    story.hear(600, speech=True)
    key(story, "up")
    assert COMMIT in wait(story, 0.4)


def test_a_key_that_repeats_is_one_key() -> None:
    story = ptt()
    for _ in range(5):
        key(story, "down")
        story.hear(200, speech=True)
    key(story, "up")
    key(story, "up")
    story.hear(400, speech=False)
    assert story.facts(TalkKeyHeld) == [TalkKeyHeld(True), TalkKeyHeld(False)]
    assert len(story.facts(UtteranceEnded)) == 1


def test_toggle_begins_and_ends() -> None:
    story = ptt()
    key(story, "toggle")
    story.hear(600, speech=True)
    key(story, "toggle")
    assert COMMIT in story.hear(400, speech=False)


def test_a_lost_key_up_ends_by_itself_after_a_silence() -> None:
    story = ptt()
    key(story, "down")
    story.hear(1000, speech=True)
    out = story.hear(10_000, speech=False)
    assert COMMIT in out
    assert story.facts(TalkKeyHeld) == [TalkKeyHeld(True), TalkKeyHeld(False)]
    answered(story)
    assert story.hear(2000, speech=True) == [], "the key is up"


def test_a_key_that_is_held_for_ever_in_noise_ends_with_the_longest_utterance() -> None:
    story = Story(TurnSettings(max_utterance_s=5), listen=PTT)
    key(story, "down")
    out = story.hear(5000, speech=True)
    assert out[-2:] == [COMMIT, StartReply(SessionId(1))]
    assert story.facts(TalkKeyHeld)[-1] == TalkKeyHeld(False)


def test_a_lost_key_up_ends_also_with_no_microphone() -> None:
    story = Story(TurnSettings(max_utterance_s=5), listen=PTT)
    key(story, "down")
    story.tell(MicrophoneLost("unplugged"))
    wait(story, 6.0)
    assert story.facts(TalkKeyHeld) == [TalkKeyHeld(True), TalkKeyHeld(False)]
    assert story.conversation.settled


def test_the_key_takes_the_floor_at_once() -> None:
    story = ptt()
    key(story, "down")
    story.hear(600, speech=True)
    key(story, "up")
    story.hear(400, speech=False)
    story.reply_begins()
    assert story.hear(2000, speech=True) == [], "the voice alone does not interrupt"
    out = key(story, "down")
    assert out[0] == CancelReply(SessionId(1), ReplyId("r1"))
    assert out[-1] == stream(1, spoken=PTT.key_pre_roll_ms)
    assert len(story.facts(BargedIn)) == 1
    assert story.floor == "listening"


def test_where_all_are_heard_the_key_says_when_one_ends() -> None:
    story = Story()
    story.hear(400, speech=True)
    key(story, "down")
    assert COMMIT not in story.hear(3000, speech=False)
    key(story, "up")
    assert COMMIT in story.hear(400, speech=False)


@pytest.mark.parametrize(("lost", "tone"), [(MuteAsked(True), "muted"), (MicrophoneLost("unplugged"), "lost")])
def test_a_key_with_nothing_to_hear_it_says_so(lost: MuteAsked | MicrophoneLost, tone: str) -> None:
    story = ptt()
    story.tell(lost)
    assert key(story, "down") == [PlayEarcon(tone)]
    assert key(story, "up") == []
    assert story.floor == "idle"


def test_mute_closes_the_microphone() -> None:
    story = Story()
    assert story.tell(MuteAsked(True)) == [CloseMicrophone(), PlayEarcon("muted")]
    assert story.tell(MuteAsked(True)) == []
    assert story.tell(MuteAsked(False)) == [OpenMicrophone(), PlayEarcon("unmuted")]
    assert story.facts(Muted) == [Muted(True), Muted(False)]
    assert story.facts(AttentionChanged) == [AttentionChanged(False), AttentionChanged(True)]


# The wake word.


def test_before_the_wake_word_nothing_leaves_the_device() -> None:
    story = wake()
    assert story.hear(10_000, speech=True) == []
    assert story.hear(1000, speech=False) == []


def test_a_question_in_one_breath_with_the_wake_word_is_kept_whole() -> None:
    story = wake()
    story.hear(1000, speech=False)
    story.hear(800, speech=True)  # the word itself
    story.tell(WORD)
    out = joined(story.hear(1200, speech=True))
    assert out == [StreamUtterance(SessionId(1), SPOKEN.pcm * ((500 + 1200) // FRAME_MS))], "from before the word's end"
    assert PlayEarcon("heard") not in story.commands, "a tone would fall into the question"
    assert COMMIT in story.hear(600, speech=False)
    assert story.facts(Woken) == [Woken("okay_nabu")]


def test_who_pauses_after_the_wake_word_is_told_to_go_on_and_may_take_some_time() -> None:
    story = wake()
    story.hear(800, speech=True)
    story.tell(WORD)
    out = story.hear(240, speech=True) + story.hear(4000, speech=False)
    assert out == [PlayEarcon("heard")]
    assert COMMIT in story.user_says()


def test_the_word_alone_is_no_question() -> None:
    story = wake()
    story.hear(800, speech=True)
    story.tell(WORD)
    story.hear(240, speech=True)
    story.hear(7000, speech=False)
    assert story.facts(UtteranceEnded) == []
    assert story.facts(AttentionChanged) == [AttentionChanged(on) for on in (False, True, False)]
    assert story.hear(2000, speech=True) == [], "its time is over"


def test_after_an_answer_nobody_needs_the_word_for_a_while() -> None:
    story = wake()
    story.tell(WORD)
    story.hear(700, speech=False)
    story.user_says()
    answered(story)
    story.hear(6000, speech=False)
    assert COMMIT in story.user_says()
    answered(story)
    story.hear(9000, speech=False)
    assert story.user_says() == []


def test_without_a_follow_up_window_it_is_always_needed() -> None:
    story = wake(ListenSettings(modes=("wake",), follow_up_s=0))
    story.tell(WORD)
    story.hear(700, speech=False)
    story.user_says()
    answered(story)
    assert story.user_says() == []


def test_the_wake_word_stops_the_reply_and_is_none_itself() -> None:
    story = wake()
    story.tell(WORD)
    story.hear(700, speech=False)
    story.user_says()
    story.reply_begins()
    story.hear(300, speech=True)
    out = story.tell(WORD)
    assert any(isinstance(command, CancelReply) for command in out)
    story.tell(PlayoutFlushed(ItemId("i1"), Samples(0)))
    story.hear(240, speech=True)
    story.hear(1000, speech=False)
    assert len(story.facts(UtteranceEnded)) == 1, "the word is no question"
    assert COMMIT in story.user_says()


def test_what_is_to_be_announced_waits_for_who_just_woke_it() -> None:
    story = wake()
    story.tell(WORD)
    assert story.tell(AnnouncementAsked("a", "Dinner!")) == []
    story.hear(700, speech=False)
    out = story.user_says()
    assert COMMIT in out
    answered(story)
    assert story.facts(RequestEnded) == []
    assert any(isinstance(c, StartReply) and c.announce == "Dinner!" for c in story.commands)


def test_what_is_to_be_announced_comes_after_a_wake_word_that_nobody_followed_up() -> None:
    story = wake()
    story.tell(WORD)
    story.tell(AnnouncementAsked("a", "Dinner!"))
    assert StartReply(SessionId(1), "Dinner!") in wait(story, 7.0)


def test_what_was_typed_expires_after_who_just_woke_it_has_had_their_time() -> None:
    story = Story(listen=WAKE, ready=False)
    story.tell(TextAsked("q1", "what time is it"))
    wait(story, story.settings.answer_within_s - 1)
    story.tell(WORD)
    assert wait(story, 2) == []
    assert story.facts(RequestEnded) == []
    wait(story, WAKE.wake_patience_s)
    assert [fact.request for fact in story.facts(RequestEnded)] == ["q1"]


def test_a_question_is_taken_up_again_after_a_wake_word_that_nobody_followed_up() -> None:
    story = wake()
    story.tell(WORD)
    story.hear(1000, speech=False)
    story.user_says()
    story.tell(ReplyStarted(SessionId(1), ReplyId("r1")))
    assert story.tell(WORD) == [CancelReply(SessionId(1), ReplyId("r1"))]
    story.tell(ReplyDone(SessionId(1), ReplyId("r1"), "cancelled"))
    assert StartReply(SessionId(1)) not in wait(story, WAKE.wake_patience_s - 1)
    assert wait(story, 1) == [StartReply(SessionId(1))]
    answered(story)
    assert story.floor == "idle"
    story.hear(6000, speech=False)
    assert COMMIT in story.user_says(), "its answer is one after which nobody needs the word"
    answered(story)
    assert wait(story, 60) == []


def test_a_question_of_which_an_answer_was_heard_is_not_taken_up_again() -> None:
    story = wake()
    story.tell(WORD)
    story.hear(1000, speech=False)
    story.user_says()
    story.reply_begins()
    story.tell(WORD)
    story.tell(ReplyDone(SessionId(1), ReplyId("r1"), "cancelled"))
    wait(story, 60)
    assert story.tell(PlayoutFlushed(ItemId("i1"), Samples(2400))) == [
        TruncateReply(SessionId(1), ItemId("i1"), Ms(100)),
    ]
    assert wait(story, 60) == []


def test_a_question_is_taken_up_again_after_a_key_that_was_touched_by_mistake() -> None:
    story = ptt()
    key(story, "down")
    story.hear(1000, speech=True)
    key(story, "up")
    assert StartReply(SessionId(1)) in story.hear(400, speech=False)
    story.tell(ReplyStarted(SessionId(1), ReplyId("r1")))
    assert CancelReply(SessionId(1), ReplyId("r1")) in key(story, "down")
    story.tell(ReplyDone(SessionId(1), ReplyId("r1"), "cancelled"))
    key(story, "up")
    assert story.hear(400, speech=False)[-2:] == [DISCARD, StartReply(SessionId(1))]


def test_where_no_wake_word_is_asked_for_none_is_obeyed() -> None:
    story = ptt()
    assert story.tell(WORD) == []
    assert story.hear(2000, speech=True) == []
    assert story.facts(Woken) == []


def test_either_will_do() -> None:
    story = wake(EITHER)
    assert story.user_says() == []
    key(story, "down")
    story.hear(600, speech=True)
    key(story, "up")
    assert COMMIT in story.hear(400, speech=False)
    answered(story)
    story.hear(9000, speech=False)
    assert story.user_says() == []
    story.tell(WORD)
    story.hear(700, speech=False)
    assert COMMIT in story.user_says()


def test_other_settings_are_heeded_at_once() -> None:
    story = Story()
    story.conversation.reconfigure(TurnSettings(), story.conversation._brains.settings, story.now, PTT)
    assert not any(isinstance(c, StreamUtterance) for c in story.hear(2000, speech=True))
