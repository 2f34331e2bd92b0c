"""The benchmark of a first use measures what it says; how fast is no matter here."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import first_use
from tests.device.pulse import missing
from voiced.audio import RATE, Ms
from voiced.playout.earcons import tone


def sound(ms: int) -> list[int]:
    return list(np.frombuffer(tone(440, Ms(ms)), "<i2"))


def test_a_tone_is_no_answer_and_what_goes_on_is_not_over() -> None:
    rest = [0] * RATE
    tape = np.array(rest + sound(200) + rest + sound(900), np.int16)
    assert first_use.sentence(tape, after=0) is None
    tape = np.append(tape, np.array(rest, np.int16))
    said = first_use.sentence(tape, after=RATE // 2)
    assert said is not None
    assert said.begins == pytest.approx(2.2 * RATE, abs=RATE // 100)
    assert said.ends == pytest.approx(3.1 * RATE, abs=RATE // 100)
    assert first_use.sentence(tape, after=said.ends) is None


def test_the_table_has_the_sum() -> None:
    found = first_use.Found([("voiced run", 1.25), ("the answer begins", 0.5)], "you  what is the date\n")
    lines = [" ".join(line.split()) for line in first_use.text(found).splitlines()]
    assert lines == ["seconds", "voiced run 1.2", "the answer begins 0.5", "together 1.8", "", "you what is the date"]


@pytest.mark.device
@pytest.mark.skipif(missing() != "", reason=missing())
async def test_somebody_new_gets_a_spoken_answer() -> None:
    found = await first_use.measure(install=False)
    assert [name.partition(",")[0] for name, _ in found.steps] == [
        "voiced setup --yes",
        "voiced run",
        "the question",
        "the answer begins",
    ]
    assert all(0 < seconds < first_use.WITHIN_S for _, seconds in found.steps)
    assert "It is " in found.said
