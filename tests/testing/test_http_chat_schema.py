"""Several answers, logprobs, refusals and completions are what the API's own description allows."""

from __future__ import annotations

from typing import Any

from voiced.testing.http import HttpLoopback, completions
from voiced.testing.http.responses_outputs import Refuse

from .http_client import raw_of
from .shared_data import described_schemas, needs_description
from .test_http_completions import complete
from .test_http_schema import complaints

pytestmark = needs_description

COUNTED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


async def test_chat() -> None:
    async with HttpLoopback(["Hello there.", Refuse("I will not."), "Bye."] * 3) as server, raw_of(server) as raw:
        bodies = [(await raw.chat(n=3, logprobs=True, top_logprobs=2)).json, (await raw.chat(n=3)).json]
        *chunks, done = (await raw.chat(n=3, logprobs=True, **COUNTED)).events
    assert done == "[DONE]"
    assert complaints("CreateChatCompletionResponse", *bodies) == []
    assert complaints("CreateChatCompletionStreamResponse", *chunks) == []
    found = [each for body in (*bodies, *chunks) for each in body["choices"] if each["logprobs"]]
    logprobs = [token for each in found for kind in ("content", "refusal") for token in each["logprobs"][kind] or ()]
    assert len(logprobs) == 2 * (2 + 3 + 1)
    assert complaints("ChatCompletionTokenLogprob", *logprobs) == []


async def test_completions() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        bodies = [(await complete(raw)).json, (await complete(raw, n=2, logprobs=3, prompt=["a", "b"])).json]
        *chunks, done = (await complete(raw, logprobs=1, **COUNTED)).events
    assert done == "[DONE]"
    assert complaints("CreateCompletionResponse", *bodies) == []
    for chunk in chunks:  # the description has no stream of its own, in which nothing is finished or counted yet
        for choice in chunk["choices"]:
            choice["finish_reason"] = choice["finish_reason"] or "stop"
        if chunk["usage"] is None:
            del chunk["usage"]
    assert complaints("CreateCompletionResponse", *chunks) == []


def test_a_request_of_completions_has_what_is_described_and_nothing_else() -> None:
    assert set(described_schemas()["CreateCompletionRequest"]["properties"]) == completions.PARAMETERS
