"""Which brain answers, and when one that failed is tried again."""

from __future__ import annotations

import math

import pytest

from voiced.conversation.events import BrainName, Thrift
from voiced.conversation.failover import FATAL_COOLDOWN_S, LONGEST_COOLDOWN_S, Failover
from voiced.conversation.settings import BrainSettings


def failover(*order: BrainName, cooldown_s: float = 15.0) -> Failover:
    return Failover(BrainSettings(order=order or ("realtime", "cascade", "offline"), cooldown_s=cooldown_s))


def test_the_next_in_the_order_takes_over_and_the_better_one_comes_back() -> None:
    brains = failover()
    assert brains.best(0.0) == "realtime"
    brains.failed("realtime", 0.0)
    assert brains.best(0.0) == "cascade"
    assert (brains.better("cascade", 14.9), brains.better("cascade", 15.0)) == (None, "realtime")
    assert (brains.better_at("cascade"), brains.better_at("realtime")) == (15.0, math.inf)


def test_each_failure_in_a_row_doubles_the_cooldown_and_an_answer_ends_the_row() -> None:
    brains = failover("realtime", "offline")
    waits = []
    for _ in range(8):
        brains.failed("realtime", 0.0)
        waits.append(brains.better_at("offline"))
    assert waits == [15, 30, 60, 120, 240, 480, LONGEST_COOLDOWN_S, LONGEST_COOLDOWN_S]
    brains.answered("realtime")
    brains.failed("realtime", 1000.0)
    assert brains.better_at("offline") == 1015.0


def test_a_servers_wish_and_what_somebody_must_mend_take_longer() -> None:
    brains = failover("realtime", "offline")
    brains.failed("realtime", 0.0, retry_after_s=90.0)
    assert brains.better_at("offline") == 90.0
    brains.failed("realtime", 100.0, retry_after_s=86400.0)
    assert brains.better_at("offline") == 100.0 + LONGEST_COOLDOWN_S
    brains.failed("realtime", 1000.0, fatal=True)
    assert brains.better_at("offline") == 1000.0 + FATAL_COOLDOWN_S


def test_nobody_is_left_when_all_have_failed() -> None:
    brains = failover("realtime", "cascade")
    brains.failed("realtime", 0.0)
    brains.failed("cascade", 1.0)
    assert brains.best(2.0) is None
    assert brains.other_at("cascade") == 15.0


@pytest.mark.parametrize(
    ("thrift", "order", "best"),
    [
        ("none", ("realtime", "cascade", "offline"), "realtime"),
        ("short", ("realtime", "cascade", "offline"), "realtime"),
        ("small", ("realtime", "cascade", "offline"), "realtime"),
        ("cascade", ("realtime", "cascade", "offline"), "cascade"),
        ("cascade", ("realtime", "offline"), "realtime"),  # only the cap itself leaves no choice
        ("offline", ("realtime", "cascade", "offline"), "offline"),
        ("offline", ("realtime",), None),
    ],
)
def test_what_spending_allows(thrift: Thrift, order: tuple[BrainName, ...], best: BrainName | None) -> None:
    brains = failover(*order)
    brains.thrift = thrift
    assert brains.best(0.0) == best
    assert brains.better("offline", 0.0) == (best if best != "offline" else None) if "offline" in order else True
