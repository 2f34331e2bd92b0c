"""Whether the loudspeaker takes sound, and whether anybody could hear it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from voiced.audio import SAMPLE_BYTES
from voiced.config import Places
from voiced.doctor import mending
from voiced.doctor.finding import Finding, Level
from voiced.doctor.mixer import Mixer, Volume, command
from voiced.errors import DeviceFailed
from voiced.sound_card import BlockTime, SoundCard

BLOCK_MS: Final = 50
BLOCKS: Final = 6
"""A suspended device still asks for what fits into its buffer."""

PATIENCE_S: Final = 3.0

LOW_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class Played:
    device: str
    rate: int


def play_silence(card: SoundCard, name: str, patience_s: float = PATIENCE_S) -> Played:
    """Have it take some silence. Raises AudioError."""
    taken, over = 0, threading.Event()

    def wanted(samples: int, _time: BlockTime, _underflowed: bool) -> bytes:
        nonlocal taken
        taken += 1
        if taken >= BLOCKS:
            over.set()
        return bytes(samples * SAMPLE_BYTES)

    stream = card.open_output(name, block_ms=BLOCK_MS, callback=wanted, on_stopped=lambda reason="": None)
    try:
        if not over.wait(patience_s):
            raise DeviceFailed(f"{stream.device_name!r} takes no sound: is it suspended?")
    finally:
        stream.close()
    return Played(stream.device_name, stream.rate)


def judged(played: Played) -> Finding:
    return Finding("ok", "sound", f"the loudspeaker {played.device!r} runs at {played.rate} Hz")


def judged_volume(system: Volume | None, mixer: Mixer | None) -> Finding | None:
    """That of the sound system; voiced's own comes on top."""
    if system is None:
        return None
    if system.muted:
        return Finding("problem", "sound", "the loudspeaker is muted", mend=command(mixer, "output", "unmute"))
    if system.percent is not None and system.percent < LOW_PERCENT:
        level: Level = "problem" if system.percent == 0 else "warning"
        what = f"the loudspeaker's volume is {system.percent} %"
        mend = command(mixer, "output", "raise")
        return Finding(level, "sound", what, "Nobody hears an answer.", mend)
    return None


def judged_own_volume(percent: int, places: Places, *, running: bool) -> Finding | None:
    """voiced's own, now or at the start."""
    if percent >= LOW_PERCENT:
        return None
    mend = "voiced volume 70" if running else mending.in_settings(places, "playout.volume", 70)
    return Finding("warning", "sound", f"voiced speaks at a volume of {percent} %", "Nobody hears an answer.", mend)
