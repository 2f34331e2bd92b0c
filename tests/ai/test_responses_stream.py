"""`ai.responses.stream`: pieces of text, and streams that do not come to their end."""

from __future__ import annotations

import asyncio

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced.ai.responses import web_search
from voiced.errors import AnswerUnusable, ApiError, ApiUnreachable, ContextTooLong, RequestRejected, StreamCut
from voiced.testing.http import (
    CallTool,
    Drop,
    End,
    Fail,
    Fault,
    Finish,
    Garble,
    HttpLoopback,
    Output,
    Pace,
    Pause,
    Refuse,
    Reply,
    Say,
    SearchWeb,
    SendError,
    Stall,
    context_too_long,
    garbage,
    rate_limited,
    unavailable,
)

from .desk import Desk, desk

BEFORE_TEXT = 4
"""Events: created, in_progress, output_item.added, content_part.added."""


def lamp(on: bool) -> str:
    """Switch the lamp."""
    return "on" if on else "off"


async def read(at: Desk, within_s: float | None = None) -> list[str]:
    async with at.ai.responses.stream("Hi", within_s=within_s) as stream:
        return [piece async for piece in stream]


async def test_the_pieces_and_the_whole() -> None:
    reply: list[Output] = [SearchWeb("x"), Say("See [A](https://a.example) now")]
    async with HttpLoopback([reply, "More."]) as server, desk(server) as at:
        async with at.ai.responses.stream("Hi", tools=[web_search()]) as stream:
            with pytest.raises(RuntimeError, match="not there yet"):
                stream.answer.text  # noqa: B018  # what is asked for is that it can't be had
            pieces = [piece async for piece in stream]
            assert [piece async for piece in stream] == []
        assert pieces == ["See", " [A](https://a.example)", " now"]
        answer = stream.answer
        assert (answer.text, answer.status, answer.citations[0].title) == ("".join(pieces), "completed", "A")
        assert [usage.model for usage in at.spent] == ["gpt-5.4-mini", "web_search"]
        assert at.spent[0].text_in == answer.usage.prompt
        assert server.violations == ()
        assert (await at.ai.responses.ask("More", previous_response_id=answer.id)).text == "More."


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (CallTool("lamp", '{"on": true}'), "tool_calls"),
        (Refuse("I won't."), "stop"),
        ([Say("Half"), Finish("length")], "length"),
        ([Say("Half"), Finish("content_filter")], "content_filter"),
    ],
)
async def test_ends_of_all_kinds(reply: Reply, reason: str) -> None:
    async with HttpLoopback([reply]) as server, desk(server) as at:
        async with at.ai.responses.stream("Hi", tools=[lamp]) as stream:
            pieces = [piece async for piece in stream]
        answer = stream.answer
    assert answer.finish_reason == reason
    assert pieces == (["Half"] if "Half" in answer.text else [])
    assert [call.arguments for call in answer.calls] == (['{"on": true}'] if reason == "tool_calls" else [])
    assert answer.refusal == ("I won't." if reason == "stop" else "")


@pytest.mark.parametrize(
    "action",
    [
        End(BEFORE_TEXT + 2),
        Drop(BEFORE_TEXT + 2),
        Drop(BEFORE_TEXT + 2, inside="piece"),
        SendError(BEFORE_TEXT + 2),
        Garble(garbage.invalid_json, piece=BEFORE_TEXT + 2),
    ],
)
async def test_a_stream_that_is_cut_tells_what_came(action: End | Drop | SendError | Garble) -> None:
    async with HttpLoopback(["One two three"], faults=[Fault(action, "responses")]) as server, desk(server) as at:
        with pytest.raises(StreamCut) as caught:
            await read(at)
        assert caught.value.so_far == "One two"
        assert "One" not in str(caught.value)
        (spent,) = at.spent
        assert spent.text_in >= len("Hi")
        assert spent.text_out >= len("One two")
        assert len(server.requests) == 1


