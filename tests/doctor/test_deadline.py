"""What hangs is left behind."""

from __future__ import annotations

import threading

from voiced.doctor.deadline import Broke, Call, Hung, all_at_once

NEVER = threading.Event()


def test_what_hangs_keeps_nobody_waiting() -> None:
    def hang() -> str:
        NEVER.wait(30)
        return "late"

    outcomes = all_at_once([Call(hang, 0.05), Call(lambda: "there", 10.0)])
    assert outcomes == [Hung(0.05), "there"]


def test_they_run_side_by_side() -> None:
    met = threading.Barrier(3, timeout=10)
    assert sorted(map(str, all_at_once([Call(met.wait, 10.0)] * 3))) == ["0", "1", "2"]


def test_what_breaks_is_told() -> None:
    def leave() -> str:
        raise SystemExit(3)

    [outcome] = all_at_once([Call(leave, 10.0)])
    assert isinstance(outcome, Broke)
    assert isinstance(outcome.error, SystemExit)
