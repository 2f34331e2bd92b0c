"""The demo, from its first line to its last: the only test that takes as long as what it shows."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt


def test_the_demo_comes_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "demo.wav"
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-m", "voiced", "demo", "--output", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    told = [
        "How far away is the moon?",
        "took no floor; the reply went on",
        "set_timer returned",
        "Your timer is set for ten seconds.",
        "barge-in: decided",
        "ms were heard, and so the history ends at",
        "Tea comes from the leaves",
        "Your timer is done.",
        "connection lost",
        "connected again after",
        "Where it cools, the water falls out of it as rain.",
        "the server had nothing to complain about",
    ]
    places = [shown.stdout.find(line) for line in told]
    assert -1 not in places, f"{told[places.index(-1)]!r} is missing in:\n{shown.stdout}"
    assert places == sorted(places)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.wav"]

    with wave.open(str(file)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth()) == (2, 2)
        rate, frames = recording.getframerate(), recording.getnframes()
        sides = np.frombuffer(recording.readframes(frames), "<i2").reshape(-1, 2).T
    assert 20 < frames / rate < 60
    user, assistant = (_loud_seconds(side, rate) for side in sides)
    assert user > 4
    assert assistant > 12


def _loud_seconds(side: npt.NDArray[np.int16], rate: int) -> float:
    size = rate // 50
    blocks = side[: side.size // size * size].astype(np.float32).reshape(-1, size)
    return int((np.sqrt((blocks**2).mean(axis=1)) > 200).sum()) / 50
