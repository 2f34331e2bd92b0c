"""Tool calls are put together from whatever pieces a server sends."""

from __future__ import annotations

from voiced.ai.tool_calls import ToolCalls

Piece = tuple[int | None, str | None, str | None, str | None]


def gathered(*pieces: Piece) -> list[tuple[str, str]]:
    calls = ToolCalls()
    for index, id, name, arguments in pieces:
        calls.add(index, id, name, arguments)
    return [(call.name, call.arguments) for call in calls.calls]


def test_pieces_of_two_calls_come_interleaved() -> None:
    assert gathered(
        (0, "a", "lamp", ""),
        (1, "b", "fan", ""),
        (0, None, None, '{"on":'),
        (1, None, None, "{}"),
        (0, None, None, "true}"),
    ) == [("lamp", '{"on":true}'), ("fan", "{}")]


def test_whole_calls_with_no_index() -> None:
    assert gathered((None, None, "lamp", "{}"), (None, None, "fan", '{"speed":1}')) == [
        ("lamp", "{}"),
        ("fan", '{"speed":1}'),
    ]


def test_whole_calls_that_all_have_index_zero_and_one_id() -> None:
    assert gathered((0, "call_0", "lamp", "{}"), (0, "call_0", "lamp", '{"on":false}')) == [
        ("lamp", "{}"),
        ("lamp", '{"on":false}'),
    ]


def test_another_id_at_the_same_index_is_another_call() -> None:
    assert gathered((0, "a", "lamp", '{"on"'), (0, "b", "fan", "{}")) == [("lamp", '{"on"'), ("fan", "{}")]


def test_name_and_id_repeated_with_each_piece_are_still_one_call() -> None:
    assert gathered((0, "a", "lamp", '{"on":'), (0, "a", "lamp", "true}")) == [("lamp", '{"on":true}')]


def test_arguments_that_are_no_json_are_passed_on_as_they_are() -> None:
    assert gathered((0, "a", "lamp", "on, please")) == [("lamp", "on, please")]


def test_a_call_with_no_name_is_none() -> None:
    assert gathered((0, "a", None, "{}")) == []
