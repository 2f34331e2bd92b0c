"""Chat answers of the HTTP server on loopback beside one text: several, refused, with the odds of each token."""

from __future__ import annotations

import math

import pytest

from voiced.testing.http import CallTool, Finish, HttpLoopback, Pause, Say
from voiced.testing.http.responses_outputs import Refuse, RunCode

from .http_client import HI, LAMP, raw_of, sdk_of


async def test_several_answers_take_a_reply_each() -> None:
    async with HttpLoopback(["One.", [CallTool("lamp"), CallTool("lamp")], ["Th", Finish()]]) as server:
        async with sdk_of(server) as sdk:
            answer = await sdk.chat.completions.create(model="gpt-4o", messages=HI, tools=[LAMP], n=3)  # type: ignore[list-item]
        assert server.violations == ()
    assert [(each.index, each.message.content, each.finish_reason) for each in answer.choices] == [
        (0, "One.", "stop"),
        (1, None, "tool_calls"),
        (2, "Th", "length"),
    ]
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 4


async def test_several_answers_are_streamed_at_one_time() -> None:
    async with HttpLoopback(["a b", [Say("c"), Pause(0.0), Finish("content_filter")]]) as server, raw_of(server) as raw:
        *chunks, done = (await raw.chat(n=2, stream=True)).events
    assert done == "[DONE]"
    said = [(each["index"], each["delta"].get("content")) for chunk in chunks for each in chunk["choices"]]
    assert said == [(0, ""), (1, ""), (0, "a"), (1, "c"), (0, " b"), (0, None), (1, None)]
    reasons = [each["finish_reason"] for chunk in chunks for each in chunk["choices"]]
    assert reasons[-2:] == ["stop", "content_filter"]


async def test_one_reply_too_few_is_a_mistake_of_the_script() -> None:
    async with HttpLoopback(["One."]) as server, raw_of(server) as raw:
        assert (await raw.chat(n=2)).status == 500


@pytest.mark.parametrize("streamed", [False, True])
async def test_logprobs_of_each_token(streamed: bool) -> None:
    async with HttpLoopback(["Good morning"]) as server, raw_of(server) as raw:
        answer = await raw.chat(logprobs=True, top_logprobs=2, stream=streamed)
    bodies = answer.events[:-1] if streamed else [answer.json]
    found = [
        token
        for body in bodies
        for each in body["choices"]
        if each["logprobs"]
        for token in each["logprobs"]["content"]
    ]
    assert [token["token"] for token in found] == ["Good", " morning"]
    for token in found:
        assert bytes(token["bytes"]).decode() == token["token"]
        assert math.exp(token["logprob"]) == pytest.approx(0.5)
        assert [other["logprob"] for other in token["top_logprobs"]] == sorted(
            (other["logprob"] for other in token["top_logprobs"]), reverse=True
        )
        assert len(token["top_logprobs"]) == 2


async def test_a_refusal_is_in_the_place_of_a_text() -> None:
    async with HttpLoopback([Refuse("I will not.")] * 2) as server, raw_of(server) as raw:
        message = (await raw.chat()).json["choices"][0]["message"]
        *chunks, _ = (await raw.chat(stream=True)).events
    assert (message["content"], message["refusal"]) == (None, "I will not.")
    assert "".join(chunk["choices"][0]["delta"].get("refusal") or "" for chunk in chunks) == "I will not."


async def test_what_only_responses_have_is_a_mistake_of_the_script() -> None:
    async with HttpLoopback([RunCode("1 + 1")]) as server, raw_of(server) as raw:
        answer = await raw.chat()
    assert (answer.status, answer.error["message"]) == (500, "a chat has no RunCode")
