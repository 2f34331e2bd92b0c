"""The sound devices: whether there are any, who holds them, and what they do when they are tried."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from voiced.doctor import loudspeaker, microphone, mixer
from voiced.doctor.case import Case
from voiced.doctor.finding import Finding
from voiced.errors import AudioError, DeviceNotFound, PortAudioMissing
from voiced.sound_card import Direction
from voiced.sound_card.choice import NOUN

NODES: Final = Path("/dev/snd")
PROCESSES: Final = Path("/proc")

LISTER: Final = "cat /proc/asound/pcm"
"""Needs no program that may be missing, as arecord may be."""

_SERVERS: Final = ("pipewire", "wireplumber", "pulseaudio")

_BUSY: Final = re.compile(r"-9985|unavailable|busy", re.IGNORECASE)
_NO_SUCH_RATE: Final = re.compile(r"-9997|invalid sample rate", re.IGNORECASE)
_STILL: Final = re.compile(r"no sound|takes no sound")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a sound device open."""

    pid: int
    name: str


def look(case: Case) -> Iterator[Finding]:
    """Devices are opened only where no voiced runs: else it has them, and is asked."""
    if case.browser_is_card:
        yield Finding("ok", "sound", "the page of the kiosk is microphone and loudspeaker: no sound card is needed")
        return
    if case.status is not None:
        yield from of_running(case.status)
        own = loudspeaker.judged_own_volume(case.status["volume"] or 0, case.loaded.places, running=True)
        if own is not None and case.status["volume"] is not None:
            yield own
    else:
        yield from _tried(case)


def of_running(status: Mapping[str, Any]) -> Iterator[Finding]:
    """What the voiced that runs says of the devices, which it has open itself."""
    for kind, device in status["devices"].items():
        if device["ok"]:
            yield Finding("ok", "sound", f"the running voiced has its {kind}: {device['detail']}")
        else:
            what = f"the running voiced lost its {kind}: {device['detail']}"
            why = "It is tried again by itself, every half minute at least."
            yield Finding("problem", "sound", what, why, "voiced devices   # is it still listed?")
    if not status["devices"]:
        yield Finding("note", "sound", "the running voiced has no sound devices yet")


def missing_library(complaint: str) -> Finding:
    """`complaint`: PortAudioMissing's, with the command for each kind of Linux."""
    what, _, commands = complaint.partition(": ")
    first, *others = commands.split(", sudo ")
    mend, _, systems = first.partition(" (")
    elsewhere = f"   # {systems}; else: sudo {', or sudo '.join(others)}".replace(");", ";") if others else ""
    return Finding("problem", "sound", what, "voiced hears and speaks through it.", f"{mend}{elsewhere}")


def refused(error: AudioError, direction: Direction, holders: Sequence[Holder], mixer: mixer.Mixer | None) -> Finding:
    """Why a device was not to be had."""
    text, noun = str(error), NOUN[direction]
    key = "capture.device" if direction == "input" else "playout.device"
    if isinstance(error, PortAudioMissing):
        return missing_library(text)
    if isinstance(error, DeviceNotFound):
        what, _, rest = text.partition(": is one plugged in")
        if rest:
            why = "A USB device is there within seconds of being plugged in; one on a board may need its driver."
            return Finding("problem", "sound", what, why, f"{LISTER}   # lists what Linux has found")
        return Finding("problem", "sound", what, mend=f"voiced devices   # then write one of these names into {key}")
    if _STILL.search(text):
        what = f"the {noun} {text.partition(': ')[0]}"
        server = {"input": "pactl suspend-source @DEFAULT_SOURCE@ 0", "output": "pactl suspend-sink @DEFAULT_SINK@ 0"}
        mend = (
            server[direction]
            if mixer in ("pactl", "wpctl")
            else "sudo reboot   # if plugging it in again does not help"
        )
        return Finding("problem", "sound", what, "It is suspended, or its driver hangs: plug it in again.", mend)
    if _NO_SUCH_RATE.search(text):
        why = "It takes none of the rates that voiced can use; the sound system can convert it."
        return Finding(
            "problem", "sound", _short(text), why, f"voiced devices   # then write 'default' or 'pulse' into {key}"
        )
    if _BUSY.search(text):
        return _busy(noun, text, holders)
    return Finding("problem", "sound", _short(text), "Its driver, or the sound system, refuses it.", "voiced devices")


def holders(nodes: Path = NODES, processes: Path = PROCESSES) -> list[Holder]:
    """Who has a sound device open, as far as we may see; not ourselves."""
    return [
        Holder(int(process.name), _name_of(process))
        for process in processes.glob("[0-9]*")
        if int(process.name) != os.getpid() and any(_opens(process / "fd", nodes))
    ]


def _tried(case: Case) -> Iterator[Finding]:
    volumes = mixer.mixer_here()
    try:
        found = case.card.devices()
    except AudioError as error:
        yield refused(error, "input", (), volumes)
        return
    if not found:
        why = 'Without one, a page in a browser can be microphone and loudspeaker: kiosk.sound = "browser".'
        mend = f"{LISTER}   # lists what Linux has found: 'capture' is a microphone; a USB device is there in seconds"
        yield Finding("problem", "sound", "this machine has no sound device", why, mend)
        return
    try:
        yield from microphone.judged(microphone.listen(case.card, case.config.capture.device, case.hear_s), volumes)
    except AudioError as error:
        yield refused(error, "input", holders(), volumes)
    try:
        yield loudspeaker.judged(loudspeaker.play_silence(case.card, case.config.playout.device))
    except AudioError as error:
        yield refused(error, "output", holders(), volumes)
    else:
        yield from _volumes(case, volumes)


def _volumes(case: Case, volumes: mixer.Mixer | None) -> Iterator[Finding]:
    own = loudspeaker.judged_own_volume(case.config.playout.volume, case.loaded.places, running=False)
    is_default = case.config.playout.device in ("", "default", "pulse", "pipewire")
    system = mixer.volume(volumes, "output") if is_default else None
    yield from filter(None, (loudspeaker.judged_volume(system, volumes), own))


def _busy(noun: str, text: str, holders: Sequence[Holder]) -> Finding:
    what = f"the {noun} is busy: {_short(text)}"
    others = [each for each in holders if each.name not in _SERVERS]
    if others:
        names = ", ".join(f"{each.name} (process {each.pid})" for each in others)
        return Finding("problem", "sound", what, f"It is held by {names}.", f"kill {others[0].pid}   # or end it")
    if holders:
        why = f"The sound server ({holders[0].name}) holds it; voiced can share it through that."
        return Finding("problem", "sound", what, why, "voiced devices   # then name 'default', 'pulse' or 'pipewire'")
    return Finding("problem", "sound", what, "Another program holds it.", "sudo fuser -v /dev/snd/*   # says which")


def _short(text: str) -> str:
    """Without the question at the end, which the finding answers."""
    return text.removesuffix(": is another program holding it?")


def _opens(folder: Path, nodes: Path) -> Iterator[bool]:
    try:
        for each in folder.iterdir():
            if os.readlink(each).startswith(f"{nodes}/pcm"):
                yield True
    except OSError:
        return  # not ours to see, or gone


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"
