"""A chat answer as it is written: its pieces, its end, and the ends that are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced.ai.chat import ChatStream
from voiced.errors import ContextTooLong, ModelUnknown, StreamCut
from voiced.testing.http import (
    Answer,
    CallTool,
    Drop,
    End,
    Fault,
    Finish,
    Garble,
    HttpLoopback,
    Output,
    Pace,
    Pause,
    Reply,
    Say,
    SendError,
    Stall,
    context_too_long,
    garbage,
    no_such_model,
)
from voiced.testing.http.emission import EVENTS
from voiced.testing.http.faults import Action
from voiced.testing.http.refusal import error_body
from voiced.testing.http.responses_outputs import Refuse
from voiced.usage import Usage

from .desk import Desk, desk

GREETING = "Grüße an alle, die hier sind"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def events(*chunks: dict[str, Any] | str) -> Answer:
    """A stream of a server of another kind, whole; a text is an event as it is."""
    lines = [each if isinstance(each, str) else json.dumps(each) for each in chunks]
    return Answer(200, "".join(f"data: {line}\n\n" for line in lines).encode(), content_type=EVENTS)


async def read(stream: ChatStream) -> list[str]:
    return [piece async for piece in stream]


@pytest.mark.parametrize("ragged", [0, 1, 7])
async def test_it_comes_in_pieces_and_is_whole_at_the_end(ragged: int) -> None:
    async with HttpLoopback([GREETING], pace=Pace(ragged=ragged)) as server, desk(server) as at:
        async with at.ai.chat.stream("Say", instructions="Be brief.", max_tokens=99, seed=1) as stream:
            assert await read(stream) == ["Grüße", " an", " alle,", " die", " hier", " sind"]
            answer = stream.answer
        [entry] = server.of("chat")
        assert entry.body["stream_options"] == {"include_usage": True}
        assert entry.body["max_completion_tokens"] == 99
        assert server.violations == ()
    assert (answer.text, answer.finish_reason, answer.model) == (GREETING, "stop", "gpt-5.4-mini")
    assert answer.fingerprint == "fp_loopback"
    assert answer.messages[-1] == {"role": "assistant", "content": GREETING}
    usage = answer.usage
    assert not usage.estimated
    assert at.spent == [Usage("gpt-5.4-mini", text_in=usage.prompt, text_out=usage.completion)]


async def test_an_answer_is_not_there_before_its_end() -> None:
    async with HttpLoopback([GREETING]) as server, desk(server) as at, at.ai.chat.stream("Say") as stream:
        await anext(stream)
        assert stream.so_far == "Grüße"
        with pytest.raises(RuntimeError, match="read the stream to its end"):
            _ = stream.answer


async def test_calls_come_in_pieces_too() -> None:
    def lamp(on: bool) -> str:
        """Switch the lamp."""
        return ""

    arguments = '{"on": true, "room": "Küche"}'
    reply: list[Output] = [Say("Well."), CallTool("lamp", arguments), CallTool("lamp", "{}")]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        async with at.ai.chat.stream("Light", tools=[lamp], tool_choice="required") as stream:
            assert await read(stream) == ["Well."]
        assert server.violations == ()
    answer = stream.answer
    assert [(call.name, call.arguments) for call in answer.calls] == [("lamp", arguments), ("lamp", "{}")]
    assert answer.finish_reason == "tool_calls"
    assert answer.messages[-1]["tool_calls"][0]["function"] == {"name": "lamp", "arguments": arguments}


async def test_several_answers_of_which_the_first_is_heard() -> None:
    replies: list[Reply] = ["One two", [Say("Three"), Finish()]]
    async with (
        HttpLoopback(replies) as server,
        desk(server) as at,
        at.ai.chat.stream("Count", model="gpt-4o", n=2, logprobs=True) as stream,
    ):
        assert await read(stream) == ["One", " two"]
    assert stream.answer.texts == ["One two", "Three"]
    assert [choice.finish_reason for choice in stream.answer.choices] == ["stop", "length"]
    assert [token.token for token in stream.answer.logprobs] == ["One", " two"]


async def test_a_refusal_is_no_text() -> None:
    async with HttpLoopback([Refuse("No.")]) as server, desk(server) as at, at.ai.chat.stream("Tell") as stream:
        assert await read(stream) == []
    assert stream.answer.refusal == "No."


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_an_end_before_all_was_said_is_an_end(reason: Any) -> None:
    reply: list[Output] = [Say("Once upon"), Finish(reason)]
    async with HttpLoopback([reply]) as server, desk(server) as at, at.ai.chat.stream("Tell") as stream:
        await read(stream)
    assert (stream.answer.text, stream.answer.finish_reason) == ("Once upon", reason)


# Ends that are none.

# The role, six pieces, the reason, the usage, [DONE].
CUTS: list[Action] = [
    Drop(after=4),
    Drop(after=4, inside="piece"),
    End(after=4),
    SendError(after=4),
    SendError(after=4, code=None, kind="overloaded"),
    Garble(garbage.invalid_json, piece=4),
    Garble(garbage.not_utf8, piece=4),
]


def _named(action: Action) -> str:
    """The same in each process that runs some of the tests."""
    return f"{action.how.__name__} {action.piece}" if isinstance(action, Garble) else str(action)


@pytest.mark.parametrize("action", CUTS, ids=_named)
async def test_a_stream_that_is_cut_tells_what_came_and_is_paid(action: Action) -> None:
    async with HttpLoopback([GREETING], faults=[Fault(action, "chat")]) as server, desk(server) as at:
        with pytest.raises(StreamCut) as caught:
            async with at.ai.chat.stream("Say") as stream:
                await read(stream)
        await server.wait_for("chat", ended=True)
        assert len(server.of("chat")) == 1, "what was begun is not begun anew"
    assert caught.value.so_far == "Grüße an alle,"
    assert str(caught.value).startswith("chat: ")
    assert "Grüße" not in str(caught.value)
    [usage] = at.spent
    assert usage.text_out >= len("Grüße an alle,".encode())
    assert usage.text_in >= len("Say")


async def test_a_stream_that_is_cut_within_a_character() -> None:
    faults = [Fault(Drop(after=1, inside="character"), "chat")]
    async with HttpLoopback(["An alle Grüße"], faults=faults) as server, desk(server) as at:
        with pytest.raises(StreamCut) as caught:
            async with at.ai.chat.stream("Say") as stream:
                await read(stream)
    assert caught.value.so_far == "An alle"


async def test_a_stream_that_falls_silent_is_cut_after_its_time() -> None:
    async with HttpLoopback([GREETING], faults=[Fault(Stall(after=3), "chat")]) as server, desk(server) as at:
        with pytest.raises(StreamCut, match="did not answer in time") as caught:
            async with patience_passes(server, "chat", 1), at.ai.chat.stream("Say", within_s=PATIENCE_S) as stream:
                await read(stream)
        await server.wait_for("chat", ended=True)
    assert caught.value.so_far == "Grüße an"
    assert len(at.spent) == 1


# Ends that are not quite right.


@pytest.mark.parametrize(
    "action", [End(after=8), Drop(after=8), Drop(after=9), Garble(garbage.invalid_json, piece=8)], ids=_named
)
async def test_after_the_reason_nothing_needs_to_come(action: Action) -> None:
    async with HttpLoopback([GREETING], faults=[Fault(action, "chat")]) as server, desk(server) as at:
        async with at.ai.chat.stream("Say") as stream:
            await read(stream)
        assert (stream.answer.text, stream.answer.finish_reason) == (GREETING, "stop")
    assert len(at.spent) == 1
    assert at.spent[0].text_out > 0


@pytest.mark.parametrize(
    "how", [garbage.comment, garbage.no_choices, garbage.with_crlf, garbage.not_an_object, garbage.huge]
)
async def test_what_is_odd_on_the_way_is_passed_over(how: Callable[[bytes], bytes]) -> None:
    faults = [Fault(Garble(how, piece=None), "chat")]
    async with (
        HttpLoopback([GREETING], faults=faults) as server,
        desk(server) as at,
        at.ai.chat.stream("Say") as stream,
    ):
        await read(stream)
    assert stream.answer.text == GREETING


async def test_a_server_of_another_kind() -> None:
    """No role, no index, no usage, whole calls at once with one id for all, an end without [DONE]."""
    calls = [{"id": "x", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("one", "two")]
    answer = events(
        {"choices": [{"delta": {"content": "Hi", "reasoning_content": "Hm"}}]},
        {"choices": [{"delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]},
    )
    faults = [Fault(answer, "chat")]
    async with HttpLoopback(faults=faults) as server, desk(server) as at, at.ai.chat.stream("Say") as stream:
        assert await read(stream) == ["Hi"]
    assert [(call.id, call.name) for call in stream.answer.calls] == [("x", "one"), ("call_1", "two")]
    assert stream.answer.usage.estimated
    assert at.spent[0].text_out >= len("HiHmonetwo{}{}")


async def test_a_server_that_does_not_count_streams_is_asked_without() -> None:
    body = error_body("Unrecognized request argument supplied: stream_options", "invalid_request_error")
    async with HttpLoopback([GREETING] * 2, faults=[Fault(Answer(400, body), "chat")]) as server, desk(server) as at:
        for _ in range(2):
            async with at.ai.chat.stream("Say") as stream:
                await read(stream)
            assert stream.answer.usage.estimated
        assert ["stream_options" in entry.body for entry in server.of("chat")] == [True, False, False]


# Who leaves early.


async def test_whoever_leaves_hangs_up_and_pays() -> None:
    reply: list[Output] = [Say("Once upon"), Pause(3600.0), Say(" a time")]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        async with at.ai.chat.stream("Tell") as stream:
            async for _ in stream:
                break
        await server.wait_for("chat", outcome="abandoned", ended=True)
    [usage] = at.spent
    assert usage.text_out >= len("Once")


async def test_whoever_is_cancelled_in_the_middle_hangs_up_and_pays() -> None:
    reply: list[Output] = [Say("Once"), Pause(3600.0), Say(" upon")]
    came = asyncio.Event()

    async def listen() -> None:
        async with at.ai.chat.stream("Tell", within_s=60) as stream:
            async for _ in stream:
                came.set()

    async with HttpLoopback([reply]) as server, desk(server) as at:
        listening = asyncio.create_task(listen())
        await came.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await server.wait_for("chat", outcome="abandoned", ended=True)
    assert len(at.spent) == 1


async def test_an_error_of_whoever_listens_is_its_own() -> None:
    async def listen(at: Desk) -> None:
        async with at.ai.chat.stream("Tell") as stream:
            await anext(stream)
            raise ZeroDivisionError

    async with HttpLoopback([[Say("Once"), Pause(3600.0)]]) as server, desk(server) as at:
        with pytest.raises(ZeroDivisionError):
            await listen(at)
        await server.wait_for("chat", outcome="abandoned", ended=True)
    assert len(at.spent) == 1


# Before the first piece.


async def test_what_is_refused_costs_nothing() -> None:
    async with HttpLoopback(faults=[Fault(no_such_model(), "chat")]) as server, desk(server) as at:
        with pytest.raises(ModelUnknown):
            async with at.ai.chat.stream("Say"):
                raise AssertionError("there is no stream")
    assert at.spent == []


async def test_a_conversation_that_is_too_long_is_asked_once_more() -> None:
    talk = [
        {"role": "user", "content": "Tell me all. " * 100},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Why?"},
    ]
    async with HttpLoopback(faults=[Fault(context_too_long(), "chat")]) as server, desk(server) as at:
        async with at.ai.chat.stream(talk) as stream:
            await read(stream)
        assert (stream.answer.text, stream.answer.shortened) == ("You said: Why?", True)
        assert server.of("chat")[-1].body["messages"] == [talk[-1]]
        assert stream.answer.messages[:-1] == [talk[-1]]
    async with HttpLoopback(faults=[Fault(context_too_long(), "chat", every=True)]) as server, desk(server) as at:
        with pytest.raises(ContextTooLong):
            async with at.ai.chat.stream(talk):
                raise AssertionError("there is no stream")
        assert len(server.of("chat")) == 2
