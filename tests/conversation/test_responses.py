"""The arbiter: one response at a time, and none that nobody waits for counts."""

from __future__ import annotations

import pytest

from voiced.conversation.events import ItemId, ReplyId
from voiced.conversation.responses import Responses

R1, R2 = ReplyId("r1"), ReplyId("r2")


def asked() -> Responses:
    responses = Responses()
    responses.ask()
    return responses


def active() -> Responses:
    responses = asked()
    assert responses.started(R1) == "expected"
    return responses


def test_a_response_from_its_beginning_to_its_end() -> None:
    responses = active()
    assert responses.phase == "active"
    assert (responses.is_live(R1), responses.is_live(R2)) == (True, False)
    assert responses.done(R1)
    assert responses.free
    assert not responses.is_live(R1)


def test_no_second_response_while_one_is_active() -> None:
    with pytest.raises(AssertionError):
        active().ask()


def test_a_cancelled_response_is_dropped_until_the_server_is_done_with_it() -> None:
    responses = active()
    assert responses.cancel()
    assert not responses.cancel(), "the server was told already"
    assert responses.is_dropped(R1)
    assert not responses.is_live(R1)
    assert responses.phase == "cancelling"
    assert responses.done(R1)
    assert responses.free


def test_a_response_that_is_cancelled_before_it_began_is_dropped_when_it_begins() -> None:
    responses = asked()
    assert responses.cancel()
    assert responses.started(R1) == "dropped"
    assert responses.is_dropped(R1)
    assert not responses.done(R2)
    assert responses.done(R1)


def test_what_the_server_says_by_itself_is_live_only_while_nothing_else_is() -> None:
    responses = Responses()
    assert responses.started(R1) == "foreign"
    assert responses.is_live(R1)
    assert responses.started(R2) == "foreign"
    assert not responses.is_live(R2)
    assert not responses.done(R2)


def test_a_refused_response_leaves_the_way_free() -> None:
    responses = asked()
    assert responses.refused()
    assert responses.free
    assert not responses.refused()


def test_nobody_waits_for_a_refused_response_that_was_cancelled() -> None:
    responses = asked()
    responses.cancel()
    assert not responses.refused()
    assert responses.free


def test_an_unknown_response_that_is_in_the_way_is_waited_for() -> None:
    responses = asked()
    responses.blocked()
    assert responses.phase == "cancelling"
    assert responses.done(R2)
    assert responses.free


def test_a_cancel_that_found_nothing_frees_the_way() -> None:
    responses = asked()
    responses.cancel()
    responses.nothing_to_cancel()
    assert responses.free


def test_a_cancel_that_came_too_late_does_not_touch_the_next_response() -> None:
    responses = active()
    responses.cancel()
    responses.done(R1)
    responses.ask()
    responses.nothing_to_cancel()
    assert responses.started(R2) == "expected"


def test_settled_items_are_forgotten_with_their_response() -> None:
    responses = active()
    responses.settled.add(ItemId("i1"))
    responses.done(R1)
    assert not responses.settled
