"""Clocks that are wrong, or may become so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from voiced.doctor.clock import judged, never_set, not_kept

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-60, -1, 0, 1, 60])
def test_a_clock_that_is_right(seconds: int) -> None:
    assert judged(NOW + timedelta(seconds=seconds), NOW, "api.openai.com").level == "ok"


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(seconds=61), "61 seconds fast"),
        (timedelta(seconds=-200), "3 minutes slow"),
        (timedelta(hours=-7), "7 hours slow"),
        (timedelta(days=-20_000), "20000 days slow"),
    ],
)
def test_a_clock_that_is_wrong(off: timedelta, words: str) -> None:
    finding = judged(NOW + off, NOW, "api.openai.com")
    assert finding.level == "problem"
    assert finding.what == f"the clock of this machine is {words}, by that of api.openai.com"
    assert finding.mend == "sudo timedatectl set-ntp true   # and wait a minute"


def test_a_clock_that_was_never_set() -> None:
    finding = never_set(datetime(1970, 1, 1, tzinfo=UTC), NOW)
    assert finding is not None
    assert "says 1970-01-01" in finding.what
    assert finding.mend.startswith("sudo timedatectl set-ntp true")
    assert never_set(NOW, NOW - timedelta(days=30)) is None
    assert never_set(NOW, NOW + timedelta(hours=3)) is None, "files of another time zone"


@pytest.mark.parametrize("shown", [None, "", "NTP=yes\nNTPSynchronized=no", "NTP=no\nNTPSynchronized=yes", "nonsense"])
def test_a_clock_that_somebody_keeps_right(shown: str | None) -> None:
    assert not_kept(shown) is None


def test_a_clock_that_nobody_keeps_right() -> None:
    finding = not_kept("NTP=no\nNTPSynchronized=no\n")
    assert finding is not None
    assert (finding.level, finding.mend) == ("note", "sudo timedatectl set-ntp true   # and wait a minute")
