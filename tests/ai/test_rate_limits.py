"""The headers in which a server tells what is left."""

from __future__ import annotations

import pytest

from voiced.ai.rate_limits import RateLimits, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20s", 20.0), ("6m0s", 360.0), ("1h2m3.5s", 3723.5), ("17ms", 0.017), ("2", 2.0), ("0", 0.0), ("1d", 86_400.0),
        ("", None), ("soon", None), ("-3", None), ("5s later", None), ("nan", None), ("inf", None),
    ],
)  # fmt: skip
def test_a_time(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


def left(requests: str, tokens: str, requests_in: str = "5s", tokens_in: str = "60s") -> dict[str, str]:
    return {
        "x-ratelimit-remaining-requests": requests,
        "x-ratelimit-remaining-tokens": tokens,
        "x-ratelimit-reset-requests": requests_in,
        "x-ratelimit-reset-tokens": tokens_in,
    }


def test_who_has_none_left_waits_until_there_are_some() -> None:
    limits = RateLimits()
    for headers, wait in (
        (left("7", "900"), 0.0),
        (left("0", "900"), 5.0),
        (left("0", "0"), 60.0),
        (left("1", "0", tokens_in="later"), 0.0),
        ({}, 0.0),
    ):
        limits.note("chat", headers, now=100.0)
        assert limits.wait_s("chat", now=100.0) == wait
    limits.note("chat", left("0", "900"), now=100.0)
    assert limits.wait_s("chat", now=103.0) == 2.0
    assert limits.wait_s("chat", now=106.0) == 0.0
    assert limits.wait_s("speech", now=100.0) == 0.0
    limits.forget("chat")
    assert limits.wait_s("chat", now=100.0) == 0.0


def test_what_is_remembered_is_bounded() -> None:
    limits = RateLimits()
    for number in range(1000):
        limits.note(f"model {number}", left("0", "0"), now=0.0)
    waits = [limits.wait_s(f"model {number}", now=0.0) for number in range(1000)]
    assert sum(wait > 0 for wait in waits) == 64


@pytest.mark.parametrize("told", ["999999999", "99999h", "9" * 400 + "s"])
def test_nonsense_keeps_nobody_away_for_ever(told: str) -> None:
    limits = RateLimits()
    limits.note("chat", left("0", "900", requests_in=told), now=0.0)
    assert 0 < limits.wait_s("chat", now=0.0) <= 600
