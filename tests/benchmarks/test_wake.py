"""The benchmark of the wake word measures what it says; how fast is no matter here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import wake

pytest.importorskip("pymicro_wakeword", reason="the extra voiced[wake] is not installed")


@pytest.mark.shared_data
def test_the_wake_word_behind_its_gate_and_without(shared_data: Path) -> None:
    found = wake.measure(shared_data, quick=True, words=("alexa",))
    assert found.gated.hits == found.always.hits == {"in a quiet room": 2, "18 dB quieter": 2}
    assert found.gated.wrong == []
    assert 0 < found.gated.cpu_silence < found.always.cpu_silence
    assert wake.text(found).splitlines()[1].split() == ["heard", "of", "2,", "in", "a", "quiet", "room", "2", "2"]
