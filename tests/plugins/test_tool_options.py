"""What `@tool(...)` may be given; what can't be right is told when the plugin is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from voiced.api import Plugin, ToolOptions, options_of, tool
from voiced.errors import ToolSchemaError
from voiced.plugins.tools import BACKGROUND_TIMEOUT_S, Tool, describe_tool


def lock(door: str, times: int = 1) -> str:
    """Lock a door."""
    return f"{door} {times}"


def described(**options: Any) -> Tool:
    return describe_tool(lock, ToolOptions(**options))


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"on_barge_in": "stop"}, "on_barge_in is 'stop'; write \"cancel\", \"finish\" or \"keep\""),
        ({"filler_after_s": -1}, "filler_after_s is -1; write seconds, 0 to 600"),
        ({"filler_after_s": True}, "filler_after_s is True; write seconds"),
        ({"filler_after_s": float("nan")}, "filler_after_s is nan; write seconds"),
        ({"timeout_s": 0}, "timeout_s is 0; write seconds, more than 0 to 3600"),
        ({"timeout_s": "9"}, "timeout_s is '9'; write seconds"),
        ({"timeout_s": 1e6}, "timeout_s is 1000000.0; write seconds"),
        ({"idempotent": "yes"}, "idempotent is 'yes'; write True or False"),
        ({"background": 1}, "background is 1; write True or False"),
        ({"spoken": "The {dor} is locked."}, r"spoken=.*: there is no \{dor\}; known are door, times, result"),
        ({"spoken": "{result.x} {y[0]}"}, r"there is no \{y\}; known are door, times, result"),
        ({"spoken": "{door:{width}}"}, r"there is no \{width\}"),
        ({"confirm": "Lock the {result}?"}, r"there is no \{result\}; known are door, times"),
        ({"confirm": "Lock the {}?"}, r"there is no \{\}; known are door, times"),
        ({"confirm": "Lock the {door?"}, "a brace by itself is written twice"),
        ({"confirm": "  "}, "confirm is blank; write a phrase, or leave it out"),
        ({"confirm": True}, "confirm is True; write a string"),
        ({"filler": "Locking {room} …"}, r"there is no \{room\}; known are door, times"),
        ({"filler": "x" * 501}, "filler has 501 characters; 500 are allowed"),
        ({"permissions": "network"}, r"permissions is 'network'; write a list, such as permissions=\[\"network\"\]"),
        ({"permissions": ["newtork"]}, "no permission 'newtork'; did you mean 'network'. known are network, say"),
        ({"permissions": [5]}, "no permission 5; known are network, say, listen, files, api"),
        ({"permissions": 5}, "permissions is 5; write a list"),
        ({"when": True}, "when is True; give a function, or the name of an attribute or method"),
        ({"when": "is_home"}, "names an attribute of a Plugin, and this is no method; give a function"),
        ({"when": lambda x: x}, "when is called with nothing, and needs x"),
        ({"background": True, "local": True, "sentences": ["lock {door:door}"], "lists": {"door": ["a"]}}, "drop one"),
        ({"background": True, "filler": "Wait."}, "leave filler out"),
        ({"background": True, "on_barge_in": "cancel"}, "no barge-in ends it"),
    ],
)  # fmt: skip
def test_what_can_not_be_right_is_told_with_file_and_line_and_what_to_write(options: dict[str, Any], fix: str) -> None:
    with pytest.raises(ToolSchemaError, match=rf"test_tool_options\.py:\d+ lock: .*{fix}"):
        described(**options)


@pytest.mark.parametrize(
    ("option", "hint"),
    [("timeout", r"did you mean timeout_s\?"), ("sentence", r"did you mean sentences\?"), ("zzz", r"it has \['name'")],
)
def test_an_option_that_there_is_not_is_told_with_the_nearest(option: str, hint: str) -> None:
    with pytest.raises(TypeError, match=rf"^@tool has no option '{option}'; {hint}"):
        tool(**{option: 3})(lock)  # type: ignore[call-overload]


async def async_condition() -> bool:
    return True


class House(Plugin):
    permissions = ("network",)
    is_home = True

    async def is_async(self) -> bool:
        return True

    def nobody(self) -> bool:
        return False

    def crashes(self) -> bool:
        raise KeyError("the secret is 42")

    @tool(permissions=["say"])
    def ring(self) -> None:
        """Ring."""


def of_house(house: Plugin, when: Any) -> Tool:
    def ring(self: Plugin) -> None:
        """Ring."""

    return describe_tool(ring.__get__(house), ToolOptions(when=when))


@pytest.mark.parametrize(
    ("when", "fix"), [("is home", "is no name"), ("is_async", "async function"), (async_condition, "async function")]
)
def test_a_condition_that_can_not_be_asked_at_once_is_refused(when: object, fix: str) -> None:
    with pytest.raises(ToolSchemaError, match=fix):
        of_house(House(), when)


@pytest.mark.parametrize(
    ("when", "offered"),
    [(None, True), ("is_home", True), ("nobody", False), (lambda: True, True), (lambda: 0, False), (bool, False)],
)
def test_a_tool_is_offered_while_its_condition_is_true(when: Callable[[], bool] | str | None, offered: bool) -> None:
    problems: list[str] = []
    assert of_house(House(), when).is_offered(problems.append) is offered
    assert problems == []


def test_a_condition_is_asked_anew_each_time() -> None:
    house = House()
    tool = of_house(house, "is_home")
    house.is_home = False
    assert not tool.is_offered(print)
    house.is_home = True
    assert tool.is_offered(print)


@pytest.mark.parametrize("when", ["crashes", "set_in_setup_or_not", lambda: async_condition()])
def test_a_tool_whose_condition_crashes_is_not_offered_and_is_named(when: Any) -> None:
    problems: list[str] = []
    assert not of_house(House(), when).is_offered(problems.append)
    assert len(problems) == 1
    assert "test_tool_options.py" in problems[0]
    assert "it is not offered, its when crashed" in problems[0]


def test_what_the_core_must_know_is_in_the_spec() -> None:
    spec = described(on_barge_in="cancel", idempotent=True).spec
    assert (spec.on_barge_in, spec.idempotent) == ("cancel", True)
    assert (described().spec.on_barge_in, described().spec.idempotent) == ("finish", False)


def test_a_tool_needs_what_it_declares_and_what_its_plugin_declares() -> None:
    ring = House().ring
    options = options_of(ring)
    assert options is not None
    assert describe_tool(ring, options).permissions == {"network", "say"}
    assert described(permissions=("listen",)).permissions == {"listen"}


def test_the_permissions_of_a_plugin_are_checked_too() -> None:
    class Wrong(Plugin):
        permissions = ("everything",)  # type: ignore[assignment]

        @tool
        def ring(self) -> None:
            """Ring."""

    with pytest.raises(ToolSchemaError, match="there is no permission 'everything'; known are network, say"):
        describe_tool(Wrong().ring, ToolOptions())


def test_a_background_tool_has_ten_minutes_unless_it_says_so() -> None:
    assert described(background=True).timeout_s == BACKGROUND_TIMEOUT_S
    assert described(background=True, timeout_s=30).timeout_s == 30
    assert described().timeout_s is None
