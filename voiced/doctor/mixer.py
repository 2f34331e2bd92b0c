"""The volumes of the sound system, which voiced does not set: what they are, and the commands that change them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from voiced.doctor.programs import said
from voiced.sound_card import Direction

Mixer = Literal["wpctl", "pactl", "amixer"]
"""Of PipeWire, of PulseAudio (which PipeWire understands too), of ALSA."""

Wish = Literal["unmute", "raise", "lower"]


@dataclass(frozen=True, slots=True)
class Volume:
    """Of the system's default device. `percent`: None where that is not told."""

    muted: bool
    percent: int | None


COMMANDS: Final[Mapping[Mixer, Mapping[tuple[Direction, Wish], str]]] = {
    "wpctl": {
        ("input", "unmute"): "wpctl set-mute @DEFAULT_AUDIO_SOURCE@ 0",
        ("input", "raise"): "wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 90%",
        ("input", "lower"): "wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 40%",
        ("output", "unmute"): "wpctl set-mute @DEFAULT_AUDIO_SINK@ 0",
        ("output", "raise"): "wpctl set-volume @DEFAULT_AUDIO_SINK@ 60%",
        ("output", "lower"): "wpctl set-volume @DEFAULT_AUDIO_SINK@ 30%",
    },
    "pactl": {
        ("input", "unmute"): "pactl set-source-mute @DEFAULT_SOURCE@ 0",
        ("input", "raise"): "pactl set-source-volume @DEFAULT_SOURCE@ 90%",
        ("input", "lower"): "pactl set-source-volume @DEFAULT_SOURCE@ 40%",
        ("output", "unmute"): "pactl set-sink-mute @DEFAULT_SINK@ 0",
        ("output", "raise"): "pactl set-sink-volume @DEFAULT_SINK@ 60%",
        ("output", "lower"): "pactl set-sink-volume @DEFAULT_SINK@ 30%",
    },
    "amixer": {
        ("input", "unmute"): "amixer set Capture cap",
        ("input", "raise"): "amixer set Capture 90%",
        ("input", "lower"): "amixer set Capture 40%",
        ("output", "unmute"): "amixer set Master unmute",
        ("output", "raise"): "amixer set Master 60%",
        ("output", "lower"): "amixer set Master 30%",
    },
}

_QUESTIONS: Final[Mapping[Mixer, Mapping[Direction, tuple[str, ...]]]] = {
    "wpctl": {
        "input": ("wpctl get-volume @DEFAULT_AUDIO_SOURCE@",),
        "output": ("wpctl get-volume @DEFAULT_AUDIO_SINK@",),
    },
    "pactl": {
        "input": ("pactl get-source-mute @DEFAULT_SOURCE@", "pactl get-source-volume @DEFAULT_SOURCE@"),
        "output": ("pactl get-sink-mute @DEFAULT_SINK@", "pactl get-sink-volume @DEFAULT_SINK@"),
    },
    "amixer": {"input": ("amixer sget Capture",), "output": ("amixer sget Master",)},
}

_MUTED: Final = re.compile(r"\[MUTED\]|^Mute: yes|\[off\]", re.MULTILINE)
_OF_ONE: Final = re.compile(r"^Volume: (\d+\.\d+)", re.MULTILINE)
_PERCENT: Final = re.compile(r"\b(\d+)%")


def mixer_here() -> Mixer | None:
    """The one that works on this machine."""
    for mixer, tries in (("wpctl", "wpctl status"), ("pactl", "pactl info"), ("amixer", "amixer info")):
        if said(*tries.split()) is not None:
            return mixer  # type: ignore[return-value]
    return None


def volume(mixer: Mixer | None, direction: Direction) -> Volume | None:
    """Of the default device; None where nobody tells."""
    if mixer is None:
        return None
    answers = [said(*question.split()) for question in _QUESTIONS[mixer][direction]]
    return read("".join(filter(None, answers)))


def read(text: str) -> Volume | None:
    """What a mixer said.

    >>> read("Volume: 0.40 [MUTED]")
    Volume(muted=True, percent=40)
    >>> read("  Front Left: Playback 0 [0%] [-65.25dB] [on]")
    Volume(muted=False, percent=0)
    """
    muted = _MUTED.search(text) is not None
    if of_one := _OF_ONE.search(text):
        return Volume(muted, round(float(of_one[1]) * 100))
    percents = [int(found) for found in _PERCENT.findall(text)]
    return Volume(muted, max(percents, default=None)) if muted or percents else None


def command(mixer: Mixer | None, direction: Direction, wish: Wish) -> str:
    """The command that does it, or how to get one."""
    return COMMANDS[mixer][direction, wish] if mixer else "sudo apt-get install alsa-utils && alsamixer"
