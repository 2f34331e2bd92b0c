"""Completions of a prompt through the official client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced.ai.completions import CompletionStream, body_of
from voiced.errors import AnswerUnusable, ContextTooLong, ModelUnknown, RequestRejected, StreamCut
from voiced.testing.http import (
    Answer,
    Drop,
    End,
    Fault,
    Finish,
    HttpLoopback,
    Output,
    Pace,
    Pause,
    Say,
    SendError,
    Stall,
    context_too_long,
)
from voiced.testing.http.faults import Action
from voiced.testing.http.refusal import error_body
from voiced.usage import Usage

from .desk import desk

MODEL = "gpt-3.5-turbo-instruct"


async def read(stream: CompletionStream) -> list[str]:
    return [piece async for piece in stream]


async def test_what_comes_after_a_prompt() -> None:
    async with HttpLoopback([" upon a time"]) as server, desk(server) as at:
        answer = await at.ai.completions.ask("Once")
        [entry] = server.of("completions")
        assert server.violations == ()
    assert (answer.text, answer.finish_reason, answer.model, answer.provider) == (
        " upon a time",
        "stop",
        MODEL,
        "openai",
    )
    assert {name: value for name, value in entry.body.items() if name != "stream"} == {"model": MODEL, "prompt": "Once"}
    assert at.spent == [Usage(MODEL, text_in=answer.usage.prompt, text_out=answer.usage.completion)]


async def test_several_prompts_with_several_texts_each() -> None:
    replies: list[list[Output]] = [[Say("a")], [Say("b")], [Say("c"), Finish()], [Say("d"), Finish("content_filter")]]
    async with HttpLoopback(replies) as server, desk(server) as at:
        answer = await at.ai.completions.ask(["One", "Two"], n=2)
    assert answer.texts == ["a", "b", "c", "d"]
    assert answer.finish_reasons == ["stop", "stop", "length", "content_filter"]


async def test_every_option_reaches_the_server() -> None:
    options: dict[str, Any] = {
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 1,
        "best_of": 2,
        "stop": "\n",
        "presence_penalty": -1.0,
        "frequency_penalty": 1.0,
        "logit_bias": {"50256": -100},
        "logprobs": 2,
        "echo": True,
        "seed": 7,
        "user": "anna",
    }
    async with HttpLoopback() as server, desk(server) as at:
        answer = await at.ai.completions.ask("Once", model="davinci-002", **options)
        await at.ai.completions.ask("Once", suffix=" end", extra={"seed": 1})
        first, second = server.of("completions")
        assert server.violations == ()
    assert first.body == {"model": "davinci-002", "prompt": "Once", "stream": False, **options}
    assert (second.body["suffix"], second.body["seed"]) == (" end", 1)
    assert answer.raw.choices[0].logprobs.tokens[0] == "Once"


@pytest.mark.parametrize(
    ("prompt", "options", "says"),
    [
        ([], {}, "completions: a prompt is a text, or a list of texts"),
        ([1, 2], {}, "completions: a prompt is a text, or a list of texts"),
        (["x"] * 21, {}, "completions: 21 prompts are too many; 20 are taken"),
        ("Hi", {"max_token": 1}, "completions: there is no option max_token: did you mean max_tokens?"),
        ("Hi", {"tools": []}, "completions: there is no option tools: what the server takes beyond the options"),
    ],
)
async def test_what_is_wrong_is_not_sent(prompt: Any, options: dict[str, Any], says: str) -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected) as caught:
            await at.ai.completions.ask(prompt, **options)
        assert server.requests == ()
    assert says in str(caught.value)


def test_a_body_is_what_a_batch_needs() -> None:
    assert body_of(["One", "Two"], max_tokens=5, seed=None) == {"prompt": ["One", "Two"], "max_tokens": 5}


async def test_a_model_of_chats_is_none_of_completions() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(ModelUnknown, match="Did you mean to use v1/chat/completions"):
            await at.ai.completions.ask("Once", model="gpt-4o")


async def test_a_prompt_that_is_too_long_is_told() -> None:
    faults = [Fault(context_too_long(), "completions", every=True)]
    async with HttpLoopback(faults=faults) as server, desk(server) as at:
        with pytest.raises(ContextTooLong):
            await at.ai.completions.ask("Once")
        assert len(server.of("completions")) == 1


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"index": 0, "text": None}]}, b'"Hi"'])
async def test_another_form_than_the_apis(body: Any) -> None:
    async with HttpLoopback(faults=[Fault(Answer(200, body), "completions")]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable, match=r"completions: openai at 127\.0\.0\.1 answers in another form"):
            await at.ai.completions.ask("Once")


async def test_a_server_that_does_not_tell_is_paid_rather_too_much() -> None:
    body = {"choices": [{"index": 0, "text": "Grüße", "finish_reason": "stop"}]}
    async with HttpLoopback(faults=[Fault(Answer(200, body), "completions")]) as server, desk(server) as at:
        answer = await at.ai.completions.ask("Sag Grüße")
    assert (answer.usage.estimated, answer.usage.prompt >= 11, answer.usage.completion >= 7) == (True, True, True)


# Streams.


@pytest.mark.parametrize("ragged", [0, 1])
async def test_it_comes_in_pieces(ragged: int) -> None:
    reply: list[Output] = [Say("Grüße an alle"), Finish()]
    async with HttpLoopback([reply], pace=Pace(ragged=ragged)) as server, desk(server) as at:
        async with at.ai.completions.stream("Say", max_tokens=3) as stream:
            assert await read(stream) == ["Grüße", " an", " alle"]
        assert server.of("completions")[0].body["stream_options"] == {"include_usage": True}
        assert server.violations == ()
    assert (stream.answer.text, stream.answer.finish_reason) == ("Grüße an alle", "length")
    usage = stream.answer.usage
    assert at.spent == [Usage(MODEL, text_in=usage.prompt, text_out=usage.completion)]
    assert not usage.estimated


CUTS: list[Action] = [Drop(after=2), Drop(after=2, inside="piece"), End(after=2), SendError(after=2)]


@pytest.mark.parametrize("action", CUTS, ids=str)
async def test_a_stream_that_is_cut_tells_what_came_and_is_paid(action: Action) -> None:
    faults = [Fault(action, "completions")]
    async with HttpLoopback(["Grüße an alle"], faults=faults) as server, desk(server) as at:
        with pytest.raises(StreamCut) as caught:
            async with at.ai.completions.stream("Say") as stream:
                await read(stream)
        await server.wait_for("completions", ended=True)
        with pytest.raises(RuntimeError, match="read the stream to its end"):
            _ = stream.answer
    assert caught.value.so_far == "Grüße an"
    assert len(at.spent) == 1
    assert at.spent[0].text_out >= len("Grüße an".encode())


async def test_silence_is_a_cut_too() -> None:
    faults = [Fault(Stall(after=1), "completions")]
    async with HttpLoopback(["One two"], faults=faults) as server, desk(server) as at:
        with pytest.raises(StreamCut, match="did not answer in time"):
            async with (
                patience_passes(server, "completions", 1),
                at.ai.completions.stream("Say", within_s=PATIENCE_S) as stream,
            ):
                await read(stream)


@pytest.mark.parametrize("action", [End(after=4), Drop(after=4)], ids=str)
async def test_after_the_reason_nothing_needs_to_come(action: Action) -> None:
    faults = [Fault(action, "completions")]
    async with (
        HttpLoopback(["Grüße an alle"], faults=faults) as server,
        desk(server) as at,
        at.ai.completions.stream("Say") as stream,
    ):
        await read(stream)
    assert stream.answer.text == "Grüße an alle"
    assert stream.answer.usage.estimated


async def test_whoever_leaves_hangs_up_and_pays() -> None:
    reply: list[Output] = [Say("Once upon"), Pause(3600.0), Say(" a time")]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        async with at.ai.completions.stream("Tell") as stream:
            async for _ in stream:
                break
        await server.wait_for("completions", outcome="abandoned", ended=True)
    assert at.spent[0].text_out >= len("Once")


async def test_a_server_that_does_not_count_streams_is_asked_without() -> None:
    body = error_body("Unrecognized request argument supplied: stream_options", "invalid_request_error")
    faults = [Fault(Answer(400, body), "completions")]
    async with HttpLoopback(faults=faults) as server, desk(server) as at:
        async with at.ai.completions.stream("Say") as stream:
            assert await read(stream) == ["You", " said:", " Say"]
        assert ["stream_options" in entry.body for entry in server.of("completions")] == [True, False]


async def test_several_prompts_have_no_stream() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected, match="only one prompt can be streamed"):
            async with at.ai.completions.stream(["One", "Two"]):  # type: ignore[arg-type]
                raise AssertionError("there is no stream")
        assert server.requests == ()
