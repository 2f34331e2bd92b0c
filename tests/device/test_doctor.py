"""The doctor at a real sound server, which then does what the doctor says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.device.pulse import PrivatePulse
from voiced.config import Places
from voiced.doctor import settings_file, sound
from voiced.doctor.case import Case
from voiced.doctor.finding import Finding
from voiced.sound_card import PortAudioCard

pytestmark = pytest.mark.device

Look = Callable[[], list[Finding]]


@pytest.fixture
def look(card: PortAudioCard, tmp_path: Path) -> Look:
    """What is wrong with the sound of this machine: its microphone hears only its loudspeaker, which is silent."""
    loaded = settings_file.read(Places((tmp_path / "voiced.toml",), False, {"HOME": str(tmp_path)})).loaded
    case = Case(loaded, card, hear_s=0.3)
    return lambda: [each for each in sound.look(case) if each.level in ("problem", "warning")]


@pytest.fixture(autouse=True)
def _as_it_was(pulse: PrivatePulse) -> Iterator[None]:
    yield
    for command in ("set-sink-mute @DEFAULT_SINK@ 0", "set-sink-volume @DEFAULT_SINK@ 100%"):
        subprocess.run(["pactl", *command.split()], check=True)
    pulse.suspend_source(False)


def mend(finding: Finding) -> None:
    subprocess.run(finding.mend, shell=True, check=True)


def test_a_microphone_that_is_silent(look: Look) -> None:
    [finding] = look()
    assert (finding.what, finding.mend) == (
        "the microphone 'default' is silent",
        "pactl set-source-mute @DEFAULT_SOURCE@ 0",
    )


@pytest.mark.parametrize(
    ("breaks", "what"),
    [
        ("set-sink-mute @DEFAULT_SINK@ 1", "the loudspeaker is muted"),
        ("set-sink-volume @DEFAULT_SINK@ 0%", "the loudspeaker's volume is 0 %"),
    ],
)
def test_what_the_doctor_says_mends_the_loudspeaker(breaks: str, what: str, look: Look) -> None:
    subprocess.run(["pactl", *breaks.split()], check=True)
    [_, finding] = look()
    assert finding.what == what
    mend(finding)
    assert len(look()) == 1


def test_what_the_doctor_says_mends_a_suspended_microphone(pulse: PrivatePulse, look: Look) -> None:
    pulse.suspend_source(True)
    [finding] = look()
    assert finding.what == "the microphone 'default' gives no sound at all"
    mend(finding)
    [silent] = look()
    assert silent.what == "the microphone 'default' is silent"
