"""What is said of devices: their states in words that a voice reads well. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voiced.plugins.builtin.home_assistant.house import Device, titles
from voiced.plugins.builtin.spoken import listed

MOST_NAMED: Final = 3
"""Devices of a group that are named; beyond, they are counted."""

UNITS: Final = {
    "°C": "degrees",
    "°F": "degrees",
    "%": "percent",
    "W": "watts",
    "kW": "kilowatts",
    "Wh": "watt hours",
    "kWh": "kilowatt hours",
    "V": "volts",
    "A": "amperes",
    "lx": "lux",
    "hPa": "hectopascals",
    "mbar": "millibars",
    "km/h": "kilometres per hour",
    "m/s": "metres per second",
    "mm": "millimetres",
    "ppm": "parts per million",
    "min": "minutes",
    "h": "hours",
    "s": "seconds",
    "d": "days",
    "kg": "kilograms",
    "L": "litres",
    "m³": "cubic metres",
}

_BINARY: Final = {
    "battery": ("low", "all right"),
    "carbon_monoxide": ("reporting carbon monoxide", "quiet"),
    "connectivity": ("connected", "not connected"),
    "door": ("open", "closed"),
    "garage_door": ("open", "closed"),
    "gas": ("reporting gas", "quiet"),
    "lock": ("unlocked", "locked"),
    "moisture": ("wet", "dry"),
    "motion": ("reporting motion", "quiet"),
    "occupancy": ("occupied", "empty"),
    "opening": ("open", "closed"),
    "presence": ("at home", "away"),
    "problem": ("reporting a problem", "all right"),
    "smoke": ("reporting smoke", "quiet"),
    "window": ("open", "closed"),
}
"""By device class: what on and off mean."""

_NOUNS: Final = {
    "light": "lights",
    "switch": "switches",
    "cover": "covers",
    "fan": "fans",
    "climate": "thermostats",
    "media_player": "players",
    "scene": "scenes",
    "script": "scripts",
    "sensor": "sensors",
    "binary_sensor": "sensors",
    "lock": "locks",
}


def noun(domain: str) -> str:
    """What several of a domain are called."""
    return _NOUNS.get(domain, "devices")


def the(title: str) -> str:
    """At the beginning of a sentence."""
    return title if title.lower().startswith(("the ", "my ", "our ")) else f"The {title}"


def be(title: str) -> str:
    """The verb that goes with a name: the blinds are, the glass is."""
    last = title.lower().split()[-1:] or [""]
    return "are" if last[0].endswith("s") and not last[0].endswith(("ss", "us", "is")) else "is"


def told(devices: Sequence[Device]) -> str:
    """The states of devices that somebody asked about together."""
    if len(devices) == 1:
        return state(devices[0])
    if len({device.domain for device in devices}) == 1 and all(device.state in ("on", "off") for device in devices):
        return _lit(devices)
    shown = " ".join(state(device) for device in devices[:MOST_NAMED])
    more = len(devices) - MOST_NAMED
    return f"{shown} And {more} more." if more > 0 else shown


def state(device: Device) -> str:
    """One device in one sentence."""
    subject = the(device.name)
    match device.state:
        case "unavailable":
            return f"{subject} can't be reached."
        case "unknown" | "":
            return f"{subject} has told nothing yet."
    return f"{subject} {_predicate(device)}."


def brief(device: Device) -> str:
    """Name and state, for a list that a model reads."""
    value = f"{device.state} {device.attributes.get('unit_of_measurement', '')}".strip()
    return f"{device.name} ({device.domain}{f', {device.area}' if device.area else ''}): {value}"


def done(devices: Sequence[Device], what: str) -> str:
    """What became of devices: "The lamp is off", "3 lights are off"."""
    names = titles(devices)
    if len(devices) == 1:
        return f"{the(names[0])} {be(names[0])} {what}."
    if len(devices) <= MOST_NAMED:
        return f"{the(listed(names))} are {what}."
    domains = {device.domain for device in devices}
    return f"{len(devices)} {noun(domains.pop()) if len(domains) == 1 else 'devices'} are {what}."


def number(value: float | str) -> str:
    """At most one digit after the point; what is no number as it is."""
    try:
        rounded = round(float(value), 1)
    except (ValueError, OverflowError):
        return str(value)
    return f"{rounded:g}" if abs(rounded) < 1e6 else f"{rounded:.0f}"


def _predicate(device: Device) -> str:
    about, verb = device.attributes, be(device.name)
    match device.domain:
        case "light" if device.state == "on" and isinstance(level := about.get("brightness"), int | float):
            return f"{verb} on, at {round(level / 2.55)} percent"
        case "cover" if isinstance(position := about.get("current_position"), int | float) and 0 < position < 100:
            return f"{verb} {device.state}, at {round(position)} percent"
        case "fan" if device.state == "on" and isinstance(speed := about.get("percentage"), int | float):
            return f"{verb} on, at {round(speed)} percent"
        case "climate":
            return _climate(device)
        case "media_player" if device.state == "playing" and "media_title" in about:
            artist = f" by {about['media_artist']}" if "media_artist" in about else ""
            return f"plays {about['media_title']}{artist}"
        case "binary_sensor" if device.state in ("on", "off"):
            meanings = _BINARY.get(device.kind, ("on", "off"))
            return f"{verb} {meanings[device.state == 'off']}"
        case "sensor":
            unit = str(about.get("unit_of_measurement", ""))
            return f"{verb} {number(device.state)} {UNITS.get(unit, unit)}".rstrip()
    return f"{verb} {device.state.replace('_', ' ')}"


def _climate(device: Device) -> str:
    about, verb = device.attributes, be(device.name)
    parts = [str(about.get("hvac_action", device.state)).replace("_", " ")]
    if "temperature" in about:
        parts.append(f"set to {number(about['temperature'])} degrees")
    if "current_temperature" in about:
        parts.append(f"and it is {number(about['current_temperature'])} degrees there")
    return f"{verb} {', '.join(parts)}"


def _lit(devices: Sequence[Device]) -> str:
    on = [device for device in devices if device.state == "on"]
    kind = noun(devices[0].domain)
    if not on:
        return f"All {len(devices)} {kind} are off."
    if len(on) == len(devices):
        return f"All {len(devices)} {kind} are on."
    named = f": {listed(titles(on))}" if len(on) <= MOST_NAMED else ""
    return f"{len(on)} of {len(devices)} {kind} {'is' if len(on) == 1 else 'are'} on{named}."
