"""Which device a name in the settings means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from voiced.errors import DeviceNotFound
from voiced.sound_card.port import Device, Direction

NOUN = {"input": "microphone", "output": "loudspeaker"}


def choose(devices: Sequence[Device], name: str, direction: Direction) -> Device:
    """The device that `name` means: its exact name, or letters that only one device's name contains.

    Where the same name exists in two host APIs, "name, host api" tells them apart. Raises DeviceNotFound, which
    lists what there is.
    """
    usable = [device for device in devices if device.channels(direction)]
    for exact in (lambda device: device.name == name, lambda device: _label(device) == name):
        if found := [device for device in usable if exact(device)]:
            if len(found) == 1:
                return found[0]
            raise DeviceNotFound(f"{NOUN[direction]} {name!r} is ambiguous: use one of {_listed(found)}")
    found = [device for device in usable if name.casefold() in _label(device).casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceNotFound(f"{NOUN[direction]} {name!r} is ambiguous: it may be {_listed(found)}")
    if not usable:
        raise DeviceNotFound(f"there is no {NOUN[direction]} {name!r}, and no other: is one plugged in?")
    nearest = difflib.get_close_matches(name, [device.name for device in usable], n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise DeviceNotFound(f"there is no {NOUN[direction]} {name!r}; {hint}There are {_listed(usable)}")


def _label(device: Device) -> str:
    return f"{device.name}, {device.host_api}"


def _listed(devices: Sequence[Device]) -> str:
    names = [device.name for device in devices]
    return ", ".join(repr(d.name if names.count(d.name) == 1 else _label(d)) for d in devices)
