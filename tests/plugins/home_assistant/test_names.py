"""Devices are found by what people call them."""

from __future__ import annotations

import time

import pytest

from tests.plugins.home_assistant.home import devices
from voiced.api import ToolError
from voiced.plugins.builtin.home_assistant import names
from voiced.plugins.builtin.home_assistant.house import Device

HOME = devices()


def found(query: str) -> list[str]:
    return [device.entity_id for device in names.find(query, HOME)]


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("Desk Lamp", ["light.desk"]),
        ("the desk lamp", ["light.desk"]),
        ("desk light", ["light.desk"]),
        ("living room lamp", ["light.desk"]),
        ("light.desk", ["light.desk"]),
        ("coffee machine", ["switch.coffee"]),
        ("the coffee machine in the kitchen", ["switch.coffee"]),
        ("lamp in the hall", ["light.hall_lamp"]),
        ("kitchen lamp", ["light.kitchen_lamp"]),
        ("the lights in the kitchen", ["light.spots", "light.counter", "light.kitchen_lamp"]),
        ("kitchen lights", ["light.spots", "light.counter", "light.kitchen_lamp"]),
        ("kitchen light", ["light.spots", "light.counter", "light.kitchen_lamp"]),
        ("blinds", ["cover.blinds"]),
        ("all covers", ["cover.blinds"]),
        ("the covers", ["cover.blinds"]),
        ("garage door", ["cover.garage"]),
        ("the living room blinds", ["cover.blinds"]),
        ("curtains in the living room", ["cover.blinds"]),
        ("hall temperature", ["sensor.hall_temperature"]),
        ("the temperature in the hall", ["sensor.hall_temperature"]),
        ("heating in the hall", ["climate.hall"]),
        ("heating", ["climate.hall"]),
        ("movie night", ["scene.movie"]),
        ("the movie night scene", ["scene.movie"]),
        ("kitchen window", ["binary_sensor.window"]),
        ("cofee machine", ["switch.coffee"]),
        ("desc lamp", ["light.desk"]),
    ],
)
def test_what_people_say(query: str, meant: list[str]) -> None:
    assert found(query) == meant


def test_all_lights_are_all_lights() -> None:
    everywhere = [device.entity_id for device in HOME if device.domain == "light"]
    assert found("all lights") == found("all the lamps") == found("every light") == found("the lights") == everywhere


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("lamp", "Several are called lamp"),
        ("toaster", "There is no toaster in Home Assistant."),
        ("coffee masher", "There is no coffee masher. Near are: Coffee Machine."),
        ("the", "Say which device."),
        ("", "Say which device."),
    ],
)
def test_what_is_not_clear_is_said(query: str, told: str) -> None:
    with pytest.raises(ToolError) as error:
        names.find(query, HOME)
    assert told in str(error.value)


def test_names_that_several_have_are_told_with_their_area() -> None:
    with pytest.raises(ToolError, match="Lamp in the Kitchen and Lamp in the Hall"):
        names.find("lamp", [device for device in HOME if device.name == "Lamp"])


def test_a_group_with_a_plural_name_is_itself() -> None:
    group = Device("light.group", "Kitchen Lights", "Kitchen")
    assert names.find("the kitchen lights", [*HOME, group]) == [group]


def test_two_names_that_are_equally_near_are_not_guessed() -> None:
    twins = [Device("light.a", "Lamp one"), Device("light.b", "Lamp ona")]
    with pytest.raises(ToolError, match="Lamp one and Lamp ona"):
        names.find("lamp onx", twins)


def test_names_that_can_be_said_without_a_cloud() -> None:
    sayable = names.sayable([device for device in HOME if device.domain in ("light", "switch")], 100)
    assert sayable == {
        "kitchen lights": "Kitchen lights",
        "spots": "light.spots",
        "counter": "light.counter",
        "desk lamp": "light.desk",
        "kitchen lamp": "light.kitchen_lamp",
        "hall lamp": "light.hall_lamp",
        "coffee machine": "switch.coffee",
        "attic": "light.attic",
    }
    assert list(names.sayable(HOME, 2)) == ["kitchen lights", "spots"]


@pytest.mark.parametrize("name", ["", "灯", "!!!", "42", "[(|{"])
def test_names_that_nobody_can_say_are_left_out(name: str) -> None:
    assert names.sayable([Device("light.x", name)], 100) == {}


def test_marks_of_templates_in_names_are_no_templates() -> None:
    assert names.sayable([Device("light.x", "Küche (Decke) [links] <1>")], 100) == {"kuche decke links 1": "light.x"}


def test_five_thousand_names_are_searched_in_a_moment() -> None:
    many = [Device(f"light.n{number}", f"Light number {number}", f"Area {number % 50}") for number in range(5000)]
    began = time.perf_counter()
    assert [device.entity_id for device in names.find("light number 4711", many)] == ["light.n4711"]
    with pytest.raises(ToolError):
        names.find("a toaster that nobody has", many)
    assert time.perf_counter() - began < 5
