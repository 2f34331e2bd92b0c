"""What somebody wants of devices, as calls of Home Assistant's services. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from voiced.api import ToolError
from voiced.plugins.builtin.home_assistant.house import HEAVY, Device, titles
from voiced.plugins.builtin.home_assistant.messages import Json
from voiced.plugins.builtin.home_assistant.wording import the
from voiced.plugins.builtin.spoken import listed

Action = Literal["on", "off", "toggle", "open", "close", "stop"]

SWITCHED: Final = ("light", "switch", "fan", "cover", "climate", "media_player", "input_boolean")
LEVELLED: Final = ("light", "cover", "fan", "media_player")
RUN: Final = ("scene", "script")

_COVER: Final[dict[Action, str]] = {
    "on": "open_cover",
    "off": "close_cover",
    "open": "open_cover",
    "close": "close_cover",
    "toggle": "toggle",
    "stop": "stop_cover",
}
_CANT: Final[dict[Action, str]] = {
    "on": "be switched on",
    "off": "be switched off",
    "toggle": "be switched",
    "open": "be opened",
    "close": "be closed",
    "stop": "be stopped",
}
_OTHER: Final[dict[Action, str]] = {"on": "turn_on", "off": "turn_off", "toggle": "toggle"}


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """light.turn_on, and the like. `again`: to do it twice is to do it once, as on and off, but not toggle."""

    domain: str
    service: str
    entity_ids: Sequence[str]
    data: Json = field(default_factory=dict)
    again: bool = True


def switching(devices: Sequence[Device], action: Action) -> list[ServiceCall]:
    """One call for each kind of device. Raises ToolError for what can't be done with one of them."""
    calls = []
    for domain, several in _by_domain(devices):
        service = (_COVER if domain == "cover" else _OTHER).get(action) if domain in SWITCHED else None
        if domain == "media_player" and action == "stop":
            service = "media_stop"
        if service is None:
            raise ToolError(f"{the(listed(titles(several[:3])))} can't {_CANT[action]}.")
        calls.append(ServiceCall(domain, service, [device.entity_id for device in several], again=action != "toggle"))
    return calls


def levelling(devices: Sequence[Device], percent: int) -> list[ServiceCall]:
    """Brightness, position, speed or volume. Raises ToolError."""
    return [
        _level(domain, [device.entity_id for device in several], percent) for domain, several in _by_domain(devices)
    ]


def needs_a_yes(devices: Sequence[Device], action: str) -> bool:
    """Whether somebody must say yes first: it unlocks, or moves something heavy."""
    return any(
        (device.domain == "lock" and action != "lock")
        or (device.domain == "cover" and device.kind in HEAVY and action != "stop")
        for device in devices
    )


def _level(domain: str, entity_ids: Sequence[str], percent: int) -> ServiceCall:
    match domain:
        case "light" if percent == 0:
            return ServiceCall(domain, "turn_off", entity_ids)
        case "light":
            return ServiceCall(domain, "turn_on", entity_ids, {"brightness_pct": percent})
        case "cover":
            return ServiceCall(domain, "set_cover_position", entity_ids, {"position": percent})
        case "fan":
            return ServiceCall(domain, "set_percentage", entity_ids, {"percentage": percent})
        case "media_player":
            return ServiceCall(domain, "volume_set", entity_ids, {"volume_level": percent / 100})
    raise ToolError("Only lights, covers, fans and players can be set to so many percent.")


def _by_domain(devices: Sequence[Device]) -> Iterator[tuple[str, list[Device]]]:
    for domain in dict.fromkeys(device.domain for device in devices):
        yield domain, [device for device in devices if device.domain == domain]
