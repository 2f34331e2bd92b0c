"""`ai.responses.run`: functions that the model calls, at servers that keep their answers and at others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from voiced.ai.responses import web_search
from voiced.errors import AnswerUnusable, RequestRejected, ToolError
from voiced.testing.http import (
    Answer,
    CallTool,
    Fault,
    Finish,
    HttpLoopback,
    Instead,
    Output,
    Reply,
    SearchWeb,
)

from .desk import desk

FORGOTTEN = Answer(
    400,
    {
        "error": {
            "message": "Previous response cannot be used for this organization due to Zero Data Retention.",
            "type": "invalid_request_error",
            "param": "previous_response_id",
            "code": "previous_response_not_found",
        }
    },
)
ON: list[Output] = [CallTool("lamp", '{"on": true}', call_id="call_1")]


def lamp(on: bool) -> str:
    """Switch the lamp."""
    return "it is on" if on else "it is off"


def bodies(server: HttpLoopback) -> list[dict[str, Any]]:
    return [entry.body for entry in server.of("responses")]


def says_nothing_of_keeping(body: bytes) -> bytes:
    return json.dumps({key: value for key, value in json.loads(body).items() if key != "store"}).encode()


async def test_the_model_calls_and_answers() -> None:
    async with HttpLoopback([ON, "The lamp is on."]) as server, desk(server) as at:
        answer = await at.ai.responses.run("On!", [lamp], instructions="Obey.")
        assert server.violations == ()
        assert answer.text == "The lamp is on."
        first, second = bodies(server)
        assert second["input"] == [{"type": "function_call_output", "call_id": "call_1", "output": "it is on"}]
        assert second["previous_response_id"].startswith("resp_")
        assert (first["instructions"], second["instructions"]) == ("Obey.", "Obey.")
        assert answer.usage.total == sum(usage.text_in + usage.text_out for usage in at.spent)
        assert len(at.spent) == 2


@pytest.mark.parametrize("model", ["gpt-5", "gpt-4o"])
async def test_a_server_that_shall_keep_nothing_is_told_everything_again(model: str) -> None:
    async with HttpLoopback([ON, ON, "Done."]) as server, desk(server) as at:
        await at.ai.responses.run("On!", [lamp], store=False, model=model)
        assert server.violations == ()
        last = bodies(server)[-1]
    thinks = ["reasoning"] if model == "gpt-5" else []
    around = [*thinks, "function_call", "function_call_output"]
    assert [item.get("type") for item in last["input"]] == [None, *around, *around]
    assert "previous_response_id" not in last
    assert last.get("include") == (["reasoning.encrypted_content"] if thinks else None)


async def test_a_server_that_says_nothing_of_keeping_is_told_everything_again() -> None:
    faults = [Fault(Instead(says_nothing_of_keeping), "responses", every=True)]
    async with HttpLoopback([ON, "Done."], faults=faults) as server, desk(server) as at:
        answer = await at.ai.responses.run("On!", [lamp])
        assert (answer.text, answer.stored) == ("Done.", False)
        assert [item.get("type") for item in bodies(server)[1]["input"]] == [
            None, "function_call", "function_call_output"
        ]  # fmt: skip


async def test_a_server_that_forgot_is_told_everything_again() -> None:
    async with HttpLoopback([ON, "Done."], faults=[Fault(FORGOTTEN, "responses", 2)]) as server, desk(server) as at:
        assert (await at.ai.responses.run("On!", [lamp])).text == "Done."
        assert [len(body["input"]) for body in bodies(server)] == [len("On!"), 1, 3]
        assert [("previous_response_id" in body) for body in bodies(server)] == [False, True, False]


async def test_an_answer_that_was_there_before_stays_before_it() -> None:
    async with HttpLoopback(["Hello.", ON, "Done."]) as server, desk(server) as at:
        first = await at.ai.responses.ask("Hi")
        await at.ai.responses.run("On!", [lamp], previous_response_id=first.id, store=False, model="gpt-4o")
        assert [body.get("previous_response_id") for body in bodies(server)] == [None, first.id, first.id]
        assert server.violations == ()


async def test_calls_run_at_one_time() -> None:
    met = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other."""
        await met.wait()
        return name

    calls: Reply = [CallTool("meet", '{"name": "a"}', call_id="1"), CallTool("meet", '{"name": "b"}', call_id="2")]
    async with HttpLoopback([calls, "Done."]) as server, desk(server) as at:
        await at.ai.responses.run("Meet", [meet])
        assert [item["output"] for item in bodies(server)[1]["input"]] == ["a", "b"]


async def test_what_went_wrong_goes_to_the_model() -> None:
    def fail() -> str:
        """Fail."""
        raise ToolError("The lamp is broken.")

    calls: Reply = [CallTool("fail"), CallTool("lamp", '{"on": 5}'), CallTool("lamp", "{"), CallTool("none")]
    async with HttpLoopback([calls, "I see."]) as server, desk(server) as at:
        await at.ai.responses.run("Fail", [fail, lamp])
        broken, wrong, torn, unknown = (item["output"] for item in bodies(server)[1]["input"])
    assert broken == "The lamp is broken."
    assert "the arguments are wrong" in wrong
    assert "not valid JSON" in torn
    assert "no function 'none'" in unknown


async def test_what_breaks_is_raised() -> None:
    def crash() -> str:
        """Crash."""
        raise ZeroDivisionError

    async with HttpLoopback([CallTool("crash")]) as server, desk(server) as at:
        with pytest.raises(ZeroDivisionError):
            await at.ai.responses.run("Crash", [crash])


async def test_after_a_call_that_is_forced_the_model_is_free() -> None:
    async with HttpLoopback([ON, "Done."]) as server, desk(server) as at:
        await at.ai.responses.run("On!", [lamp, web_search()], tool_choice=lamp)
        assert [body["tool_choice"] for body in bodies(server)] == [{"type": "function", "name": "lamp"}, "auto"]


async def test_tools_of_the_server_beside_functions() -> None:
    reply: list[Output] = [SearchWeb("lamps"), *ON]
    async with HttpLoopback([reply, "Done."]) as server, desk(server) as at:
        assert (await at.ai.responses.run("On!", [lamp, web_search()])).text == "Done."
        assert [len(body["tools"]) for body in bodies(server)] == [2, 2]
        assert server.violations == ()


async def test_a_model_that_never_ends() -> None:
    async with HttpLoopback([ON] * 3) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable, match="after 3 rounds") as caught:
            await at.ai.responses.run("On!", [lamp], rounds=3)
        assert caught.value.code == "rounds"
        assert len(server.requests) == 3


async def test_calls_that_were_cut_off_are_not_made() -> None:
    def never() -> None:
        """Nobody calls this."""
        raise AssertionError

    async with HttpLoopback([[CallTool("never"), Finish("length")]]) as server, desk(server) as at:
        answer = await at.ai.responses.run("Go", [never])
    assert answer.incomplete_reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tools": []}, "needs functions"),
        ({"tools": [web_search()]}, "needs functions"),
        ({"tools": [lamp], "rounds": 0}, "at least 1"),
        ({"tools": [lamp, lamp]}, "two functions"),
        ({"tools": [int]}, "is no function"),
    ],
)
async def test_what_can_not_be_run_is_not_asked(options: dict[str, Any], why: str) -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected, match=why):
            await at.ai.responses.run("Go", **options)
        assert server.requests == ()
