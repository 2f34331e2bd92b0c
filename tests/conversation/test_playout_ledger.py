"""What was heard is what was played of what was received, and not a sample more."""

from __future__ import annotations

from voiced.audio import Samples, to_samples
from voiced.conversation.events import ItemId, ReplyId, SessionId
from voiced.conversation.playout_ledger import PlayoutLedger

S1, S2 = SessionId(1), SessionId(2)
R1, R2 = ReplyId("r1"), ReplyId("r2")
I1, I2 = ItemId("i1"), ItemId("i2")


def ledger_with(*items: ItemId, ms: int = 1000) -> PlayoutLedger:
    ledger = PlayoutLedger()
    for item in items:
        ledger.receive(item, S1, R1, 1, to_samples(ms))
    return ledger


def test_no_more_is_heard_than_was_received() -> None:
    entry = ledger_with(I1).settle(I1, to_samples(1500))
    assert entry is not None
    assert (entry.heard_ms, entry.received_ms) == (1000, 1000)


def test_a_mark_is_rounded_down_to_a_whole_millisecond() -> None:
    entry = ledger_with(I1).settle(I1, Samples(to_samples(500) - 1))
    assert entry is not None
    assert entry.heard_ms == 499


def test_a_late_report_does_not_take_back_what_was_played() -> None:
    ledger = ledger_with(I1)
    ledger.played(I1, to_samples(700))
    entry = ledger.settle(I1, to_samples(600))
    assert entry is not None
    assert entry.heard_ms == 700


def test_only_a_complete_item_is_wholly_heard() -> None:
    ledger = ledger_with(I1, I2)
    assert ledger.complete(I1)
    assert not ledger.complete(I1)
    heard = [ledger.settle(item, to_samples(1000)) for item in (I1, I2)]
    assert [entry.wholly_heard for entry in heard if entry] == [True, False]


def test_an_item_is_audible_while_more_was_received_than_played() -> None:
    ledger = ledger_with(I1)
    assert ledger.audible()
    ledger.played(I1, to_samples(1000))
    assert not ledger.audible()
    assert ledger.outstanding()
    ledger.receive(I1, S1, R1, 1, to_samples(100))
    assert ledger.audible()


def test_what_is_flushed_is_silent_but_outstanding_until_the_loudspeaker_says_so() -> None:
    ledger = ledger_with(I1, I2)
    assert ledger.flush() == (I1, I2)
    assert ledger.flush() == ()
    assert not ledger.audible()
    assert not ledger.unflushed()
    assert ledger.outstanding(1)
    ledger.settle(I1, Samples(0))
    ledger.settle(I2, Samples(0))
    assert not ledger.outstanding()


def test_a_flush_may_mean_one_turn_or_one_reply() -> None:
    ledger = ledger_with(I1)
    ledger.receive(I2, S2, R2, 2, to_samples(100))
    assert ledger.flush(turn=2) == (I2,)
    assert ledger.flush(reply=R1) == (I1,)


def test_the_sound_of_an_older_session_is_told_apart() -> None:
    ledger = ledger_with(I1)
    assert not ledger.outstanding_of_other(S1)
    assert ledger.outstanding_of_other(S2)


def test_items_that_still_await_sound() -> None:
    ledger = ledger_with(I1, I2)
    ledger.complete(I1)
    assert ledger.incomplete() == ledger.incomplete(R1) == (I2,)
    assert ledger.incomplete(R2) == ()


def test_an_item_that_nobody_knows_means_nothing() -> None:
    ledger = PlayoutLedger()
    ledger.played(I1, to_samples(100))
    assert ledger.settle(I1, to_samples(100)) is None
    assert not ledger.complete(I1)
