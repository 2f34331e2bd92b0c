"""Which tools of a server are offered, under which names, and what the model is told of them."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.types import Tool, ToolAnnotations

from voiced.api import ToolOptions
from voiced.plugins import options
from voiced.plugins.builtin.mcp.offers import MOST_TOOLS, Names, Offer, choose
from voiced.plugins.builtin.mcp.settings import ServerSettings


def tool(name: str, schema: dict[str, Any] | None = None, **more: Any) -> Tool:
    return Tool(name=name, input_schema=schema or {"type": "object"}, **more)


def settings(**more: Any) -> ServerSettings:
    return ServerSettings(url="https://house.example/mcp", **{"allow": ("*",), **more})


def offer(given: Tool, **more: Any) -> Offer:
    [only] = choose([given], settings(**more)).offers
    return only


def test_only_what_is_allowed_is_offered() -> None:
    choice = choose([tool("read_file"), tool("read_all"), tool("write_file")], settings(allow=("read_*",)))
    assert [each.tool for each in choice.offers] == ["read_file", "read_all"]
    assert choice.forbidden == ("write_file",)


def test_nothing_is_allowed_by_itself() -> None:
    assert choose([tool("read_file")], settings(allow=())).offers == ()


def test_a_pattern_is_as_strict_about_case_as_a_name() -> None:
    assert choose([tool("Read")], settings(allow=("read",))).offers == ()


def test_a_tool_that_is_listed_twice_counts_once() -> None:
    choice = choose([tool("read", description="First."), tool("read", description="Second.")], settings())
    assert [each.description for each in choice.offers] == ["First."]


def test_more_than_a_model_should_read_are_left_out() -> None:
    choice = choose([tool(f"tool_{number}") for number in range(MOST_TOOLS + 2)], settings())
    assert len(choice.offers) == MOST_TOOLS
    assert choice.unfit == (f"tool_{MOST_TOOLS}", f"tool_{MOST_TOOLS + 1}")


def test_arguments_that_take_too_long_to_describe_are_no_tool() -> None:
    choice = choose([tool("huge", {"type": "object", "description": "x" * 20_000}), tool("small")], settings())
    assert [each.tool for each in choice.offers] == ["small"]
    assert choice.unfit == ("huge",)


def test_a_name_without_end_is_cut_in_the_log_and_never_offered() -> None:
    choice = choose([tool("x" * 10_000)], settings())
    assert choice.offers == ()
    assert choice.unfit == ("x" * 128,)


def test_descriptions_are_cut_and_hide_nothing() -> None:
    assert len(offer(tool("read", description="word " * 1000)).description) == 1024
    assert offer(tool("read", description="Do \u200b\U000e0041it.\x00")).description == "Do it."
    assert offer(tool("read_file")).description == "read file"
    assert offer(tool("read_file", title="Read a file")).description == "Read a file"


@pytest.mark.parametrize(
    ("hints", "idempotent", "asks"),
    [
        (None, False, False),
        (ToolAnnotations(), False, False),
        (ToolAnnotations(read_only_hint=True), True, False),
        (ToolAnnotations(idempotent_hint=True), True, False),
        (ToolAnnotations(destructive_hint=True), False, True),
        (ToolAnnotations(destructive_hint=True, idempotent_hint=True), True, True),
        (ToolAnnotations(destructive_hint=True, read_only_hint=True), True, False),
        (ToolAnnotations(destructive_hint=False), False, False),
    ],
)
def test_what_a_server_says_of_its_tools_is_heeded(hints: ToolAnnotations | None, idempotent: bool, asks: bool) -> None:
    given = offer(tool("erase", annotations=hints)).options
    assert (given.idempotent, bool(given.confirm)) == (idempotent, asks)


def test_one_may_want_to_be_asked_or_not() -> None:
    erase = tool("erase", annotations=ToolAnnotations(destructive_hint=True))
    assert offer(erase, confirm_destructive=False).options.confirm == ""
    assert offer(erase, confirm_destructive=False, confirm=("er*",)).options.confirm
    assert offer(tool("read"), confirm=("read",)).options.confirm == "Shall I really do this: read?"


def test_who_is_asked_hears_what_they_say_yes_to() -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "file_name": {"type": "string"},
            "bad-name": {"type": "string"},
            "why": {"type": "string"},
        },
        "required": ["count", "file_name", "bad-name"],
    }
    given = offer(tool("erase", schema, title="Erase {it}"), confirm=("*",)).options
    assert given.confirm == "Shall I really do this: Erase it, file name {file_name:.60}?"
    assert given.confirm.format(file_name="x" * 100) == f"Shall I really do this: Erase it, file name {'x' * 60}?"
    options.check(given, schema["properties"], None)


@pytest.mark.parametrize("required", [None, "count", [3], [["count"]], ["count"]])
@pytest.mark.parametrize("properties", [None, 7, [], {"count": 7}, {"count": {"type": ["string"]}}])
def test_a_schema_that_is_none_asks_without_arguments(properties: Any, required: Any) -> None:
    schema = {"type": "object", "properties": properties, "required": required}
    assert offer(tool("erase", schema), confirm=("*",)).options.confirm == "Shall I really do this: erase?"


def test_the_time_limit_is_the_server_s() -> None:
    assert offer(tool("read"), timeout_s=3).options == ToolOptions(timeout_s=3)


def test_a_name_is_made_fit_for_models() -> None:
    assert Names().give([("files", "", "read.file/now")]) == ["read_file_now"]
    assert Names().give([("files", "f_", "x" * 128)]) == ["f_" + "x" * 62]


def test_of_two_tools_with_one_name_the_later_has_its_server_s_before_it() -> None:
    names = Names()
    assert names.give([("files", "", "search"), ("house", "", "search")]) == ["search", "house_search"]
    assert names.give([("a", "", "x.y"), ("a", "", "x_y"), ("a", "", "x-y")]) == ["x_y", "a_x_y", "x-y"]


def test_even_names_that_were_made_to_clash_are_different() -> None:
    wanted = [("a", "", "x"), ("a", "", "a_x"), ("b", "", "x"), ("b", "", "a_x"), ("a", "", "x" * 70)]
    wanted += [("a", "", f"{'x' * 70}{number}") for number in range(12)]
    names = Names().give(wanted)
    assert len(set(names)) == len(names)
    assert all(len(name) <= 64 for name in names)


def test_a_name_stays_with_its_tool_when_another_server_comes_and_goes() -> None:
    names = Names()
    assert names.give([("house", "", "search")]) == ["search"]
    assert names.give([("files", "", "search"), ("house", "", "search")]) == ["files_search", "search"]
    assert names.give([("files", "", "search")]) == ["files_search"]
    assert names.give([]) == []
    assert names.give([("files", "", "search")]) == ["search"]
