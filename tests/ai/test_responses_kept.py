"""`ai.responses`: what the server keeps, and what it does in the background."""

from __future__ import annotations

from typing import Any

import pytest

from voiced.errors import AnswerUnusable, ApiUnreachable, RequestRejected
from voiced.testing.http import Answer, Fail, Fault, HttpLoopback, RunCode, unavailable
from voiced.testing.http.responses import Responses
from voiced.usage import Usage

from .desk import desk


async def test_one_that_is_kept_can_be_had_again_and_deleted() -> None:
    async with HttpLoopback(["Hello."]) as server, desk(server) as at:
        first = await at.ai.responses.ask("Hi", model="gpt-4o")
        again = await at.ai.responses.get(first.id, include=["message.output_text.logprobs"])
        assert (again.id, again.text, again.model, again.usage) == (first.id, "Hello.", "gpt-4o", first.usage)
        assert len(at.spent) == 1
        await at.ai.responses.delete(first.id)
        assert server.kept(Responses).all == []
        with pytest.raises(RequestRejected, match="none of this id"):
            await at.ai.responses.get(first.id)


async def test_what_it_was_given() -> None:
    said = [{"role": "user", "content": str(number)} for number in range(150)]
    async with HttpLoopback() as server, desk(server) as at:
        answer = await at.ai.responses.ask(said)
        items = await at.ai.responses.input_items(answer.id)
        assert [item["content"][0]["text"] for item in items] == [str(number) for number in range(150)]
        assert len(await at.ai.responses.input_items(answer.id, most=3)) == 3
        assert [entry.line for entry in server.requests][1:3] == [f"GET responses/{answer.id}/input_items"] * 2
        assert server.violations == ()


async def test_in_the_background_until_it_is_done() -> None:
    async with HttpLoopback(["Hello."]) as server, desk(server) as at:
        server.kept(Responses).polls = 3
        asked = await at.ai.responses.ask("Hi", background=True)
        assert (asked.status, asked.done, asked.text, asked.finish_reason) == ("queued", False, "", "")
        assert at.spent == []
        answer = await at.ai.responses.wait(asked.id, poll_s=0)
        assert (answer.text, answer.status, answer.done) == ("Hello.", "completed", True)
        assert len(server.requests) == 5
        await at.ai.responses.get(asked.id)
        await at.ai.responses.wait(asked.id, poll_s=0)
        assert at.spent == [
            Usage("gpt-5.4-mini", text_in=answer.usage.prompt, text_out=answer.usage.completion)
        ]  # counted once


async def test_what_is_done_at_once_is_counted_once() -> None:
    done: dict[str, Any] = {}
    async with HttpLoopback(["Hello."]) as server, desk(server) as at:
        kept = await at.ai.responses.ask("Hi")
        done.update(server.kept(Responses).get(kept.id) | {"background": True})
        server.add_fault(Fault(Answer(200, done), "responses", every=True))
        answer = await at.ai.responses.ask("Hi", background=True)
        assert answer.done
        await at.ai.responses.get(answer.id)
        assert len(at.spent) == 2


async def test_one_that_is_cancelled() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        server.kept(Responses).polls = 100
        asked = await at.ai.responses.ask("Hi", background=True)
        assert (await at.ai.responses.cancel(asked.id)).status == "cancelled"
        assert (await at.ai.responses.wait(asked.id, poll_s=0)).status == "cancelled"
        plain = await at.ai.responses.ask("Hi")
        with pytest.raises(RequestRejected, match="synchronous"):
            await at.ai.responses.cancel(plain.id)


async def test_one_that_fails() -> None:
    async with HttpLoopback([Fail("invalid_prompt", "No such prompt.")]) as server, desk(server) as at:
        server.kept(Responses).polls = 0
        asked = await at.ai.responses.ask("Hi", background=True)
        found = await at.ai.responses.get(asked.id)
        assert found.status == "failed"
        assert isinstance(found.error, RequestRejected)
        with pytest.raises(RequestRejected, match="No such prompt"):
            await at.ai.responses.wait(asked.id, poll_s=0)
        assert at.spent == []


async def test_one_that_takes_too_long() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        server.kept(Responses).polls = 1_000_000
        asked = await at.ai.responses.ask("Hi", background=True)
        with pytest.raises(ApiUnreachable, match=f"{asked.id} is not ready"):
            await at.ai.responses.wait(asked.id, poll_s=0.01, within_s=0.1)


async def test_whoever_waits_survives_a_server_that_is_down_for_a_moment() -> None:
    async with HttpLoopback(["Hello."], faults=[Fault(unavailable(0.0), "responses", 2)]) as server, desk(server) as at:
        asked = await at.ai.responses.ask("Hi", background=True)
        assert (await at.ai.responses.wait(asked.id, poll_s=0)).text == "Hello."


async def test_what_tools_did_in_the_background_is_counted_too() -> None:
    async with HttpLoopback([RunCode("print(1)", "1\n")]) as server, desk(server) as at:
        asked = await at.ai.responses.ask("Count", tools=[at.ai.responses.code_interpreter()], background=True)
        answer = await at.ai.responses.wait(asked.id, poll_s=0)
        assert answer.code[0].logs == "1\n"
        assert at.spent[1:] == [Usage("code_interpreter", calls=1)]


async def test_an_id_that_is_none_is_not_asked_for() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        responses = at.ai.responses
        for ask in (responses.get, responses.cancel, responses.delete, responses.input_items):
            for bad in ("", "../models", "a b"):
                with pytest.raises(RequestRejected, match="that is no id"):
                    await ask(bad)
        assert server.requests == ()
        for ask in (responses.get, responses.cancel, responses.delete, responses.input_items):
            with pytest.raises(RequestRejected, match="none of this id"):
                await ask("resp_none")


async def test_an_answer_of_another_form() -> None:
    fault = Fault(Answer(200, {"id": "resp_1"}), "responses", every=True)
    async with HttpLoopback(faults=[fault]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable):
            await at.ai.responses.get("resp_1")
