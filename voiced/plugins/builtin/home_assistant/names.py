"""Which devices somebody means: by a name, by area and kind, or by what is nearly a name. Pure."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from voiced.api import ToolError
from voiced.plugins.builtin.home_assistant.house import HEAVY, Device, titles, words
from voiced.plugins.builtin.spoken import listed

MOST_TOLD: Final = 5
"""Names in a question back: more can't be kept in mind."""

NEARLY: Final = 0.85
"""How like a name must be to be taken for it; a slip of a recogniser is about 0.9."""

LIKE: Final = 0.6
"""How like to be told as near."""

CLEARLY: Final = 0.05
"""How much more like than the next one."""

_SMALL: Final = frozenset({"the", "a", "an", "my", "our", "please", "in", "of", "on", "at", "to"})
_ALL: Final = frozenset({"all", "every", "both"})

KINDS: Final = {
    "blind": "cover",
    "blower": "fan",
    "cover": "cover",
    "curtain": "cover",
    "fan": "fan",
    "heater": "climate",
    "heating": "climate",
    "lamp": "light",
    "light": "light",
    "lock": "lock",
    "outlet": "switch",
    "plug": "switch",
    "radiator": "climate",
    "scene": "scene",
    "script": "script",
    "shade": "cover",
    "shutter": "cover",
    "socket": "switch",
    "speaker": "media_player",
    "switch": "switch",
    "television": "media_player",
    "thermostat": "climate",
    "tv": "media_player",
}
"""What people call the domains."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """`domain`: of the kind that was named, or empty; `rest`: the words beside it. `several`: "lights", "all …"."""

    words: tuple[str, ...]
    domain: str
    rest: frozenset[str]
    several: bool


def find(query: str, devices: Sequence[Device]) -> list[Device]:
    """The devices that are meant, at least one. Raises ToolError, which says what there is instead."""
    if by_id := [device for device in devices if device.entity_id == query.strip()]:
        return by_id
    said = tuple(word for word in words(query) if word not in _SMALL)
    if len(named := [device for device in devices if words(device.name) in (said, words(query))]) == 1:
        return named
    asked = _understood(said)
    if not asked.words:
        raise ToolError("Say which device.")
    if asked.domain and (asked.several or not _called(asked, devices)) and (group := _group(asked, devices)):
        return group
    for candidates in (_called(asked, devices), _described(asked, devices)):
        if len(candidates) == 1:
            return candidates
        if candidates:
            raise ToolError(f"Several are called {query}: {_some(candidates)}. Which one is meant?")
    return _nearly(query, devices)


def sayable(devices: Sequence[Device], most: int) -> dict[str, str]:
    """Names for sentences with no cloud, and what `find` finds the device by; areas with several lights come first."""
    found: dict[str, str] = {}
    lights = Counter(device.area for device in devices if device.domain == "light" and device.area)
    for area, many in lights.items():
        if many > 1:
            _add(found, f"{area} lights", f"{area} lights")
    names = Counter(words(device.name) for device in devices)
    for device in devices:
        unique = names[words(device.name)] == 1
        _add(found, device.name if unique else f"{device.area} {device.name}", device.entity_id)
    return dict(list(found.items())[:most])


def plain(text: str) -> frozenset[str]:
    """The words that tell one name from another, in the singular."""
    return frozenset(_one(word) for word in words(text) if word not in _SMALL)


def _add(found: dict[str, str], spoken: str, meant: str) -> None:
    plain = " ".join(word for word in words(spoken) if word.isascii())
    if any(letter.isalpha() for letter in plain):
        found.setdefault(plain, meant)


def _understood(said: Iterable[str]) -> _Asked:
    told = [word for word in said if word not in _SMALL]
    kept = tuple(_one(word) for word in told if word not in _ALL)
    kinds = [word for word in kept if word in KINDS]
    kind = kinds[-1] if kinds else ""
    several = len(kept) < len(told) or any(word != kind and _one(word) == kind for word in told)
    rest = list(kept)
    if kind:
        rest.remove(kind)
    return _Asked(kept, KINDS.get(kind, ""), frozenset(rest), several)


def _group(asked: _Asked, devices: Sequence[Device]) -> list[Device]:
    """All of a kind: everywhere, or in an area. A garage door is no blind, and moves only by its name."""
    kind = [device for device in devices if device.domain == asked.domain and device.kind not in HEAVY]
    if asked.rest:
        return [device for device in kind if plain(device.area) == asked.rest]
    return kind if asked.several or len(kind) == 1 else []


def _called(asked: _Asked, devices: Sequence[Device]) -> list[Device]:
    """Those with just these words in their name, with or without the area and the kind."""
    whole = frozenset(asked.words)
    return [
        device
        for device in devices
        if whole in (name := plain(device.name), name | plain(device.area))
        or (device.domain == asked.domain and asked.rest in (name, name | plain(device.area)))
    ]


def _described(asked: _Asked, devices: Sequence[Device]) -> list[Device]:
    """Those that all the words fit to, in name, area or kind."""
    whole = frozenset(asked.words)
    return [
        device
        for device in devices
        if whole <= plain(device.name) | plain(device.area) | plain(device.kind)
        or (device.domain == asked.domain and asked.rest <= plain(device.name) | plain(device.area))
    ]


def _nearly(query: str, devices: Sequence[Device]) -> list[Device]:
    spoken = " ".join(word for word in words(query) if word not in _SMALL)
    names: dict[str, Device] = {}
    for device in devices:
        names.setdefault(" ".join(words(device.name)), device)
        names.setdefault(" ".join(words(f"{device.area} {device.name}")), device)
    near = difflib.get_close_matches(spoken, names, n=MOST_TOLD, cutoff=LIKE)
    likeness = [difflib.SequenceMatcher(None, name, spoken).ratio() for name in near]
    if (
        near
        and likeness[0] >= NEARLY
        and all(
            names[name] == names[near[0]] or likeness[0] - ratio >= CLEARLY
            for name, ratio in zip(near, likeness, strict=True)
        )
    ):
        return [names[near[0]]]
    if near:
        raise ToolError(
            f"There is no {query}. Near are: {_some({names[name].entity_id: names[name] for name in near}.values())}."
        )
    raise ToolError(f"There is no {query} in Home Assistant.")


def _some(devices: Iterable[Device]) -> str:
    names = list(dict.fromkeys(titles(devices)))
    more = [f"{len(names) - MOST_TOLD} more"] if len(names) > MOST_TOLD else []
    return listed(names[:MOST_TOLD] + more)


def _one(word: str) -> str:
    """The singular, as far as two words that are the same must become the same."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
