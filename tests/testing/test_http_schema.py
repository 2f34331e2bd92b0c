"""Everything that the HTTP server answers is what the API's own description allows."""

from __future__ import annotations

import functools
from typing import Any

from jsonschema import Draft202012Validator

from voiced.testing.http import (
    CallTool,
    Fault,
    HttpLoopback,
    Output,
    Say,
    context_too_long,
    forbidden,
    no_credit,
    no_such_model,
    rate_limited,
    server_error,
    unavailable,
    wrong_key,
)

from .http_client import LAMP, raw_of
from .shared_data import described_schemas, needs_description

pytestmark = needs_description

UNDESCRIBED_KEYS = {
    "CreateTranscriptionResponseVerboseJson": {"task"},  # on the wire since Whisper
}


@functools.cache
def validator(name: str) -> Draft202012Validator:
    schemas = {key: _with_null(schema) for key, schema in described_schemas().items()}
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


def _with_null(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable`, which the description still has in places, as JSON schema says it."""
    if isinstance(schema, list):
        return [_with_null(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_null(member) for key, member in schema.items()}
    if found.pop("nullable", False) is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found


def complaints(name: str, *bodies: Any) -> list[str]:
    known = set(described_schemas()[name].get("properties", {})) | UNDESCRIBED_KEYS.get(name, set())
    found = []
    for body in bodies:
        found += [f"{name}: {error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(body)]
        found += [f"{name}: {key} is not described" for key in sorted(set(body) - known)]
    return found


async def test_chat() -> None:
    calls: list[Output] = [Say("Well."), CallTool("lamp", '{"on": true}'), CallTool("lamp")]
    async with HttpLoopback(["Hello.", "", calls, CallTool("lamp")] * 3) as server, raw_of(server) as raw:
        whole = [(await raw.chat(tools=[LAMP])).json for _ in range(4)]
        counted = {"stream": True, "stream_options": {"include_usage": True}}
        streams = [(await raw.chat(tools=[LAMP], **counted)).events for _ in range(4)]
        streams += [(await raw.chat(tools=[LAMP], stream=True)).events for _ in range(4)]
        chunks = [chunk for events in streams for chunk in events[:-1]]
        assert complaints("CreateChatCompletionResponse", *whole) == []
        assert complaints("CreateChatCompletionStreamResponse", *chunks) == []
        for message in (body["choices"][0]["message"] for body in whole):
            assert complaints("ChatCompletionResponseMessage", message) == []
        for delta in (choice["delta"] for chunk in chunks for choice in chunk["choices"]):
            assert complaints("ChatCompletionStreamResponseDelta", delta) == []
        for usage in (body["usage"] for body in whole):
            assert complaints("CompletionUsage", usage) == []


async def test_transcription() -> None:
    async with HttpLoopback(transcripts=["Good morning.", ""] * 6) as server, raw_of(server) as raw:
        for _ in range(2):
            plain = [
                (await raw.transcribe()).json,
                (await raw.transcribe(model="gpt-transcribe", languages=["en"])).json,
                (await raw.transcribe(model="gpt-4o-transcribe", include=["logprobs"])).json,
            ]
            assert complaints("CreateTranscriptionResponseJson", *plain) == []
            both = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
            verbose = (await raw.transcribe(**both)).json  # type: ignore[arg-type]  # of both kinds
            assert complaints("CreateTranscriptionResponseVerboseJson", verbose) == []
            *deltas, done = (await raw.transcribe(model="gpt-4o-transcribe", stream="true")).events
            assert complaints("TranscriptTextDeltaEvent", *deltas) == []
            assert complaints("TranscriptTextDoneEvent", done) == []


async def test_speech_and_models() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        *deltas, done = (await raw.speak(model="gpt-4o-mini-tts", stream_format="sse")).events
        assert complaints("SpeechAudioDeltaEvent", *deltas) == []
        assert complaints("SpeechAudioDoneEvent", done) == []
        listing = (await raw.ask("models", method="GET")).json
        assert complaints("ListModelsResponse", listing) == []
        assert complaints("Model", *listing["data"], (await raw.ask("models/gpt-4o", method="GET")).json) == []


async def test_embeddings() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        answers = [(await raw.embed(input=text)).json for text in ("Hello.", ["Hello.", "Bye."], [1, 2], [[1], [2, 3]])]
        assert complaints("CreateEmbeddingResponse", *answers) == []
        assert complaints("Embedding", *(each for answer in answers for each in answer["data"])) == []


async def test_errors() -> None:
    answers = [
        wrong_key(),
        forbidden(),
        no_such_model(),
        context_too_long(),
        rate_limited(1),
        no_credit(),
        server_error(),
        unavailable(),
    ]
    faults = [Fault(answer, "chat", number) for number, answer in enumerate(answers, 1)]
    async with HttpLoopback(faults=faults) as server, raw_of(server) as raw, raw_of(server, key=None) as nobody:
        bodies = [(await raw.chat()).json for _ in answers]
        bodies += [(await nobody.chat()).json, (await raw.chat(model="no")).json, (await raw.chat(messages=[])).json]
        bodies += [(await raw.ask("nowhere")).json, (await raw.speak(input="")).json, (await raw.transcribe(b"")).json]
        bodies += [(await raw.embed(input="")).json]
        assert complaints("ErrorResponse", *bodies) == []
        assert len(bodies) == len(answers) + 7


def test_the_request_has_what_is_described_and_nothing_else() -> None:
    """The parameters that the server knows are those of the description: no more is forgiven, no less is known."""
    from voiced.testing.http import chat_request, embeddings, speech

    def described(name: str) -> set[str]:
        schema = described_schemas()[name]
        found = set(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            found |= described(part["$ref"].rsplit("/", 1)[1]) if "$ref" in part else set(part.get("properties", {}))
        return found

    assert described("CreateChatCompletionRequest") == chat_request.PARAMETERS
    assert described("CreateSpeechRequest") == speech.PARAMETERS
    assert described("CreateEmbeddingRequest") == embeddings.PARAMETERS
