"""How the connection is kept: patience grows with failures, and shrinks with success."""

from __future__ import annotations

import math

from voiced.audio import Ms
from voiced.conversation.events import SessionId
from voiced.conversation.link import Link


def lose(link: Link, now: float, *, fatal: bool = False, retry_after_s: float = 0.0) -> Ms | None:
    after = link.lost(now, fatal, retry_after_s)
    if after is not None:
        link.open(SessionId(link.session + 1), now)
    return after


def test_a_session_that_worked_is_replaced_at_once() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    link.up(0.1)
    assert lose(link, 10.0) == 0


def test_each_failure_doubles_the_wait_up_to_half_a_minute() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    waits = [lose(link, float(now)) for now in range(9)]
    assert waits == [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]


def test_a_server_that_hangs_up_on_each_session_is_not_called_in_a_loop() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    waits = []
    for now in range(4):
        link.up(float(now))
        waits.append(lose(link, now + 0.5))
    assert waits == [0, 500, 1000, 2000]


def test_an_answer_or_a_minute_without_loss_earns_a_quick_reconnect() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    lose(link, 1.0)
    lose(link, 2.0)
    link.up(3.0)
    link.answered()
    assert lose(link, 4.0) == 0
    link.up(5.0)
    assert lose(link, 6.0) == 500
    link.up(7.0)
    assert lose(link, 67.0) == 0


def test_the_servers_own_wish_is_respected() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    assert lose(link, 1.0, retry_after_s=45.0) == 45_000
    assert lose(link, 2.0, retry_after_s=0.1) == 500


def test_what_somebody_must_mend_is_tried_again_once_a_minute() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    assert lose(link, 1.0, fatal=True) is None
    assert link.state == "refused"
    assert not link.may_try_again(60.9)
    assert link.may_try_again(61.0)
    link.open(SessionId(1), 61.0)
    assert not link.may_try_again(200.0)


def test_an_old_session_is_replaced_in_a_silence_or_in_the_end_without_one() -> None:
    link = Link()
    link.open(SessionId(1), 0.0)
    assert link.rollover_at(idle_since=0.0, age_min=50) == math.inf
    link.up(100.0)
    due = 100.0 + 50 * 60
    assert link.rollover_at(idle_since=200.0, age_min=50) == due
    assert link.rollover_at(idle_since=due + 10, age_min=50) == due + 15
    assert link.rollover_at(idle_since=due + 1000, age_min=50) == due + 480
