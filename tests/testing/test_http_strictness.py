"""What the real HTTP server refuses, the one on loopback refuses too."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.testing.http import HttpLoopback, chat_request, embeddings, form, sound_file, speech
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.refusal import Refusal

from .http_client import HI, LAMP, Raw, raw_of, wav

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": "{}"}}
CALLED: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
STRICT: dict[str, Any] = LAMP["function"]["parameters"]
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "on"}


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(valid_key="sk-test") as server:
        yield server


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def looks_at(url: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, **more}}]}]


def function(**changes: Any) -> dict[str, Any]:
    return {"type": "function", "function": LAMP["function"] | changes}


# Who comes in.


@pytest.mark.parametrize(("key", "code"), [(None, None), ("", None), ("sk-other", "invalid_api_key")])
async def test_a_wrong_key(server: HttpLoopback, key: str | None, code: str | None) -> None:
    async with raw_of(server, key=key) as raw:
        answer = await raw.chat()
        assert (answer.status, answer.error["code"], answer.error["type"]) == (401, code, "invalid_request_error")
        assert [(found.status, found.stage) for found in server.violations] == [(401, "chat")]
        assert server.requests[0].outcome == "refused"


async def test_azure_takes_its_own_header_and_openai_does_not(server: HttpLoopback) -> None:
    header = {"api-key": "sk-test"}
    async with raw_of(server, key=None, headers=header, base_url=server.azure_base_url) as azure:
        assert (await azure.chat()).status == 200
    async with raw_of(server, base_url=server.azure_base_url) as azure:
        assert (await azure.chat()).status == 200
    async with raw_of(server, key=None, headers=header) as raw:
        assert (await raw.chat()).status == 401


async def test_an_address_that_is_none(server: HttpLoopback, raw: Raw) -> None:
    assert (await raw.ask("chat/completion", json={})).status == 404
    assert (await raw.ask("../v2/models", method="GET")).status == 404
    assert (await raw.ask("chat/completions", method="GET")).status == 405
    assert (await raw.ask("models", json={})).status == 405
    assert [found.stage for found in server.violations] == [None] * 4


async def test_a_model_that_is_not_there_or_is_for_something_else(raw: Raw) -> None:
    for answer in (await raw.chat(model="gpt-9"), await raw.speak(model="gpt-9"), await raw.transcribe(model="gpt-9")):
        assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert (await raw.chat(model="tts-1")).status == 404
    assert (await raw.speak(model="gpt-4o")).status == 400
    assert (await raw.transcribe(model="gpt-4o")).status == 400


async def test_a_body_that_is_no_json(raw: Raw) -> None:
    header = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b'"x"', b'{"a": NaN}', b"\xff", b"[" * 100_000):
        assert (await raw.ask("chat/completions", data=body, headers=header)).status == 400, body[:10]
        assert (await raw.ask("audio/speech", data=body, headers=header)).status == 400, body[:10]
    assert (await raw.ask("chat/completions", data=b"{}", headers={"Content-Type": "text/plain"})).status == 400


# Chat.


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, None, None),
        ({"model": ""}, None, None),
        ({"messages": None}, "missing_required_parameter", "messages"),
        ({"messages": []}, "empty_array", "messages"),
        ({"messages": "Hi"}, "invalid_type", "messages"),
        ({"messages": [{"content": "Hi"}]}, "missing_required_parameter", "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "invalid_type", "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "empty_array", "messages[0].content"),
        ({"messages": [{"role": "user", "content": "Hi", "id": "x"}]}, "unknown_parameter", "messages[0].id"),
        ({"messages": [{"role": "assistant", "content": None}]}, None, "messages.[0].content"),
        ({"messages": [CALLED | {"tool_calls": []}]}, "empty_array", "messages[0].tool_calls"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://a"}}]}]},
            "invalid_value",
            "messages[0].content[0].type",
        ),
        ({"max_output_tokens": 5}, "unknown_parameter", "max_output_tokens"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"stream_options": {"include_usage": True}}, None, "stream_options"),
        ({"stream": True, "stream_options": {"usage": True}}, "unknown_parameter", "stream_options.usage"),
        ({"temperature": 2.5}, "decimal_above_max_value", "temperature"),
        ({"top_p": -1}, "decimal_below_min_value", "top_p"),
        ({"max_tokens": 0}, "integer_below_min_value", "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "invalid_parameter_combination", "max_tokens"),
        ({"stop": ["a"] * 5}, "array_above_max_length", "stop"),
        ({"top_logprobs": 2}, None, "top_logprobs"),
        ({"response_format": {"type": "structured"}}, "invalid_value", "response_format.type"),
        ({"response_format": {"type": "json_object"}}, None, "messages"),  # they do not speak of JSON
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
            None,
            "response_format",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": STRICT | {"required": []}, "strict": True},
                }
            },
            None,
            "response_format",
        ),
        ({"reasoning_effort": "low"}, None, None),  # gpt-4o does not reason
        ({"tools": []}, "empty_array", "tools"),
        ({"tools": [LAMP] * 129}, "array_above_max_length", "tools"),
        ({"tools": [LAMP["function"]]}, "missing_required_parameter", "tools[0].type"),
        ({"tools": [{"type": "function", "name": "lamp"}]}, "missing_required_parameter", "tools[0].function"),
        ({"tools": [function(name="my lamp")]}, "invalid_value", "tools[0].function.name"),
        ({"tools": [function(name="x" * 65)]}, "invalid_value", "tools[0].function.name"),
        (
            {"tools": [function(parameters={"type": "string"}, strict=False)]},
            "invalid_function_parameters",
            "tools[0].function.parameters",
        ),
        (
            {"tools": [function(parameters={"type": "object", "properties": {}})]},
            "invalid_function_parameters",
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "auto"}, None, "tool_choice"),
        ({"parallel_tool_calls": True}, None, "parallel_tool_calls"),
        ({"tools": [LAMP], "tool_choice": "lamp"}, "invalid_value", "tool_choice"),
        ({"tools": [LAMP], "tool_choice": {"type": "function", "function": {"name": "oven"}}}, None, "tool_choice"),
    ],
)  # fmt: skip
async def test_a_chat_request_that_is_wrong(
    server: HttpLoopback, raw: Raw, change: dict[str, Any], code: str | None, param: str | None
) -> None:
    answer = await raw.chat(**change)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    if (code, param) != (None, None):
        assert (answer.error["code"], answer.error["param"]) == (code, param)
    (found,) = server.violations
    assert (found.status, found.message) == (400, answer.error["message"])


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, *HI]},
        {"messages": [*HI, CALLED, RESULT, {"role": "assistant", "content": "It is."}, *HI]},
        {"messages": [*HI, CALLED | {"content": "Well."}, RESULT | {"content": [{"type": "text", "text": "on"}]}]},
        {"messages": [*HI, CALLED, RESULT, CALLED, RESULT]},  # the same id in two rounds
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": looks_at(data_url(PNG), detail="low")},
        {"messages": looks_at("https://example.org/a.jpg")},
        {"tools": [LAMP], "tool_choice": {"type": "function", "function": {"name": "lamp"}}},
        {"tools": [function(parameters={"type": "object"}, strict=False)], "parallel_tool_calls": False},
        {"tools": [{"type": "function", "function": {"name": "lamp"}}]},
        {"temperature": 0.5, "stop": "x", "seed": 1, "user": "me", "metadata": {"a": "b"}},
        {"model": "gpt-5.4-mini", "tools": [LAMP], "temperature": 0.5, "max_completion_tokens": 9},
        {"model": "gpt-5.6-luna", "tools": [LAMP], "reasoning_effort": "none"},
        {"model": "gpt-5.6-luna", "reasoning_effort": "low"},
        {"model": "gpt-5-mini", "tools": [LAMP], "reasoning_effort": "minimal", "temperature": 1},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": STRICT, "strict": True}}},
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "As JSON, please."}]},
    ],
)  # fmt: skip
async def test_a_chat_request_that_is_right(server: HttpLoopback, raw: Raw, change: dict[str, Any]) -> None:
    assert (await raw.chat(**change)).status == 200, server.violations
    assert server.violations == ()


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([*HI, RESULT], "must be a response to a preceeding message with 'tool_calls'"),
        ([*HI, CALLED], "The following tool_call_ids did not have response messages: call_1"),
        ([*HI, CALLED, *HI], "did not have response messages: call_1"),
        ([*HI, CALLED, *HI, RESULT], "did not have response messages: call_1"),
        ([*HI, CALLED, RESULT | {"tool_call_id": "call_2"}], "'call_2' not found in 'tool_calls' of previous message"),
        ([*HI, CALLED, RESULT, RESULT], "Duplicate value for 'tool_call_id'"),
        ([*HI, CALLED | {"tool_calls": [CALL, CALL]}, RESULT], "Duplicate value for 'tool_call_id'"),
        ([*HI, CALLED | {"tool_calls": [CALL, CALL | {"id": "b"}]}, RESULT], "did not have response messages: b"),
        ([*HI, CALLED, RESULT, *HI, RESULT], "must be a response to a preceeding message with 'tool_calls'"),
        ([*HI, CALLED | {"tool_calls": [CALL | {"id": "x" * 41}]}], "string too long"),
        ([*HI, CALLED | {"tool_calls": [{"id": "a", "function": CALL["function"]}]}], "Missing required parameter"),
    ],
)  # fmt: skip
async def test_calls_and_results_that_do_not_belong_together(raw: Raw, messages: list[Any], says: str) -> None:
    answer = await raw.chat(messages=messages, tools=[LAMP])
    assert answer.status == 400
    assert says in answer.error["message"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("cat.png", "invalid_value"),
        ("data:image/png,abc", "invalid_value"),
        ("data:image/png;base64,%%%", "invalid_base64"),
        (data_url(PNG, "image/bmp"), "invalid_image_format"),
        (data_url(PNG, "text/html"), "invalid_image_format"),
        (data_url(b"no image"), "image_parse_error"),
    ],
)
async def test_a_picture_that_is_none(raw: Raw, url: str, code: str) -> None:
    assert (await raw.chat(messages=looks_at(url))).error["code"] == code


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": "gpt-5-mini", "max_tokens": 5}, "max_tokens"),
        ({"model": "gpt-5-mini", "temperature": 0.2}, "temperature"),
        ({"model": "o3", "stop": "x"}, "stop"),
        ({"model": "o3", "reasoning_effort": "none"}, "reasoning_effort"),
        ({"model": "gpt-5.1", "reasoning_effort": "minimal"}, "reasoning_effort"),
        ({"model": "gpt-5.4-mini", "reasoning_effort": "low", "temperature": 0.2}, "temperature"),
        ({"model": "gpt-5.4-mini", "reasoning_effort": "low", "tools": [LAMP]}, "reasoning_effort"),
        ({"model": "gpt-5.6-luna", "tools": [LAMP]}, "reasoning_effort"),
    ],
)
async def test_models_that_reason_take_less(raw: Raw, change: dict[str, Any], param: str) -> None:
    answer = await raw.chat(**change)
    assert (answer.status, answer.error["param"]) == (400, param)


# Transcription.


async def test_a_form_that_is_wrong(raw: Raw) -> None:
    assert (await raw.transcribe(model=None)).status == 400
    assert (await raw.transcribe(name=None)).error["param"] == "file"
    assert (await raw.transcribe(name=None, file="not a file")).error["param"] == "file"
    assert (await raw.transcribe(voice="coral")).error["code"] == "unknown_parameter"
    assert (await raw.transcribe(temperature="2")).error["code"] == "decimal_above_max_value"
    assert (await raw.transcribe(temperature="warm")).error["param"] == "temperature"
    assert (await raw.transcribe(language="English")).error["code"] == "invalid_language_format"
    assert (await raw.transcribe(response_format="xml")).error["code"] == "invalid_value"
    assert (await raw.transcribe(stream="1")).error["param"] == "stream"
    assert (await raw.transcribe(timestamp_granularities=["word"])).error["param"] == "timestamp_granularities"
    assert (await raw.transcribe(include=["logprobs"])).error["param"] == "include"
    assert (await raw.transcribe(keywords=["a"])).error["param"] == "keywords"
    verbose = await raw.transcribe(model="gpt-4o-transcribe", response_format="verbose_json")
    assert verbose.error["code"] == "unsupported_value"


async def test_what_only_some_models_take(server: HttpLoopback, raw: Raw) -> None:
    answer = await raw.transcribe(model="gpt-transcribe", keywords=["voiced"], languages=["de", "en"])
    assert answer.json["languages"] == [{"code": "de"}]
    answer = await raw.transcribe(model="gpt-4o-transcribe", include=["logprobs"])
    assert "".join(found["token"] for found in answer.json["logprobs"]) == "speech of 1000 ms"
    assert server.violations == ()


async def test_a_request_that_is_no_form(raw: Raw) -> None:
    assert (await raw.ask("audio/transcriptions", json={"model": "whisper-1"})).status == 400
    head = {"Content-Type": "multipart/form-data; boundary=b"}
    whole = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
    for body in (b"", b"rubbish", whole[:40], whole[:-10], b"--c--\r\n"):
        answer = await raw.ask("audio/transcriptions", data=body, headers=head)
        assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


async def test_a_file_that_is_too_large(server: HttpLoopback, raw: Raw) -> None:
    limit = 25 * 1024 * 1024
    seconds = (limit - 44) // 96_000
    assert (await raw.transcribe(wav(seconds, rate=48_000))).status == 200
    for size in (limit + 2, limit + 3_000_000):
        answer = await raw.transcribe(wav(0.2) + bytes(size - len(wav(0.2))))
        assert (answer.status, answer.error["type"]) == (413, "server_error")
    assert (await raw.transcribe()).status == 200
    assert [found.status for found in server.violations] == [413, 413]


RIGHT = wav(1.0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RIGHT[44:],
        RIGHT[:40],
        RIGHT[:-2],
        RIGHT + b"xx",
        RIGHT[:40] + struct.pack("<I", 0xFFFFFFFF) + RIGHT[44:],
        RIGHT[:4] + struct.pack("<I", 0xFFFFFFFF) + RIGHT[8:],
        RIGHT[:22] + struct.pack("<H", 0) + RIGHT[24:],
        RIGHT[:22] + struct.pack("<H", 2) + RIGHT[24:],
        RIGHT[:24] + struct.pack("<I", 48_000) + RIGHT[28:],
        RIGHT[:20] + struct.pack("<H", 85) + RIGHT[22:],
        RIGHT[:4] + struct.pack("<I", len(RIGHT) - 9) + RIGHT[8:40] + struct.pack("<I", 47_999) + RIGHT[44:-1],
        b"RIFF" + struct.pack("<I", 4) + b"WAVE",
    ],
)
async def test_a_wav_file_that_is_none(raw: Raw, data: bytes) -> None:
    answer = await raw.transcribe(data)
    assert (answer.status, answer.error["param"], answer.error["code"]) == (400, "file", "invalid_value")


async def test_a_file_by_its_name(raw: Raw) -> None:
    assert "Supported formats" in (await raw.transcribe(name="speech.txt")).error["message"]
    assert "Supported formats" in (await raw.transcribe(name="speech")).error["message"]
    assert (await raw.transcribe(name="speech.mp3")).error["code"] == "invalid_value"  # it is a WAV
    assert (await raw.transcribe(b"fLaC" + bytes(99), name="speech.flac")).status == 200
    assert (await raw.transcribe(bytes(4) + b"ftypM4A " + bytes(99), name="speech.m4a")).status == 200


async def test_sound_that_is_too_short_or_too_long(raw: Raw) -> None:
    assert (await raw.transcribe(wav(0.09))).error["code"] == "audio_too_short"
    assert (await raw.transcribe(wav(0.1))).status == 200
    long = wav(1501, rate=8000)
    assert (await raw.transcribe(long, model="gpt-4o-transcribe")).error["code"] == "invalid_value"
    assert (await raw.transcribe(long)).status == 200


# Speech.


@pytest.mark.parametrize(
    "change",
    [
        {"input": ""},
        {"input": None},
        {"input": "x" * 4097},
        {"input": 5},
        {"voice": None},
        {"voice": "hal"},
        {"voice": "marin"},  # tts-1 has it not
        {"voice": {"id": "voice_1"}},
        {"model": None},
        {"model": "gpt-4o-mini-tts", "input": "abcd" * 1000 + "." * 96 + "x"},
        {"speed": 5},
        {"speed": "fast"},
        {"response_format": "ogg"},
        {"stream_format": "sse"},
        {"language": "en"},
    ],
)  # fmt: skip
async def test_speech_that_cannot_be_asked_for(server: HttpLoopback, raw: Raw, change: dict[str, Any]) -> None:
    answer = await raw.speak(**change)
    assert answer.status == 400, change
    assert len(server.violations) == 1
    assert answer.error["type"] == "invalid_request_error"


async def test_the_longest_input(raw: Raw) -> None:
    assert (await raw.speak(input="x" * 4096)).status == 200
    assert (await raw.speak(model="gpt-4o-mini-tts", voice="marin")).status == 200


# Embeddings.


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"input": ""}, 400, "invalid_value"),
        ({"input": ["Hello.", ""]}, 400, "invalid_value"),
        ({"input": []}, 400, "invalid_value"),
        ({"input": None}, 400, "missing_required_parameter"),
        ({"input": 5}, 400, "invalid_type"),
        ({"input": ["Hello.", [1]]}, 400, "invalid_type"),
        ({"input": [[]]}, 400, "invalid_type"),
        ({"input": [1, -1]}, 400, "invalid_type"),
        ({"input": [True]}, 400, "invalid_type"),
        ({"input": ["Hello."] * 2049}, 400, "array_above_max_length"),
        ({"input": "abcd" * 8192 + "e"}, 400, "invalid_value"),
        ({"input": [1] * 8193}, 400, "array_above_max_length"),
        ({"input": [[1] * 8192] * 37}, 400, "max_tokens_per_request"),
        ({"encoding_format": "int8"}, 400, "invalid_value"),
        ({"dimensions": 0}, 400, "integer_below_min_value"),
        ({"dimensions": 1537}, 400, "integer_above_max_value"),
        ({"dimensions": 256, "model": "text-embedding-ada-002"}, 400, None),
        ({"texts": ["Hello."]}, 400, "unknown_parameter"),
        ({"model": None}, 400, None),
        ({"model": "gpt-4o"}, 403, None),
        ({"model": "text-embedding-4"}, 404, "model_not_found"),
    ],
)
async def test_embeddings_that_cannot_be_asked_for(
    server: HttpLoopback, raw: Raw, change: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await raw.embed(**change)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.error["type"] == "invalid_request_error"
    assert len(server.violations) == 1


async def test_the_most_that_is_embedded_at_once(raw: Raw) -> None:
    answer = await raw.embed(input=[[1] * 8192] * 36, dimensions=1, encoding_format="base64")
    assert (answer.status, answer.json["usage"]["prompt_tokens"]) == (200, 36 * 8192)
    assert len((await raw.embed(input=["x"] * 2048, dimensions=1)).json["data"]) == 2048


async def test_what_the_loopback_cannot_do_it_says(raw: Raw) -> None:
    for answer in (await raw.chat(web_search_options={}), await raw.chat(prediction={})):
        assert (answer.status, answer.error["code"]) == (501, "not_on_loopback")


# Anything.

WORDS = st.sampled_from(
    ["system", "user", "assistant", "tool", "function", "text", "image_url", "gpt-4o", "gpt-5.6-luna", "tts-1", "a", ""]
)
KEYS = st.sampled_from(
    sorted(
        chat_request.PARAMETERS | speech.PARAMETERS | embeddings.PARAMETERS | {"role", "content", "tool_calls", "type"}
    )
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": WORDS},
        optional={
            "content": WORDS | ANY,
            "tool_call_id": st.sampled_from(["call_1", "call_2"]) | ANY,
            "tool_calls": st.lists(st.just(CALL) | ANY, max_size=2) | ANY,
        },
    ),
    max_size=4,
)


SCHEMA_KEYS = st.sampled_from(
    ["type", "properties", "required", "additionalProperties", "items", "anyOf", "$defs", "a"]
)
SCHEMAS = st.recursive(
    PLAIN | st.sampled_from(["object", ["a"]]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SCHEMA_KEYS, inner, max_size=4),
)


def status_of(judge: Callable[..., object], *given: object) -> int | None:
    """Of the refusal; None when all is right."""
    try:
        judge(*given)
    except Refusal as refusal:
        return refusal.status
    return None


@given(st.dictionaries(KEYS, ANY) | ANY, MESSAGES, SCHEMAS)
def test_any_chat_request_is_right_or_refused(body: Any, messages: Any, schema: Any) -> None:
    begun = (body if isinstance(body, dict) else {}) | {"model": "gpt-4o", "messages": messages}
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    schemas = (schema, whole, whole | {"properties": schema}, whole | {"required": schema})
    tooled = [{"model": "gpt-4o", "messages": HI, "tools": [function(parameters=each)]} for each in schemas]
    for changed in (body, begun, *tooled):
        assert status_of(chat_request.check, changed, Catalogue()) in (None, 400, 404, 501)


@given(st.dictionaries(KEYS, ANY) | ANY)
def test_any_speech_request_is_right_or_refused(body: Any) -> None:
    right = {"model": "tts-1", "input": "Hi", "voice": "coral"}
    for changed in (body, right | (body if isinstance(body, dict) else {})):
        assert status_of(speech.check, changed, Catalogue()) in (None, 400, 404, 501)


@given(st.dictionaries(KEYS, ANY) | ANY)
def test_any_request_for_embeddings_is_right_or_refused(body: Any) -> None:
    right = {"model": "text-embedding-3-small", "input": "Hi"}
    for changed in (body, right | (body if isinstance(body, dict) else {})):
        assert status_of(embeddings.check, changed, Catalogue()) in (None, 400, 403, 404)


@given(st.binary(), st.integers(0, 60), st.binary(max_size=6))
def test_any_file_and_any_form_is_right_or_refused(data: bytes, at: int, changed: bytes) -> None:
    whole = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
    for body in (data, RIGHT[:at] + changed + RIGHT[at + len(changed) :]):
        assert status_of(sound_file.read, "speech.wav", body) in (None, 400)
    for body in (data, whole[:at] + changed + whole[at + len(changed) :]):
        assert status_of(form.parse, body, b"b") in (None, 400)
