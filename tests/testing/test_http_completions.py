"""Completions of the HTTP server on loopback: as strict, and with as many forms, as the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from voiced.testing.http import CallTool, Fault, Finish, HttpLoopback, Output, Pace, Pause, Say, SendError

from .http_client import Answered, Raw, raw_of, sdk_of

MODEL = "gpt-3.5-turbo-instruct"


async def complete(raw: Raw, **body: Any) -> Answered:
    """A request that is right but for what `body` changes; None leaves a parameter out."""
    whole = {"model": MODEL, "prompt": "Once"} | body
    return await raw.ask("completions", json={key: value for key, value in whole.items() if value is not None})


async def test_what_comes_after_a_prompt_as_the_library_reads_it() -> None:
    async with HttpLoopback([" upon a time"]) as server, sdk_of(server) as sdk:
        answer = await sdk.completions.create(model=MODEL, prompt="Once", seed=1)
        assert server.violations == ()
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (" upon a time", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_each_prompt_has_as_many_texts_as_are_asked_for() -> None:
    async with HttpLoopback(["a", "b", "c", "d"]) as server, sdk_of(server) as sdk:
        answer = await sdk.completions.create(model=MODEL, prompt=["One", "Two"], n=2)
    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]


async def test_a_stream_has_its_usage_before_the_end() -> None:
    reply: list[Output] = [Say("Grüße an alle"), Pause(0.0), Finish("length")]
    async with HttpLoopback([reply], pace=Pace(ragged=1)) as server, sdk_of(server) as sdk:
        stream = await sdk.completions.create(
            model=MODEL, prompt="Say", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "Grüße an alle"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices


async def test_the_prompt_comes_first_where_it_is_to_be_echoed() -> None:
    async with HttpLoopback([" upon a time"]) as server, raw_of(server) as raw:
        (choice,) = (await complete(raw, echo=True, logprobs=2)).json["choices"]
    assert choice["text"] == "Once upon a time"
    assert choice["logprobs"]["tokens"] == ["Once", "", " upon", " a", " time"]
    assert choice["logprobs"]["text_offset"] == [0, 4, 4, 9, 11]
    assert all(len(top) == 2 for top in choice["logprobs"]["top_logprobs"] if top)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, None, None),
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": {"text": "Once"}}, "invalid_type", "prompt"),
        ({"prompt": []}, "empty_array", "prompt"),
        ({"prompt": ["a", 1]}, "invalid_type", "prompt"),
        ({"prompt": [["a"]]}, "invalid_type", "prompt"),
        ({"prompt": ["a"] * 2049}, "array_above_max_length", "prompt"),
        ({"messages": []}, "unknown_parameter", "messages"),
        ({"max_completion_tokens": 5}, "unknown_parameter", "max_completion_tokens"),
        ({"logprobs": 6}, "integer_above_max_value", "logprobs"),
        ({"logprobs": True}, "invalid_type", "logprobs"),
        ({"temperature": 3}, "decimal_above_max_value", "temperature"),
        ({"stop": ["a"] * 5}, "array_above_max_length", "stop"),
        ({"n": 2, "best_of": 1}, None, "best_of"),
        ({"best_of": 2, "stream": True}, None, "best_of"),
        ({"stream_options": {"include_usage": True}}, None, "stream_options"),
        ({"echo": True, "suffix": "end"}, None, "echo"),
    ],
)  # fmt: skip
async def test_a_request_that_is_wrong(change: dict[str, Any], code: str | None, param: str | None) -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        answer = await complete(raw, **change)
        assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
        assert (answer.error["code"], answer.error["param"]) == (code, param)
        assert len(server.violations) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": [1, 2]},
        {"prompt": [[1, 2], [3]]},
        {"prompt": ["a", "b"], "best_of": 2, "n": 1},
        {"suffix": " end", "max_tokens": 0, "logit_bias": {"50256": -100}, "user": "me"},
        {"model": "davinci-002", "stop": "x", "presence_penalty": -2, "frequency_penalty": 2, "top_p": 0.5},
    ],
)  # fmt: skip
async def test_a_request_that_is_right(change: dict[str, Any]) -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        assert (await complete(raw, **change)).status == 200, server.violations
        assert server.violations == ()


async def test_models_of_chats_have_none_and_those_of_completions_have_no_chat() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        assert (await complete(raw, model="gpt-4o")).status == 404
        assert (await complete(raw, model="gpt-9")).error["code"] == "model_not_found"
        assert (await raw.chat(model=MODEL)).status == 404


async def test_a_script_that_calls_a_function_is_no_completion() -> None:
    async with HttpLoopback([CallTool("lamp")]) as server, raw_of(server) as raw:
        assert (await complete(raw)).status == 500


async def test_an_error_in_the_middle_of_a_stream() -> None:
    faults = [Fault(SendError(after=1), "completions")]
    async with HttpLoopback(["One two"], faults=faults) as server, raw_of(server) as raw:
        events = (await complete(raw, stream=True)).events
    assert events[0]["choices"][0]["text"] == "One"
    assert events[1]["error"]["code"] == "server_error"
    assert len(events) == 2
