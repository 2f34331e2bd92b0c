"""Python functions that a model may call: what it is told of them, and what comes of its calls."""

from __future__ import annotations

import asyncio
import enum
import functools
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import Field

from voiced.ai.functions import FunctionCall, Functions, run_calls
from voiced.errors import RequestRejected, ToolError

CALL = functools.partial(FunctionCall, "call_1")


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


async def lamp(on: bool, colour: Colour = Colour.RED) -> str:
    """Switch the lamp.

    Args:
        on: Whether it shall shine.
    """
    return f"{colour.value if on else 'dark'}"


def add(one: int, other: Annotated[int, Field(le=10)]) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": one + other}


LAMP = {
    "name": "lamp",
    "description": "Switch the lamp.",
    "parameters": {
        "type": "object",
        "properties": {
            "on": {"type": "boolean", "description": "Whether it shall shine."},
            "colour": {
                "anyOf": [{"type": "string", "enum": ["red", "green"]}, {"type": "null"}],
                "description": 'Default "red".',
            },
        },
        "required": ["on", "colour"],
        "additionalProperties": False,
    },
    "strict": True,
}


def test_both_apis_are_told_the_same_in_their_own_form() -> None:
    functions = Functions([lamp, add], "chat")
    assert functions.chat_tools[0] == {"type": "function", "function": LAMP}
    assert functions.responses_tools[0] == {"type": "function", **LAMP}
    assert functions.names == ["lamp", "add"]


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_a_mode_is_the_same_for_both(choice: str) -> None:
    functions = Functions([lamp], "chat")
    assert functions.chat_choice(choice) == functions.responses_choice(choice) == choice


@pytest.mark.parametrize("choice", ["lamp", lamp])
def test_a_function_is_chosen_by_name_or_by_itself(choice: Any) -> None:
    functions = Functions([add, lamp], "chat")
    assert functions.chat_choice(choice) == {"type": "function", "function": {"name": "lamp"}}
    assert functions.responses_choice(choice) == {"type": "function", "name": "lamp"}


def test_a_choice_as_the_server_takes_it_goes_as_it_is() -> None:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": []}
    assert Functions([lamp], "chat").responses_choice(allowed) == allowed


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("lamb", "chat: tool_choice: there is no function 'lamb': did you mean lamp?"),
        (add, "chat: tool_choice: there is no function 'add': known are lamp, none, auto, required"),
        (5, "chat: tool_choice: there is no function '5': known are lamp, none, auto, required"),
        (["lamp"], "chat: tool_choice: there is no function \"['lamp']\": did you mean lamp?"),
    ],
)
def test_a_choice_that_is_none(choice: Any, says: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        Functions([lamp], "chat").chat_choice(choice)
    assert str(caught.value) == says


def _no_docstring(on: bool) -> str:
    return ""


def _no_hint(on) -> str:  # type: ignore[no-untyped-def]
    """Switch."""
    return ""


def _free_keys(table: dict[str, str]) -> str:
    """Keep."""
    return ""


def _yields() -> Iterator[str]:
    """Go on."""
    yield ""


class Lamp:
    """A lamp."""

    def switch(self, on: bool) -> str:
        """Switch it."""
        return "shines" if on else "dark"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (_no_docstring, "chat: the function _no_docstring: write a docstring"),
        (_no_hint, "chat: the function _no_hint: on: give it a type hint, such as on: str"),
        (_free_keys, "chat: the function _free_keys: table: a dict with free keys has no strict schema"),
        (_yields, "chat: the function _yields yields: write one that returns"),
        (Lamp, "chat: Lamp is no function"),
        ("lamp", "chat: 'lamp' is no function: give functions with type hints and a docstring"),
        (functools.partial(lamp, True), "define it with def, and give it one"),
        (lambda on: "", "define it with def, and give it one"),
    ],
)
def test_a_function_of_which_no_model_can_be_told(function: Any, says: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        Functions([function], "chat")
    assert says in str(caught.value)
    assert caught.value.status == 0


def test_two_of_one_name_and_too_many() -> None:
    with pytest.raises(RequestRejected, match="two functions have the name lamp"):
        Functions([lamp, lamp], "chat")
    with pytest.raises(RequestRejected, match="129 functions are too many; 128 are taken"):
        Functions([lamp] * 129, "chat")


async def test_calls_run_at_one_time_and_are_answered_in_their_order() -> None:
    second_runs = asyncio.Event()

    async def first() -> str:
        """Wait for the second."""
        await second_runs.wait()
        return "first"

    async def second() -> str:
        """Run."""
        second_runs.set()
        return "second"

    functions = Functions([first, second], "chat")
    async with asyncio.timeout(5):
        outputs = await run_calls(functions, [FunctionCall("a", "first", ""), FunctionCall("b", "second", "{}")])
    assert [(each.call.id, each.text) for each in outputs] == [("a", "first"), ("b", "second")]


async def test_a_plain_function_runs_in_a_thread_and_a_method_is_one_too() -> None:
    def thread() -> str:
        """Tell the thread."""
        return threading.current_thread().name

    functions = Functions([thread, Lamp().switch], "chat")
    assert functions.chat_choice("switch") == {"type": "function", "function": {"name": "switch"}}
    told, switched = await run_calls(functions, [CALL("thread", "{}"), CALL("switch", '{"on": true}')])
    assert told.text != threading.current_thread().name
    assert switched.text == "shines"


async def test_a_plain_function_that_gives_something_to_await() -> None:
    def later() -> Any:
        """Switch it later."""
        return lamp(True)

    assert (await Functions([later], "chat").run(CALL("later", "{}"))).text == "red"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"on": true}', "red"),
        ('{"on": true, "colour": null}', "red"),
        ('{"on": true, "colour": "green"}', "green"),
        ('{"on": false, "colour": "red"}', "dark"),
    ],
)
async def test_arguments_are_what_the_function_takes(arguments: str, text: str) -> None:
    output = await Functions([lamp], "chat").run(CALL("lamp", arguments))
    assert (output.text, output.failed) == (text, False)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("lamp", '{"on": "maybe"}', "on: Input should be a valid boolean"),
        ("lamp", '{"colour": "red"}', "on: is missing"),
        ("lamp", '{"on": true, "room": "hall"}', "room: there is no such argument"),
        ("lamp", '{"on": true, "colour": "blue"}', "colour: Input should be 'red' or 'green'"),
        ("lamp", '{"on": tr', "the arguments are not valid JSON"),
        ("lamp", "[true]", "the arguments must be one JSON object"),
        ("lamp", '{"on": NaN}', "the arguments are not valid JSON"),
        ("add", '{"one": 1, "other": 11}', "other: Input should be less than or equal to 10"),
        ("lam", "{}", "There is no function 'lam'; there are: lamp, add."),
    ],
)
async def test_what_is_wrong_with_a_call_is_told_to_the_model(name: str, arguments: str, says: str) -> None:
    output = await Functions([lamp, add], "chat").run(CALL(name, arguments))
    assert says in output.text
    assert output.failed


