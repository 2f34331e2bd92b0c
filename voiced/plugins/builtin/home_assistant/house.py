"""What is known of the devices of a home: their names, areas and states. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from voiced.plugins.builtin.home_assistant.messages import Json

MOST_DEVICES: Final = 5000
"""Those that come first are known; nobody has names for more."""

LONGEST_VALUE: Final = 200
"""Characters of a state or an attribute."""

_KEPT: Final = (
    "brightness",
    "current_position",
    "current_temperature",
    "device_class",
    "hvac_action",
    "media_artist",
    "media_title",
    "percentage",
    "temperature",
    "unit_of_measurement",
)
"""Attributes that can be read aloud."""

AWAY: Final = "unavailable"

HEAVY: Final = frozenset({"garage", "gate", "door"})
"""Device classes of covers that let people in, or may hurt somebody."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Device:
    """One entity. `area` is empty where it is in none."""

    entity_id: str
    name: str
    area: str = ""
    state: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """light, switch, cover …"""
        return self.entity_id.partition(".")[0]

    @property
    def kind(self) -> str:
        """Its device class, such as garage, or empty."""
        return str(self.attributes.get("device_class", ""))

    @property
    def reachable(self) -> bool:
        """Whether it can be switched at all."""
        return self.state != AWAY


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registry says of an entity."""

    area: str = ""
    name: str = ""
    shown: bool = True


Registry = Mapping[str, Entry]
"""By the ids of entities."""

UNLISTED: Final = Entry()
"""Of one that the registry does not have: it was written into a file of Home Assistant."""


class House:
    """All devices of the allowed domains, by their ids."""

    def __init__(self, domains: Collection[str]) -> None:
        self.registry: Registry = {}
        self._domains = frozenset(domains)
        self._devices: dict[str, Device] = {}
        self._told_since: set[str] = set()

    @property
    def devices(self) -> tuple[Device, ...]:
        """In the order in which they became known."""
        return tuple(self._devices.values())

    def now(self, device: Device) -> Device:
        """The device as it is known now."""
        return self._devices.get(device.entity_id, device)

    def names(self) -> frozenset[tuple[str, str, str]]:
        """What people may call them by; it changes rarely."""
        return frozenset((device.entity_id, device.name, device.area) for device in self._devices.values())

    def read_registry(self, areas: Any, devices: Any, entities: Any) -> Registry:
        """Areas and names, from the answers to the three registries. Takes long: in a thread, please."""
        area_names = {area.get("area_id"): _text(area.get("name")) for area in _objects(areas)}
        device_areas = {device.get("id"): device.get("area_id") for device in _objects(devices)}
        return {
            str(entity.get("entity_id")): Entry(
                area_names.get(entity.get("area_id") or device_areas.get(entity.get("device_id")), ""),
                _text(entity.get("name")),
                not (entity.get("hidden_by") or entity.get("disabled_by") or entity.get("entity_category")),
            )
            for entity in _objects(entities)
            if self._is_allowed(entity.get("entity_id"))
        }

    def read_states(self, states: Any, registry: Registry) -> dict[str, Device]:
        """All devices. Takes long: in a thread, please."""
        found: dict[str, Device] = {}
        for state in _objects(states):
            entity_id = state.get("entity_id")
            if isinstance(entity_id, str) and self._is_allowed(entity_id) and len(found) < MOST_DEVICES:
                entry = registry.get(entity_id, UNLISTED)
                if entry.shown:
                    found[entity_id] = _device(entity_id, state, entry)
        return found

    def begin(self, registry: Registry) -> None:
        """From now on changes are told, all states are to come: of what is told before, it is the later word."""
        self.registry = registry
        self._told_since = set()

    def load(self, devices: dict[str, Device]) -> None:
        """All devices, but for those that something was told of since `begin`."""
        for entity_id in self._told_since:
            devices.pop(entity_id, None)
            if known := self._devices.get(entity_id):
                devices[entity_id] = known
        self._devices = devices

    def told(self, entity_id: str, state: Json | None) -> bool:
        """A state changed, or the device is gone. Gives whether names changed."""
        if not self._is_allowed(entity_id):
            return False
        self._told_since.add(entity_id)
        before = self._devices.get(entity_id)
        entry = self.registry.get(entity_id, UNLISTED)
        if state is None or not entry.shown:
            self._devices.pop(entity_id, None)
            return before is not None
        if before is None and len(self._devices) >= MOST_DEVICES:
            return False
        after = _device(entity_id, state, entry)
        self._devices[entity_id] = after
        return before is None or before.name != after.name

    def _is_allowed(self, entity_id: object) -> bool:
        return isinstance(entity_id, str) and entity_id.partition(".")[0] in self._domains


@lru_cache(maxsize=2 * MOST_DEVICES)
def words(text: str) -> tuple[str, ...]:
    """As they are said: lower case, no accents and no marks."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return tuple(re.findall(r"[^\W_]+", folded.replace("'", "")))


def titles(devices: Iterable[Device]) -> list[str]:
    """What to call each of them, in order: with its area where several have one name."""
    listed = list(devices)
    names = Counter(words(device.name) for device in listed)
    return [
        f"{device.name} in the {device.area}" if device.area and names[words(device.name)] > 1 else device.name
        for device in listed
    ]


def _device(entity_id: str, state: Json, entry: Entry) -> Device:
    given = state.get("attributes")
    attributes: Json = given if isinstance(given, dict) else {}
    name = entry.name or _text(attributes.get("friendly_name")) or entity_id.partition(".")[2].replace("_", " ")
    kept = {key: _short(value) for key in _KEPT if isinstance(value := attributes.get(key), str | int | float)}
    return Device(entity_id, name, entry.area, _text(state.get("state")), kept)


def _objects(answer: Any) -> list[Json]:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def _text(value: object) -> str:
    return value.strip()[:LONGEST_VALUE] if isinstance(value, str) else ""


def _short(value: Value) -> Value:
    return value[:LONGEST_VALUE] if isinstance(value, str) else value
