"""A chat that calls functions: rounds, choices, mistakes, and the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from voiced.ai.chat import ROUNDS
from voiced.errors import AnswerUnusable, RequestRejected, ToolError
from voiced.testing.http import (
    Answer,
    CallTool,
    Fault,
    Finish,
    HttpLoopback,
    Output,
    Reply,
    Say,
    context_too_long,
)

from .desk import desk

LIGHT = CallTool("lamp", '{"room": "hall"}')


async def lamp(room: str) -> str:
    """Switch the lamp of a room on."""
    return f"the lamp in the {room} shines"


def oven(degrees: int = 180) -> dict[str, int]:
    """Heat the oven."""
    return {"degrees": degrees}


def roles(messages: Any) -> list[str]:
    return [message["role"] for message in messages]


async def test_calls_are_run_and_their_results_go_back_until_the_model_answers() -> None:
    round_1: list[Output] = [Say("Well."), LIGHT, CallTool("oven")]
    replies: list[Reply] = [round_1, CallTool("oven", '{"degrees": 200}'), "All is done."]
    async with HttpLoopback(replies) as server, desk(server) as at:
        answer = await at.ai.chat.run("Light, and bake", [lamp, oven], instructions="Be brief.", max_tokens=99)
        assert server.violations == ()
    assert (answer.text, answer.finish_reason) == ("All is done.", "stop")
    assert roles(answer.messages) == ["system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant"]
    results = [message["content"] for message in answer.messages if message["role"] == "tool"]
    assert results == ["the lamp in the hall shines", '{"degrees":180}', '{"degrees":200}']
    assert [entry.body["max_completion_tokens"] for entry in server.of("chat")] == [99] * 3
    assert answer.usage.total == sum(usage.text_in + usage.text_out for usage in at.spent)
    assert len(at.spent) == 3


async def test_an_answer_without_calls_is_one_round() -> None:
    async with HttpLoopback(["No need."]) as server, desk(server) as at:
        answer = await at.ai.chat.run("Light", [lamp], tool_choice="none")
        assert server.of("chat")[0].body["tool_choice"] == "none"
    assert answer.text == "No need."


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", "required"),
        ("lamp", {"type": "function", "function": {"name": "lamp"}}),
        (lamp, {"type": "function", "function": {"name": "lamp"}}),
    ],
)
async def test_a_choice_forces_one_round_and_not_all(choice: Any, sent: Any) -> None:
    async with HttpLoopback([LIGHT, "Done."]) as server, desk(server) as at:
        await at.ai.chat.run("Light", [oven, lamp], tool_choice=choice, parallel_tool_calls=False)
        assert [entry.body["tool_choice"] for entry in server.of("chat")] == [sent, "auto"]
        assert [entry.body["parallel_tool_calls"] for entry in server.of("chat")] == [False, False]
        assert server.violations == ()


async def test_mistakes_of_the_model_and_errors_of_tools_are_told_to_it() -> None:
    def broken() -> str:
        """Fail."""
        raise ToolError("The fuse is blown.")

    calls: list[Output] = [
        CallTool("lamp", '{"room": 5}'),
        CallTool("lamp", '{"room'),
        CallTool("lam"),
        CallTool("broken"),
    ]
    async with HttpLoopback([calls, "Sorry."]) as server, desk(server) as at:
        answer = await at.ai.chat.run("Light", [lamp, broken])
    results = [message["content"] for message in answer.messages if message["role"] == "tool"]
    expected = [
        "room: Input should be a valid string",
        "not valid JSON",
        "There is no function 'lam'; there are: lamp, broken.",
        "The fuse is blown.",
    ]
    assert all(part in result for part, result in zip(expected, results, strict=True)), results


async def test_what_else_a_function_raises_is_raised_after_the_others_were_cancelled() -> None:
    cancelled = asyncio.Event()

    async def waits() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    async def crashes() -> str:
        """Crash."""
        raise ZeroDivisionError("of the plugin")

    async with HttpLoopback([[CallTool("waits"), CallTool("crashes")]]) as server, desk(server) as at:
        with pytest.raises(ZeroDivisionError, match="of the plugin"):
            await at.ai.chat.run("Go", [waits, crashes])
        assert len(server.of("chat")) == 1
    assert cancelled.is_set()


async def test_a_model_that_never_comes_to_an_end_is_stopped() -> None:
    ran: list[int] = []

    def count() -> int:
        """Count."""
        ran.append(len(ran))
        return len(ran)

    async with HttpLoopback(lambda _: CallTool("count")) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable, match="after 3 rounds the model still wants to call functions") as caught:
            await at.ai.chat.run("Count", [count], rounds=3)
        assert len(server.of("chat")) == 3
        assert len(ran) == 2, "what nobody would read is not run"
        assert caught.value.code == "rounds"
        with pytest.raises(AnswerUnusable, match=f"after {ROUNDS} rounds"):
            await at.ai.chat.run("Count", [count])


async def test_a_call_that_was_cut_off_is_not_run() -> None:
    async with HttpLoopback([[CallTool("lamp", '{"room": "ha'), Finish()]]) as server, desk(server) as at:
        answer = await at.ai.chat.run("Light", [lamp])
    assert answer.finish_reason == "length"
    assert roles(answer.messages) == ["user", "assistant"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tools": []}, r"chat: run\(\) needs functions: give some, or use ask\(\)"),
        ({"tools": lamp}, r"chat: tools must be a list: write \[lamp\]"),
        ({"rounds": 0}, "chat: rounds must be at least 1"),
        ({"tool_choice": "oven"}, "chat: tool_choice: there is no function 'oven': known are lamp"),
        ({"n": 2}, r"chat: run\(\): there is no option n: "),
        ({"json": True}, r"chat: run\(\): there is no option json: "),
        ({"temprature": 1}, r"chat: run\(\): there is no option temprature: did you mean temperature\?"),
    ],
)
async def test_what_is_wrong_is_not_sent(wrong: dict[str, Any], says: str) -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected, match=says):
            await at.ai.chat.run("Light", **{"tools": [lamp], **wrong})
        assert server.requests == ()


async def test_a_conversation_that_grew_too_long_goes_on_shorter() -> None:
    talk = [
        {"role": "user", "content": "Tell me all. " * 100},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Light!"},
    ]
    faults = [Fault(context_too_long(), "chat", nth=2)]
    async with HttpLoopback([LIGHT, "Done."], faults=faults) as server, desk(server) as at:
        answer = await at.ai.chat.run(talk, [lamp])
        assert server.violations == ()
    assert answer.shortened
    assert roles(answer.messages) == ["user", "assistant", "tool", "assistant"]


async def test_whoever_is_cancelled_leaves_nothing_behind() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> str:
        """Wait."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async with HttpLoopback([CallTool("waits")]) as server, desk(server) as at:
        running = asyncio.create_task(at.ai.chat.run("Go", [waits]))
        await began.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert ended.is_set()


async def test_a_server_that_repeats_its_ids_in_one_answer_gets_each_result_once() -> None:
    calls = [
        {"id": "x", "type": "function", "function": {"name": "lamp", "arguments": f'{{"room": "{room}"}}'}}
        for room in ("hall", "attic")
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    async with HttpLoopback(["Done."], faults=[Fault(Answer(200, body), "chat")]) as server, desk(server) as at:
        answer = await at.ai.chat.run("Light", [lamp])
        assert server.violations == ()
    results = {each["tool_call_id"]: each["content"] for each in answer.messages if each["role"] == "tool"}
    assert results == {"x": "the lamp in the hall shines", "call_1": "the lamp in the attic shines"}
