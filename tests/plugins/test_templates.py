"""Phrases of tools, filled in so that they can be said."""

from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any

import pytest

from voiced.errors import ToolSchemaError
from voiced.plugins.templates import check, fill, spoken


class Room(enum.Enum):
    LIVING_ROOM = "living_room"
    UPSTAIRS = 2


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ("Ready.", {}, "Ready."),
        (
            "In {city} it is {result.degrees}.",
            {"city": "Oslo", "result": SimpleNamespace(degrees=5)},
            "In Oslo it is 5.",
        ),
        ("{result[degrees]}", {"result": {"degrees": 5.0}}, "5"),
        ("{x:.1f} degrees", {"x": 5.04}, "5.0 degrees"),
        ("{{{x}}}", {"x": 1}, "{1}"),
        ("{x!r}", {"x": "a"}, "'a'"),
        ("The {room} lamp", {"room": Room.LIVING_ROOM}, "The living room lamp"),
        ("{room}", {"room": Room.UPSTAIRS}, "2"),
        ("{room.name}", {"room": Room.UPSTAIRS}, "UPSTAIRS"),
        ("{x}", {"x": None}, "nothing"),
        ("{x}", {"x": 2.5}, "2.5"),
        ("{x}", {"x": ["milk"]}, "milk"),
        ("{x}", {"x": ["milk", "bread", 2.0]}, "milk, bread and 2"),
        ("{x}", {"x": []}, "nothing"),
    ],
)
def test_what_is_said(template: str, values: dict[str, Any], said: str) -> None:
    check("spoken", template, values)
    assert fill(template, values) == said


@pytest.mark.parametrize("template", ["{x", "x}", "{x!}", "{x:{y}", "{", "{y}", "{0}", "{}", "{y.x}", "{y[x]}", " "])
def test_what_can_not_be_said_is_refused(template: str) -> None:
    with pytest.raises(ToolSchemaError, match=r"^spoken"):
        check("spoken", template, ["x"])


def test_spoken_values() -> None:
    assert spoken(("a", "b")) == "a and b"
    assert spoken(True) == "True"
