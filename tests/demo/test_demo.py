"""The demo, from its first line to its last: the only test that takes as long as what it shows."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import wave
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from voiced.plugins.builtin.spoken import spoken_date

PATIENCE_S = 400
"""It takes one minute; a machine that is busy with other things takes more."""

TOLD = [
    "offline answers from now on",
    "A question, with no network and no key",
    "you       What is the date today?",
    "offline   heard “what is the date today”",
    'tool      get_time(part="date")',
    "offline   It is ",
    "A tool",
    "offline   heard “set a ten second timer”",
    "tool      set_timer(duration_s=10)",
    "offline   The timer is set for 10 seconds.",
    "A long answer",
    "offline   heard “what can you do”",
    "took no floor; the answer went on",
    "you       What's the time in Singapore?",
    "interrupted: ducked at once",
    "offline   Without a network I can",
    "ms were heard, and so the history ends at",
    "offline   heard “what's the time in singapore”",
    'tool      get_time(zone="Asia/Singapore", part="time")',
    "offline   In Singapore it is ",
    "The timer speaks up by itself",
    "offline   Your timer of 10 seconds is done.",
    "you       Why does it rain?",
    "offline   I did not understand that. I can ",
    "The cloud here is a stand-in on this machine: its answers are written down.",
    "realtime answers from now on",
    "you       Why does it rain?",
    "realtime  Warm air carries water up.",
    "The connection drops before the answer",
    "you       Set a coffee timer for three minutes.",
    "realtime is lost",
    "offline takes over, for the same question",
    "offline   heard “set a coffee timer for three minutes”",
    'tool      set_timer(name="coffee", duration_s=180)',
    "offline   The coffee timer is set for 3 minutes.",
    "realtime answers from now on",
    "It was told the whole conversation",
    "It drops again",
    'tool      set_alarm(time="07:00", day="tomorrow")',
    "realtime is lost",
    "offline takes over, for the same question",
    "offline   The alarm is set for tomorrow at 7 o'clock in the morning.",
    "realtime answers from now on",
    "8 utterances, every one answered: 7 by offline, 1 by realtime",
    "the server had nothing to complain about",
]


@dataclass(frozen=True)
class Shown:
    """What the demo left behind. `sides`: what was said, and what was heard, at `rate` Hz."""

    text: str
    code: int
    errors: str
    files: list[str]
    days: set[str]
    rate: int
    sides: npt.NDArray[np.int16]

    def at(self, line: str) -> float:
        """When this was told: seconds of the recording."""
        (told,) = (each for each in self.text.splitlines() if line in each)
        return float(told.split()[0])

    def loud(self, side: int, start: float = 0.0, end: float | None = None) -> float:
        """Seconds of sound on that side."""
        size = self.rate // 50
        sound = self.sides[side][int(start * self.rate) : None if end is None else int(end * self.rate)]
        blocks = sound[: sound.size // size * size].astype(np.float32).reshape(-1, size)
        return int((np.sqrt((blocks**2).mean(axis=1)) > 200).sum()) / 50


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    home = tmp_path_factory.mktemp("home")
    file = home / "demo.wav"
    days = {spoken_date(dt.datetime.now().astimezone())}
    demo = subprocess.run(
        [sys.executable, "-W", "error", "-m", "voiced", "demo", "--output", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    days.add(spoken_date(dt.datetime.now().astimezone()))
    with wave.open(str(file)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth()) == (2, 2)
        rate, frames = recording.getframerate(), recording.getnframes()
        sides = np.frombuffer(recording.readframes(frames), "<i2").reshape(-1, 2).T
    files = [path.name for path in home.iterdir()]
    return Shown(demo.stdout, demo.returncode, demo.stderr, files, days, rate, sides)


def test_the_demo_comes_to_its_end_and_tells_all_of_it(shown: Shown) -> None:
    place = 0
    for line in TOLD:
        found = shown.text.find(line, place)
        assert found >= 0, f"{line!r} is missing, or not where it belongs, in:\n{shown.text}"
        place = found + len(line)
    assert (shown.code, shown.errors) == (0, "")
    assert shown.files == ["demo.wav"]


def test_the_answers_are_worked_out(shown: Shown) -> None:
    assert any(f"offline   It is {day}." in shown.text for day in shown.days)


def test_each_tool_is_called_once(shown: Shown) -> None:
    calls = re.findall(r"tool +(\w+\(.*\))", shown.text)
    assert len(calls) == len(set(calls)) == 5


def test_both_are_heard_each_on_a_side(shown: Shown) -> None:
    assert shown.loud(0) > 8
    assert shown.loud(1) > 20
    asked, understood = shown.at("you       What is the date today?"), shown.at("heard “what is the date today”")
    assert shown.loud(0, asked, understood) > 0.6
    assert shown.loud(1, asked, understood) == 0


def test_who_is_interrupted_is_silent(shown: Shown) -> None:
    (heard, received), *_ = re.findall(r"(\d+) of (\d+) ms were heard", shown.text)
    assert 1000 < int(heard) < int(received) - 1000
    interrupted, understood = shown.at("interrupted: ducked"), shown.at("heard “what's the time in singapore”")
    assert shown.loud(0, interrupted, understood) > 0.4
    assert shown.loud(1, interrupted + 0.1, understood) == 0
