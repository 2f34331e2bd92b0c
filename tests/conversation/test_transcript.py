"""The history holds what was said and heard, in few enough words."""

from __future__ import annotations

import pytest

from voiced.audio import Samples, to_samples
from voiced.conversation.commands import AssistantSaid, ToolUsed, UserSaid
from voiced.conversation.events import CallId, Image, ItemId, SessionId
from voiced.conversation.transcript import MAX_CHARACTERS, MAX_ENTRIES, MAX_PCM, Transcript

S1, S2, S3 = SessionId(1), SessionId(2), SessionId(3)
I1, U1, U2 = ItemId("i1"), ItemId("u1"), ItemId("u2")
SECOND = to_samples(1000)
PCM = b"\x01\x00" * SECOND
SOUND = UserSaid(None, PCM, item=ItemId("utterance-1"))


@pytest.mark.parametrize(
    ("heard_ms", "text"),
    [
        (0, ""),
        (1, ""),
        (200, "one"),
        (290, "one"),
        (600, "one two three"),
        (999, "one two three four"),
        (1000, "one two three four five"),
        (1200, "one two three four five"),
    ],
)
def test_a_reply_is_cut_where_a_word_ended_that_was_heard(heard_ms: int, text: str) -> None:
    transcript = Transcript()
    for word in ("one", " two", " three", " four", " five"):
        transcript.assistant_says(I1, word, S1)
    assert transcript.heard(I1, to_samples(heard_ms), SECOND, whole=False) == text
    assert transcript.unknown_to(S2) == ((AssistantSaid(text),) if text else ())


def test_what_comes_of_an_item_after_it_was_cut_was_not_heard() -> None:
    transcript = Transcript()
    transcript.assistant_says(I1, "one two", S1)
    transcript.heard(I1, SECOND, SECOND, whole=False)
    transcript.assistant_says(I1, " three", S1)
    assert transcript.unknown_to(S2) == (AssistantSaid("one two"),)


def test_what_still_plays_is_told_later() -> None:
    transcript = Transcript()
    transcript.assistant_says(I1, "one two", S1)
    assert transcript.unknown_to(S2) == ()
    transcript.heard(I1, SECOND, SECOND, whole=True)
    assert transcript.unknown_to(S2) == (AssistantSaid("one two"),)
    assert transcript.unknown_to(S2) == ()


def test_an_item_without_a_transcript_leaves_no_trace() -> None:
    transcript = Transcript()
    assert transcript.heard(I1, SECOND, SECOND, whole=True) == ""
    assert transcript.unknown_to(S2) == ()


def test_sound_is_dropped_once_its_text_is_known_and_it_was_answered() -> None:
    transcript = Transcript()
    entry = transcript.user_spoke(1, PCM)
    transcript.commit_sent(entry)
    transcript.committed(U1)
    transcript.transcribed(U1, "what time is it")
    assert transcript.unknown_to(S1) == (SOUND,), "until it is answered, sound says more"
    transcript.answered(1)
    assert entry.pcm == b""
    assert transcript.unknown_to(S2) == (UserSaid("what time is it"),)


@pytest.mark.parametrize("text", [None, "what time is it"])
def test_a_transcript_that_comes_after_the_answer_replaces_the_sound(text: str | None) -> None:
    transcript = Transcript()
    transcript.commit_sent(transcript.user_spoke(1, PCM))
    transcript.answered(1)
    transcript.committed(U1)
    transcript.transcribed(U1, text)
    assert transcript.unknown_to(S2) == (SOUND if text is None else UserSaid(text),)


def test_user_items_are_named_in_the_order_in_which_they_were_sent() -> None:
    transcript = Transcript()
    first, second = transcript.user_spoke(1, PCM), transcript.user_spoke(2, PCM)
    transcript.commit_sent(first)
    transcript.commit_sent(second)
    assert transcript.commit_refused() is first
    transcript.committed(U2)
    assert transcript.transcribed(U2, "second") is second
    assert transcript.transcribed(U2, "again") is None
    assert transcript.commit_refused() is None


def test_item_ids_of_an_old_session_mean_nothing() -> None:
    transcript = Transcript()
    transcript.commit_sent(transcript.user_spoke(1, PCM))
    transcript.committed(U1)
    transcript.new_session()
    assert transcript.transcribed(U1, "late") is None


def test_a_question_whose_failure_was_told_is_forgotten() -> None:
    transcript = Transcript()
    transcript.user_typed(1, "answered", ())
    transcript.answered(1)
    transcript.user_typed(2, "failed", ())
    transcript.forget_unanswered(2)
    assert transcript.unknown_to(S1) == (UserSaid("answered"),)


def test_before_a_session_is_there_it_is_told_no_question_that_still_waits() -> None:
    transcript = Transcript()
    transcript.user_typed(1, "answered", ())
    transcript.answered(1)
    transcript.user_typed(2, "waits", ())
    assert transcript.unknown_to(S1, answered=True) == (UserSaid("answered"),)
    assert transcript.unknown_to(S1) == (UserSaid("waits"),)


def test_the_oldest_entries_go_first() -> None:
    transcript = Transcript()
    for number in range(MAX_ENTRIES + 1):
        transcript.tool_used(ToolUsed(CallId(f"c{number}"), "clock", "{}", "noon"), set())
    history = transcript.unknown_to(S1)
    assert len(history) == MAX_ENTRIES
    assert history[0] == ToolUsed(CallId("c1"), "clock", "{}", "noon")


def test_many_words_are_cut_off_at_the_front_but_the_latest_entry_stays() -> None:
    transcript = Transcript()
    transcript.user_typed(1, "short", ())
    transcript.user_typed(2, "x" * (MAX_CHARACTERS + 1), ())
    assert [item.text for item in transcript.unknown_to(S1) if isinstance(item, UserSaid)] == [
        "x" * (MAX_CHARACTERS + 1)
    ]


def test_old_sound_and_old_pictures_are_dropped() -> None:
    transcript = Transcript()
    picture = Image("image/png", b"png")
    half = bytes(MAX_PCM // 2)
    entries = [transcript.user_spoke(turn, half) for turn in range(3)]
    assert [len(entry.pcm) for entry in entries] == [0, len(half), len(half)]
    shown = [transcript.user_typed(turn, "look", (picture,)) for turn in range(3, 6)]
    assert [len(entry.images) for entry in shown] == [0, 1, 1]


def test_the_sound_of_the_latest_utterance_is_kept_however_long_it_is() -> None:
    transcript = Transcript()
    assert transcript.user_spoke(1, bytes(MAX_PCM + 2)).pcm


def test_nothing_heard_is_nothing_said() -> None:
    transcript = Transcript()
    transcript.assistant_says(I1, "one two", S1)
    assert transcript.heard(I1, Samples(0), Samples(0), whole=False) == ""
    assert transcript.unknown_to(S3) == ()


def test_the_lines_are_what_was_said_and_heard() -> None:
    transcript = Transcript()
    transcript.user_typed(1, "Hello.", ())
    transcript.assistant_says(ItemId("i1"), "Good morning.", SessionId(1))
    transcript.assistant_sounds(ItemId("i2"), SessionId(1))
    transcript.user_spoke(2, b"")
    lines = [("user", "Hello."), ("assistant", "Good morning."), ("user", "")]
    assert transcript.lines(50) == lines
    assert transcript.lines(2) == lines[1:]
