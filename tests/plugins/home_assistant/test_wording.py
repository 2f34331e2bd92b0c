"""States are said in words."""

from __future__ import annotations

import pytest

from tests.plugins.home_assistant.home import devices
from voiced.plugins.builtin.home_assistant import wording
from voiced.plugins.builtin.home_assistant.house import Device

HOME = {
    device.entity_id: device
    for device in devices("light", "switch", "cover", "climate", "sensor", "binary_sensor", "lock")
}


@pytest.mark.parametrize(
    ("entity_id", "said"),
    [
        ("light.counter", "The Counter is on, at 50 percent."),
        ("light.desk", "The Desk Lamp is off."),
        ("light.attic", "The Attic can't be reached."),
        ("cover.blinds", "The Blinds are open, at 70 percent."),
        ("climate.hall", "The Thermostat is heating, set to 21 degrees, and it is 19.5 degrees there."),
        ("lock.front", "The Front Door is locked."),
        ("sensor.hall_temperature", "The Hall Temperature is 19.5 degrees."),
        ("binary_sensor.window", "The Kitchen Window is open."),
    ],
)
def test_one_device(entity_id: str, said: str) -> None:
    assert wording.state(HOME[entity_id]) == said


def test_several_of_a_kind_are_counted() -> None:
    lights = [HOME["light.spots"], HOME["light.counter"], HOME["light.desk"]]
    assert wording.told(lights) == "1 of 3 lights is on: Counter."
    assert wording.told(lights[:1] + lights[2:]) == "All 2 lights are off."


def test_others_are_told_one_by_one() -> None:
    assert wording.told([HOME["light.desk"], HOME["lock.front"]]) == "The Desk Lamp is off. The Front Door is locked."


@pytest.mark.parametrize(
    ("value", "said"), [("21.37", "21.4"), ("21.0", "21"), ("on", "on"), ("1e9", "1000000000"), ("nan", "nan")]
)
def test_numbers_are_short(value: str, said: str) -> None:
    assert wording.number(value) == said


def test_what_was_done() -> None:
    lights = [Device(f"light.{number}", f"Lamp {number}") for number in range(5)]
    assert wording.done(lights[:1], "off") == "The Lamp 0 is off."
    assert wording.done(lights[:2], "off") == "The Lamp 0 and Lamp 1 are off."
    assert wording.done(lights, "off") == "5 lights are off."
    assert wording.done([*lights, Device("fan.x", "Fan")], "off") == "6 devices are off."
