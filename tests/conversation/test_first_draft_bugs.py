"""The six bugs that a first draft of the core really had."""

from __future__ import annotations

from tests.conversation.story import MS_100, Story, stream
from voiced.audio import Samples, to_samples
from voiced.conversation.commands import (
    CancelReply,
    DeleteItem,
    Duck,
    FinishItem,
    FlushPlayout,
    OpenSession,
    Play,
    PlayEarcon,
    StartReply,
    TruncateReply,
    Unduck,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    ItemId,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    SessionId,
)

S1 = SessionId(1)
R1 = ReplyId("r1")
I1 = ItemId("i1")


def test_1_barge_in_before_the_first_frame_was_played() -> None:
    story = Story()
    story.user_says()
    story.reply_begins(ms=500)
    assert story.hear(460, speech=True)[-4:-1] == [CancelReply(S1, R1), FlushPlayout((I1,)), Unduck()]
    assert story.tell(PlayoutFlushed(I1, Samples(0))) == [DeleteItem(S1, I1)]
    assert not [c for c in story.commands if isinstance(c, TruncateReply)]


def test_2_a_socket_lost_while_ducked_leaves_the_gain_restored() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    assert story.hear(120, speech=True) == [Duck()]
    story.tell(BrainLost(S1, "reset"))
    assert story.hear(300, speech=False) == [Unduck()]


def test_3_the_user_speaks_during_the_buffered_tail_after_a_loss() -> None:
    story = Story()
    story.user_says()
    story.reply_begins(ms=5000)
    story.tell(BrainLost(S1, "reset"))
    story.tell(BrainReady(SessionId(2)))
    ordered = story.hear(460, speech=True)
    assert ordered[:3] == [Duck(), FlushPlayout((I1,)), Unduck()]
    assert ordered[3] == stream(2, spoken=460)
    # The item means nothing to the new session.
    assert story.tell(PlayoutFlushed(I1, to_samples(700))) == []
    assert story.floor == "listening"


def test_4_playout_drains_before_the_reply_is_complete() -> None:
    story = Story()
    story.user_says()
    story.tell(ReplyStarted(S1, R1), ReplyAudio(S1, R1, I1, MS_100), ReplyItemDone(S1, R1, I1))
    story.tell(PlayoutDrained(I1, to_samples(100)))
    assert story.floor == "thinking"
    story.tell(ReplyDone(S1, R1))
    assert story.floor == "idle"


def test_4_playout_drains_after_the_reply_is_complete() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    story.tell(ReplyDone(S1, R1))
    assert story.floor == "speaking"
    story.drained()
    assert story.floor == "idle"


def test_4_a_reply_whose_item_is_never_closed_is_closed_with_it() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    assert story.tell(ReplyDone(S1, R1)) == [FinishItem(I1)]


def test_5_a_flush_with_nothing_played_leaves_nothing_audible() -> None:
    story = Story()
    story.user_says()
    story.reply_begins()
    story.hear(460, speech=True)
    story.tell(PlayoutFlushed(I1, Samples(0)))
    story.hear(540, speech=True)
    story.hear(500, speech=False)
    assert story.floor == "thinking"
    assert story.tell(ReplyDone(S1, R1, "cancelled")) == [StartReply(S1)]
    story.reply_begins("r2", "i2", ms=100)
    story.reply_ends("r2", "i2")
    story.drained("i2", ms=100)
    assert story.floor == "idle"


def test_6_a_cough_of_120_ms_is_no_barge_in_however_long_it_lasts() -> None:
    story = Story()
    story.user_says()
    story.reply_begins(ms=3000)
    # 120 ms of speech scattered over more than a second: time since the onset must not count.
    story.hear(60, speech=True)
    for _ in range(3):
        story.hear(280, speech=False)
        story.hear(20, speech=True)
    assert story.floor == "overlap"
    assert not [c for c in story.commands if isinstance(c, CancelReply | FlushPlayout)]
    assert story.hear(300, speech=False) == [Unduck()]


def test_stragglers_of_an_old_socket_are_dropped() -> None:
    story = Story()
    story.user_says()
    story.tell(ReplyStarted(S1, R1), BrainLost(S1, "reset"))
    assert story.tell(ReplyAudio(S1, R1, I1, MS_100)) == []
    assert not [c for c in story.commands if isinstance(c, Play)]


def test_the_loss_is_told_by_an_earcon_once() -> None:
    story = Story()
    story.user_says()
    lost = story.tell(BrainLost(S1, "reset"))
    assert lost[0] == PlayEarcon("lost")
    assert isinstance(lost[1], OpenSession)
    assert not [c for c in story.tell(BrainLost(SessionId(2), "refused")) if isinstance(c, PlayEarcon)]
