"""Which device a name in the settings means."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Final

from voiced.errors import DeviceNotFound
from voiced.sound_card.port import Device, Direction

NOUN: Final[dict[Direction, str]] = {"input": "microphone", "output": "loudspeaker"}


def choose(devices: Sequence[Device], name: str, direction: Direction) -> Device:
    """The device that `name` means: its exact name, that in other case, or letters that only one name contains.

    Where the same name exists in two host APIs, "name, host api" tells them apart. Raises DeviceNotFound, which
    lists what there is.
    """
    usable = [device for device in devices if device.channels(direction)]
    folded = name.casefold()
    likenesses: tuple[Callable[[Device], bool], ...] = (
        lambda device: name in (device.name, _label(device)),
        lambda device: folded == device.name.casefold(),
        lambda device: folded in _label(device).casefold(),
    )
    for alike in likenesses:
        found = [device for device in usable if alike(device)]
        if len(found) == 1:
            return found[0]
        if found:
            raise DeviceNotFound(f"{NOUN[direction]} {name!r} is ambiguous: it may be {_listed(found)}")
    if not usable:
        wanted = f" {name!r}, and no other" if name else ""
        raise DeviceNotFound(f"there is no {NOUN[direction]}{wanted}: is one plugged in?")
    nearest = difflib.get_close_matches(name, [device.name for device in usable], n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}? There" if nearest else "there"
    raise DeviceNotFound(f"there is no {NOUN[direction]} {name!r}; {hint} are {_listed(usable)}")


def _label(device: Device) -> str:
    return f"{device.name}, {device.host_api}"


def _listed(devices: Sequence[Device]) -> str:
    names = [device.name for device in devices]
    return ", ".join(repr(d.name if names.count(d.name) == 1 else _label(d)) for d in devices)