async def test_a_response_that_fails() -> None:
    replies: list[Reply] = [
        Fail("invalid_prompt", "No such prompt."),
        Fail("server_error", bare=True),
        [Say("One two"), Fail()],
        [Say("One two"), Fail(bare=True)],
    ]
    async with HttpLoopback(replies) as server, desk(server) as at:
        with pytest.raises(RequestRejected, match="No such prompt"):
            await read(at)
        with pytest.raises(ApiUnreachable, match="in trouble"):
            await read(at)
        for _ in range(2):
            with pytest.raises(StreamCut) as caught:
                await read(at)
            assert caught.value.so_far == "One two"


async def test_an_end_that_is_no_response() -> None:
    def without_a_response(_: bytes) -> bytes:
        return b'event: response.completed\ndata: {"type":"response.completed","response":{"id":5}}\n\n'

    fault = Fault(Garble(without_a_response, piece=BEFORE_TEXT), "responses")
    async with HttpLoopback(["Hi"], faults=[fault]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable):
            await read(at)


async def test_before_it_began_it_is_asked_for_again() -> None:
    faults = [Fault(unavailable(0.0), "responses", 1), Fault(rate_limited(0.0), "responses", 2)]
    async with HttpLoopback(["One two"], faults=faults) as server, desk(server) as at:
        assert await read(at) == ["One", " two"]
        assert len(server.requests) == 3


async def test_what_is_too_long_is_asked_once_more_without_its_beginning() -> None:
    faults = [Fault(context_too_long(), "responses", number) for number in (1, 3)]
    async with HttpLoopback(faults=faults) as server, desk(server) as at:
        async with at.ai.responses.stream("Long") as stream:
            async for _ in stream:
                pass
        assert stream.answer.shortened
        with pytest.raises(ContextTooLong):
            async with at.ai.responses.stream("Long", truncation="disabled"):
                pass
        assert [entry.body.get("truncation") for entry in server.requests] == [None, "auto", "disabled"]


async def test_who_leaves_early_leaves_nothing_behind() -> None:
    async with HttpLoopback([[Say("One"), Pause(3600), Say("Two")], "Hello."]) as server, desk(server) as at:
        async with at.ai.responses.stream("Hi") as stream:
            async for _ in stream:
                break
        entry = await server.wait_for("responses", ended=True)
        assert entry.outcome == "abandoned"
        assert len(at.spent) == 1
        assert (await at.ai.responses.ask("Hi")).text == "Hello."


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    began = asyncio.Event()

    async def listen(at: Desk) -> None:
        async with at.ai.responses.stream("Hi") as stream:
            async for _ in stream:
                began.set()

    async with HttpLoopback([[Say("One"), Pause(3600)]]) as server:
        async with desk(server) as at:
            listening = asyncio.create_task(listen(at))
            await began.wait()
            listening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listening
            assert (await server.wait_for("responses", ended=True)).outcome == "abandoned"
            assert len(at.spent) == 1
        async with asyncio.timeout(5.0):
            while server.connections:  # noqa: ASYNC110  # the server tells of no socket that goes
                await asyncio.sleep(0)


async def test_silence_in_the_middle_ends_it() -> None:
    fault = Fault(Stall(BEFORE_TEXT + 1), "responses")
    async with HttpLoopback(["One two"], faults=[fault]) as server, desk(server) as at:
        with pytest.raises(StreamCut, match="in time") as caught:
            async with patience_passes(server, "responses", 1):
                await read(at, within_s=PATIENCE_S)
        assert caught.value.so_far == "One"
        assert (await server.wait_for("responses", ended=True)).outcome == "faulted"


async def test_a_server_that_does_not_end_after_the_end_is_not_waited_for() -> None:
    fault = Fault(Stall(BEFORE_TEXT + 5), "responses")  # behind response.completed
    async with HttpLoopback(["Hi"], faults=[fault]) as server, desk(server, timeout_s=60.0) as at:
        async with asyncio.timeout(20.0):
            assert await read(at) == ["Hi"]


async def test_ragged_bytes_are_the_same_text() -> None:
    async with HttpLoopback(["Grüße an Zoë 🎉"], pace=Pace(ragged=3)) as server, desk(server) as at:
        assert "".join(await read(at)) == "Grüße an Zoë 🎉"


async def test_nothing_is_sent_for_what_makes_no_sense() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(ApiError):
            async with at.ai.responses.stream(""):
                pass
        assert server.requests == ()
        assert at.spent == []
