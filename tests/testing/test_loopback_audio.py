"""The sweep tells where a stretch of it was cut out."""

from __future__ import annotations

import numpy as np
import pytest

from voiced.testing.loopback import position_of, sweep
from voiced.testing.loopback.coded_audio import LONGEST_S, spoken

from .loopback_client import RATE, silence, speech


@pytest.mark.parametrize("start", [0, 1, 12_345, 30 * RATE + 7, 99 * RATE])
@pytest.mark.parametrize("ms", [10, 20, 100, 500])
def test_each_stretch_is_found_to_the_sample(start: int, ms: int) -> None:
    stretch = sweep(LONGEST_S * RATE)[start * 2 :][: ms * RATE // 1000 * 2]
    assert position_of(stretch) == start


def test_a_ducked_stretch_is_found() -> None:
    stretch = np.frombuffer(sweep(5 * RATE)[4 * RATE :][:960], dtype="<i2")
    assert position_of((stretch // 5).astype("<i2").tobytes()) == 2 * RATE


def test_the_end_of_the_sweep_is_found() -> None:
    assert position_of(sweep(LONGEST_S * RATE)[-960:]) == LONGEST_S * RATE - 480


@pytest.mark.parametrize(
    ("pcm", "told"),
    [
        (silence(20), "silence is not part of the sweep"),
        (speech(200), "not part of the sweep"),
        (sweep(100), "at least 10 ms"),
    ],
)
def test_what_is_not_of_the_sweep_is_told(pcm: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        position_of(pcm)


def test_speech_takes_as_long_as_its_text() -> None:
    assert len(spoken("Hi")) == 400 * RATE * 2 // 1000
    assert len(spoken("x" * 100)) == 6_500 * RATE * 2 // 1000
    with pytest.raises(ValueError, match=r"pass Say\(pcm=…\)"):
        sweep(LONGEST_S * RATE + 1)