async def test_a_tool_error_goes_to_the_model_and_nothing_else_does() -> None:
    def fails() -> str:
        """Fail."""
        raise ToolError("The lamp is broken.")

    def crashes() -> str:
        """Crash."""
        raise ZeroDivisionError("of the plugin")

    functions = Functions([fails, crashes], "chat")
    output = await functions.run(CALL("fails", "{}"))
    assert (output.text, output.failed) == ("The lamp is broken.", True)
    with pytest.raises(ZeroDivisionError, match="of the plugin"):
        await run_calls(functions, [CALL("fails", "{}"), CALL("crashes", "{}")])


async def test_a_crash_cancels_the_other_calls() -> None:
    cancelled = asyncio.Event()

    async def waits() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    async def crashes() -> str:
        """Crash."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(5):
            await run_calls(Functions([waits, crashes], "chat"), [CALL("waits", "{}"), CALL("crashes", "{}")])
    assert cancelled.is_set()


async def test_whoever_is_cancelled_cancels_its_calls() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def waits() -> str:
        """Wait."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    running = asyncio.create_task(run_calls(Functions([waits], "chat"), [CALL("waits", "{}")]))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()


async def test_an_iterator_that_is_at_its_end_holds_nobody_up() -> None:
    def next_of_nothing() -> str:
        """Take the next."""
        return next(iter(()))

    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            await Functions([next_of_nothing], "chat").run(CALL("next_of_nothing", "{}"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "done"), ("Hi", "Hi"), ({"a": [1, 2.5]}, '{"a":[1,2.5]}'), (Colour.RED, '"red"'), (3, "3")],
)
async def test_what_a_function_returns_is_text_or_json(value: Any, text: str) -> None:
    def gives() -> Any:
        """Give it."""
        return value

    assert (await Functions([gives], "chat").run(CALL("gives", "{}"))).text == text


async def test_what_has_no_json_form_is_told_and_what_is_long_is_cut() -> None:
    def strange() -> object:
        """Give an object."""
        return object()

    def much() -> str:
        """Give much."""
        return "x" * 150_000

    functions = Functions([strange, much], "chat")
    output = await functions.run(CALL("strange", "{}"))
    assert (output.failed, "(object) can't be turned into text" in output.text) == (True, True)
    output = await functions.run(CALL("much", "{}"))
    assert output.text.startswith("x" * 100_000 + "\n[Cut here: the answer has 150000 bytes")


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
async def test_a_function_ends_neither_the_loop_nor_whoever_asked(error: type[BaseException]) -> None:
    async def bad() -> str:
        """Raise it."""
        raise error

    def plain() -> str:
        """Raise it in a thread."""
        raise error

    for function in (bad, plain):
        with pytest.raises(RuntimeError, match=f"raised {error.__name__}"):
            await run_calls(Functions([function], "chat"), [CALL(function.__name__, "{}")])


async def test_functions_that_hang_take_no_thread_from_others() -> None:
    enough = threading.Event()
    begun = threading.Barrier(41)

    def hang() -> str:
        """Wait."""
        begun.wait()
        enough.wait()
        return "at last"

    functions = Functions([hang], "chat")
    hanging = asyncio.create_task(run_calls(functions, [FunctionCall(str(n), "hang", "{}") for n in range(40)]))
    await asyncio.to_thread(begun.wait, 5)  # all of them run
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
    enough.set()
    assert {output.text for output in await hanging} == {"at last"}


async def test_arguments_with_half_a_letter_in_them() -> None:
    def told(what: str) -> str:
        """Tell it."""
        return what

    (output,) = await run_calls(Functions([told], "chat"), [CALL("told", '{"what": "\ud800"}')])
    assert output.failed
