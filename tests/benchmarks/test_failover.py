"""The benchmark of failovers measures what it says; how fast is no matter here."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import failover
from tests.benchmarks.failover_trial import POINTS, Next, Outcome, Point, ask, stretches, without_earcon
from voiced.audio import RATE
from voiced.playout.earcons import earcon
from voiced.testing.http import spoken


def test_an_earcon_is_no_answer() -> None:
    tones = np.frombuffer(earcon("lost"), "<i2")
    answer = np.frombuffer(spoken("It rains."), "<i2")
    tape = np.zeros(3 * RATE, np.int16)
    tape[RATE : RATE + answer.size] += answer
    tape[RATE - 2400 : RATE - 2400 + tones.size] += tones
    ((start, end),) = stretches(without_earcon(tape), since=10.0)
    assert start == pytest.approx(11.0, abs=0.002)
    assert end == pytest.approx(11.0 + answer.size / RATE, abs=0.002)


def test_what_a_wait_is_made_of() -> None:
    def outcome(point: Point, successor: Next = "cascade", sounded: float = 1.0, tail_s: float = 0.0) -> Outcome:
        return Outcome(point, successor, 0.0, 0.0 if point.startswith("no ") else 0.25, sounded, tail_s)

    found = failover.Found(
        [
            outcome(failover.HEALTHY),
            outcome(failover.ALONE, sounded=2.0),
            outcome("lost in mid-answer", sounded=4.0, tail_s=0.75),
            outcome("silent while it thinks", sounded=4.25),
        ]
    )
    lines = [" ".join(line.split()) for line in failover.text(found).splitlines()]
    assert lines[1:5] == [
        "Realtime, no failure 1 1000",
        "cascade alone 1 2000 2.00x",
        "silent while it thinks 1 4000 4000 4250 4.25x 2.12x = 3000 deadline + 1000",
        "lost in mid-answer 1 3750 3750 4000 4.00x 2.00x = 750 buffered + 3000",
    ]


def test_every_point_has_a_name_of_its_own() -> None:
    assert len(set(POINTS)) == len(POINTS) == 11


@pytest.mark.parametrize("point", ["lost at the commit", "lost in mid-answer"])
async def test_a_failure_is_answered_later_than_it_happened(point: Point) -> None:
    outcome = await ask(point, "cascade")
    assert outcome.failed > 0
    assert 0 < outcome.since_failure_ms <= outcome.since_end_ms
    assert (outcome.tail_s > 0) == (point == "lost in mid-answer")
