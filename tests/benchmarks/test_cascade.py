"""The benchmark of the cascade measures what it says; how fast is no matter here."""

from __future__ import annotations

import math

import pytest

from tests.benchmarks import cascade
from tests.benchmarks.cascade_client import Record, Turn
from tests.benchmarks.cascade_scripts import SUBJECTS
from voiced.audio import RATE
from voiced.testing.http import Entry


def request(stage: str, at: float, first: float, end: float, outcome: str = "answered") -> Entry:
    return Entry(stage, 1, 1, at, outcome=outcome, first_byte_at=first, last_byte_at=end, ended_at=end)  # type: ignore[arg-type]


@pytest.fixture
def asked() -> cascade.Trial:
    """One question after the first: its answer sounds 90 ms later than the servers say."""
    turns = [Turn("cascade", 0.0, [(9.0, RATE)]), Turn("cascade", 10.0, [(11.0, RATE), (11.5, RATE), (13.25, RATE)])]
    requests = [
        request("transcription", 10.02, 10.22, 10.23),
        request("chat", 10.25, 10.4, 11.1),
        request("speech", 10.75, 10.96, 11.6),
    ]
    return cascade.Trial("three sentences", Record(turns), requests, (), ends=[10.7], follows=[10.72])


def test_overhead_is_what_no_server_took(asked: cascade.Trial) -> None:
    turns = asked.turns("cascade")
    assert cascade.to_first_audio(turns) == pytest.approx([1000])
    assert cascade.over_measured(asked, "cascade", turns) == pytest.approx([1000 - 200 - 450 - 210])
    assert cascade.over_measured(asked, "cascade", turns, next_word=False) == pytest.approx([1000 - 200 - 470 - 210])
    scripted = 1000 * cascade.scripted_s("cascade", "three sentences")
    assert cascade.over_scripted(asked, "cascade", turns) == pytest.approx([1000 - scripted])


def test_a_gap_is_sound_that_comes_too_late(asked: cascade.Trial) -> None:
    assert cascade.sound_ahead(asked.turns("cascade")[0]) == pytest.approx([-250, 500])


def test_a_request_that_outlives_a_barge_in_is_a_fault(asked: cascade.Trial) -> None:
    turn = asked.record.turns[-1]
    turn.during, turn.cancelled = "being said", 11.05
    asked.requests[1].outcome = "abandoned"
    interrupted = cascade.Trial(cascade.INTERRUPTED, asked.record, asked.requests, (), (), ())
    assert [entry.stage for entry in cascade.open_requests(interrupted, turn)] == ["chat", "speech"]
    assert cascade.hung_up(interrupted, "cascade", "being said") == pytest.approx([550])
    found = cascade.Found({cascade.INTERRUPTED: interrupted})
    assert cascade.faults(found) == ["speech went on after a barge-in: answered"]


@pytest.mark.real_time
async def test_everybody_is_asked_and_interrupted() -> None:
    found = await cascade.measure(cascade.QUICK)
    assert cascade.faults(found) == []
    for script in cascade.SCRIPTS:
        trial = found.trials[script]
        for subject in SUBJECTS:
            (overhead,) = cascade.over_measured(trial, subject, trial.turns(subject))
            assert 0 < overhead < cascade.to_first_audio(trial.turns(subject))[0]
    interrupted = found.trials[cascade.INTERRUPTED]
    (turn,) = interrupted.interrupted("cascade", "being said")
    assert {entry.stage for entry in cascade.open_requests(interrupted, turn)} == {"chat", "speech"}
    assert len(cascade.hung_up(interrupted, "cascade", "being written down")) == 1
    assert all(math.isfinite(value) and value > 0 for value in found.imports[0])
    assert len(cascade.text(found).splitlines()) > 20
