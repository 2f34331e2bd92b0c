"""The benchmark of a first use measures what it says; how fast is no matter here."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import first_use
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
