"""What the HTTP server on loopback answers to /responses, and what it refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.testing.http import (
    Asked,
    CallTool,
    Draw,
    Fail,
    Fault,
    Finish,
    FoundText,
    HttpLoopback,
    Pause,
    Refuse,
    Reply,
    RunCode,
    Say,
    SearchFiles,
    SearchWeb,
    SendError,
    Think,
    responses,
    responses_request,
)
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.refusal import Refusal
from voiced.testing.http.responses import Responses

from .http_client import LAMP as CHAT_LAMP
from .http_client import Answered, Raw, raw_of, sdk_of

LAMP: dict[str, Any] = {"type": "function", **CHAT_LAMP["function"]}
WEB = {"type": "web_search"}
CODE = {"type": "code_interpreter", "container": {"type": "auto"}}
FILES = {"type": "file_search", "vector_store_ids": ["vs_000000000001"]}
DRAW = {"type": "image_generation", "size": "1024x1536"}
HOSTED = ["code_interpreter_call.outputs", "file_search_call.results", "web_search_call.action.sources"]


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(valid_key="sk-test") as server:
        yield server


async def make_store(raw: Raw) -> None:
    """The one that `FILES` names; nothing else may have been made before."""
    assert (await raw.ask("vector_stores", json={"name": "Notes"})).json["id"] == FILES["vector_store_ids"][0]


async def ask(raw: Raw, **body: Any) -> Answered:
    """A request that is right but for what `body` changes; None leaves a parameter out."""
    whole = {"model": "gpt-4o", "input": "Hi"} | body
    return await raw.ask("responses", json={key: value for key, value in whole.items() if value is not None})


async def stream(raw: Raw, **body: Any) -> list[dict[str, Any]]:
    answer = await ask(raw, stream=True, **body)
    events = []
    for block in answer.body.decode().split("\n\n"):
        if block:
            name, data = block.split("\n")
            events.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {events[-1]['type']}"
    return events


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def result(call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "on"}


def call(call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "lamp", "arguments": "{}", **more}


# What is answered.


async def test_it_repeats_what_it_is_told_and_goes_on() -> None:
    async with HttpLoopback() as server, sdk_of(server) as sdk:
        first = await sdk.responses.create(model="gpt-4o", input="Hello", instructions="Be brief.")
        second = await sdk.responses.create(model="gpt-4o", input="Again", previous_response_id=first.id)
        assert [first.output_text, second.output_text] == ["You said: Hello", "You said: Again"]
        assert second.previous_response_id == first.id
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.input_tokens > first.usage.input_tokens
        assert [each["id"] for each in server.kept(Responses).all] == [first.id, second.id]
        assert server.violations == ()


async def test_a_script_sees_the_conversation_as_a_chat_has_it() -> None:
    seen: list[list[dict[str, Any]]] = []

    def reply(asked: Asked) -> Reply:
        seen.append(asked.messages)
        return " ".join(asked.tool_outputs.values()) or CallTool("lamp", '{"on": true}', call_id="call_1")

    async with HttpLoopback(reply) as server, sdk_of(server) as sdk:
        url = "https://example.org/a.png"
        parts: list[Any] = [{"type": "input_text", "text": "On!"}, {"type": "input_image", "image_url": url}]
        first = await sdk.responses.create(
            model="gpt-4o",
            instructions="Obey.",
            input=[{"role": "user", "content": parts}],
            tools=[LAMP],  # type: ignore[list-item]  # a plain dict
        )
        second = await sdk.responses.create(model="gpt-4o", input=[result()], previous_response_id=first.id)  # type: ignore[list-item]
        assert second.output_text == "on"
        assert server.violations == ()
    asked = [{"type": "text", "text": "On!"}, {"type": "image_url", "image_url": {"url": url}}]
    lit = {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": '{"on": true}'}}
    assert seen == [
        [{"role": "system", "content": "Obey."}, {"role": "user", "content": asked}],
        [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": None, "tool_calls": [lit]},
            {"role": "tool", "tool_call_id": "call_1", "content": "on"},
        ],
    ]  # fmt: skip


async def test_the_events_of_a_text_come_in_the_order_of_the_real_server() -> None:
    async with HttpLoopback([[Say("Good morning.", ("Good", " morning."))]]) as server, raw_of(server) as raw:
        events = await stream(raw, stream_options={"include_obfuscation": False})
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert [event.get("delta") for event in events[4:6]] == ["Good", " morning."]
    assert "obfuscation" not in events[4]
    assert (events[0]["response"]["output"], events[0]["response"]["status"]) == ([], "in_progress")
    assert events[-1]["response"]["output"] == [events[-2]["item"]]


async def test_the_events_of_a_call_a_thought_and_a_refusal() -> None:
    replies: list[Reply] = [CallTool("lamp", '{"on": true}'), Think("I see."), Refuse("No way.")]
    async with HttpLoopback(replies) as server, raw_of(server) as raw:
        called = await stream(raw, tools=[LAMP])
        thought = await stream(raw, model="o3", reasoning={"summary": "auto"})
        refused = await stream(raw)
    assert [event["type"] for event in called[2:-1]] == [
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done",
    ]  # fmt: skip
    assert (called[2]["item"]["arguments"], called[-2]["item"]["arguments"]) == ("", '{"on": true}')
    assert [event["type"].removeprefix("response.reasoning_summary_") for event in thought[3:-2]] == [
        "part.added", "text.delta", "text.delta", "text.done", "part.done"
    ]  # fmt: skip
    assert thought[-2]["item"]["summary"] == [{"type": "summary_text", "text": "I see."}]
    assert [event["type"].removeprefix("response.") for event in refused[3:-2]] == [
        "content_part.added", "refusal.delta", "refusal.delta", "refusal.done", "content_part.done"
    ]  # fmt: skip


async def test_the_tools_of_the_server() -> None:
    text = "Rain, says [Weather](https://example.org/w). See plan.csv."
    found = FoundText("file-1", "notes.md", "The key is at Anna's.", 0.8, {"year": 2026})
    reply: Reply = [
        SearchWeb("weather Oslo", ["https://example.org/w"]),
        RunCode("print(6 * 7)", "42\n", "plan.csv"),
        SearchFiles("key", [found, found]),
        Draw("A cat."),
        Say(text),
    ]
    files = FILES | {"max_num_results": 1}
    async with HttpLoopback([reply]) as server, raw_of(server) as raw:
        await make_store(raw)
        body = (await ask(raw, tools=[LAMP, WEB, CODE, files, DRAW], include=HOSTED)).json
        assert server.violations == ()
    web, code, search, picture, message = body["output"]
    assert web["action"]["sources"] == [{"type": "url", "url": "https://example.org/w"}]
    assert (code["outputs"], code["code"]) == ([{"type": "logs", "logs": "42\n"}], "print(6 * 7)")
    assert [each["text"] for each in search["results"]] == ["The key is at Anna's."]
    data = base64.b64decode(picture["result"])
    assert (data[:4], int.from_bytes(data[16:20], "big"), picture["size"]) == (b"\x89PNG", 1024, "1024x1536")
    cited = {each["type"]: each for each in message["content"][0]["annotations"]}
    link = cited["url_citation"]
    assert text[link["start_index"] : link["end_index"]] == "[Weather](https://example.org/w)"
    assert cited["file_citation"]["filename"] == "notes.md"
    assert cited["container_file_citation"]["container_id"] == code["container_id"]
    assert body["tool_usage"]["web_search"] == {"num_requests": 1}
    assert body["tool_usage"]["image_gen"]["output_tokens"] > 0


async def test_what_was_not_asked_for_is_not_told() -> None:
    reply: Reply = [RunCode("1", "1"), SearchFiles("a", [FoundText("file-1", "a.md", "A")]), Say("Done.")]
    async with HttpLoopback([reply]) as server, raw_of(server) as raw:
        await make_store(raw)
        code, search, _ = (await ask(raw, tools=[CODE, FILES])).json["output"]
    assert (code["outputs"], search["results"]) == (None, None)


@pytest.mark.parametrize(
    ("reply", "status", "details", "error"),
    [
        ([Say("Half"), Finish("length")], "incomplete", {"reason": "max_output_tokens"}, None),
        ([Say("Ha"), Finish("content_filter")], "incomplete", {"reason": "content_filter"}, None),
        (Fail("rate_limit_exceeded", "Later."), "failed", None, {"code": "rate_limit_exceeded", "message": "Later."}),
    ],
)
async def test_an_answer_that_is_none(reply: Reply, status: str, details: Any, error: Any) -> None:
    async with HttpLoopback([reply] * 2) as server, raw_of(server) as raw:
        body = (await ask(raw)).json
        last = (await stream(raw))[-1]
    for found in (body, last["response"]):
        assert (found["status"], found["incomplete_details"], found["error"]) == (status, details, error)
    assert last["type"] == f"response.{status}"


async def test_a_stream_that_ends_with_an_error() -> None:
    fault = Fault(SendError(3), "responses", 2)
    async with HttpLoopback([Fail(bare=True), "Hello there"], faults=[fault]) as server, sdk_of(server) as sdk:
        events = [event async for event in await sdk.responses.create(model="gpt-4o", input="Hi", stream=True)]
        assert (events[-1].type, events[-1].sequence_number) == ("error", 2)
        with pytest.raises(openai.APIError):
            [event async for event in await sdk.responses.create(model="gpt-4o", input="Hi", stream=True)]


# What is kept.


async def test_a_response_can_be_had_again_and_deleted(raw: Raw) -> None:
    body = (await ask(raw, metadata={"a": "b"})).json
    path = f"responses/{body['id']}"
    assert (await raw.ask(path, method="GET")).json == body
    items = (await raw.ask(f"{path}/input_items", method="GET")).json
    assert [item["content"] for item in items["data"]] == [[{"type": "input_text", "text": "Hi"}]]
    assert (await raw.ask(path, method="DELETE")).json == {"id": body["id"], "object": "response", "deleted": True}
    for method, place in (("GET", path), ("DELETE", path), ("POST", f"{path}/cancel"), ("GET", f"{path}/input_items")):
        answer = await raw.ask(place, method=method)
        assert (answer.status, answer.error["message"]) == (404, f"Response with id '{body['id']}' not found.")


async def test_the_list_of_the_input_has_pages(raw: Raw) -> None:
    texts = [{"role": "user", "content": text} for text in "abc"]
    path = f"responses/{(await ask(raw, input=texts)).json['id']}/input_items"

    def said(answer: Answered) -> list[str]:
        return [item["content"][0]["text"] for item in answer.json["data"]]

    first = await raw.ask(path, method="GET", params={"limit": "2"})
    assert (said(first), first.json["has_more"]) == (["c", "b"], True)
    rest = await raw.ask(path, method="GET", params={"after": first.json["last_id"]})
    assert (said(rest), rest.json["has_more"]) == (["a"], False)
    assert said(await raw.ask(path, method="GET", params={"order": "asc"})) == ["a", "b", "c"]
    for params in ({"limit": "0"}, {"order": "up"}, {"before": "x"}, {"after": "msg_9"}, {"include": "all"}):
        assert (await raw.ask(path, method="GET", params=params)).status == 400, params


async def test_in_the_background(server: HttpLoopback, raw: Raw) -> None:
    server.kept(Responses).polls = 1
    body = (await ask(raw, background=True)).json
    assert (body["status"], body["output"]) == ("queued", [])
    path = f"responses/{body['id']}"
    answer = await ask(raw, previous_response_id=body["id"])
    assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
    assert [(await raw.ask(path, method="GET")).json["status"] for _ in range(3)] == [
        "in_progress", "completed", "completed"
    ]  # fmt: skip
    assert (await raw.ask(f"{path}/cancel")).json["status"] == "completed"
    other = (await ask(raw, background=True)).json["id"]
    assert (await raw.ask(f"responses/{other}/cancel")).json["status"] == "cancelled"
    assert (await raw.ask(f"responses/{other}", method="GET")).json["status"] == "cancelled"
    plain = (await ask(raw)).json["id"]
    assert (await raw.ask(f"responses/{plain}/cancel")).error["message"] == "Cannot cancel a synchronous response."


async def test_what_is_not_to_be_kept_is_not(server: HttpLoopback, raw: Raw) -> None:
    body = (await ask(raw, store=False)).json
    assert server.kept(Responses).all == []
    answer = await ask(raw, previous_response_id=body["id"])
    assert (answer.status, answer.error["code"]) == (400, "previous_response_not_found")
    await stream(raw, store=False)
    assert server.kept(Responses).all == []
    await stream(raw)
    assert len(server.kept(Responses).all) == 1


async def test_thoughts_go_with_what_came_of_them() -> None:
    async with HttpLoopback([CallTool("lamp", call_id="call_1")] * 3 + ["Well."] * 3) as server, raw_of(server) as raw:
        kept = (await ask(raw, model="o3", tools=[LAMP])).json["output"]
        lost = (await ask(raw, model="o3", tools=[LAMP], store=False)).json["output"]
        sealed = (await ask(raw, model="o3", tools=[LAMP], store=False, include=["reasoning.encrypted_content"])).json[
            "output"
        ]
        for right in (kept, sealed, [{"type": "item_reference", "id": item["id"]} for item in kept]):
            assert (await ask(raw, model="o3", input=[*right, result()])).status == 200
        wrong = [
            ([*lost, result()], 404),  # nobody has this thought any more
            ([kept[0], result()], 400),
            ([kept[1], result()], 400),  # without its thought
            ([{"type": "item_reference", "id": "fc_none"}], 404),
            ([result()], 400),
            ([kept[0], kept[1]], 400),
        ]
        for items, status in wrong:
            answer = await ask(raw, model="o3", input=items)
            assert (answer.status, answer.error["param"]) == (status, "input"), items


async def test_what_tools_name_must_be_there() -> None:
    async with HttpLoopback([RunCode("1")] * 2) as server, raw_of(server) as raw:
        for tool in (
            FILES,
            CODE | {"container": "cntr_none"},
            CODE | {"container": {"type": "auto", "file_ids": ["file-none"]}},
        ):
            answer = await ask(raw, tools=[tool])
            assert (answer.status, answer.error["param"]) == (404, "tools"), tool
        made = (await ask(raw, tools=[CODE])).json["output"][0]["container_id"]
        again = (await ask(raw, tools=[CODE | {"container": made}])).json["output"][0]
        assert again["container_id"] == made


async def test_a_script_that_does_what_no_model_does() -> None:
    replies: list[Reply] = [SearchWeb("x"), Draw(), [Fail(), Say("Still here.")]]
    async with HttpLoopback(replies) as server, raw_of(server) as raw:
        for _ in range(4):
            answer = await ask(raw)
            assert (answer.status, answer.error["code"]) == (500, "script_exhausted")


async def test_a_pause_delays_the_answer_and_a_client_that_leaves_ends_it() -> None:
    async with HttpLoopback([[Say("One"), Pause(3600), Say("Two")]]) as server, sdk_of(server) as sdk:
        events = await sdk.responses.create(model="gpt-4o", input="Hi", stream=True)
        async for event in events:
            if event.type == "response.output_item.done":
                break
        await events.close()
        entry = await server.wait_for("responses", ended=True)
        assert entry.outcome == "abandoned"
        assert server.kept(Responses).all == []


# What is refused.


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, None, None),
        ({"input": None}, "missing_required_parameter", "input"),
        ({"input": []}, "missing_required_parameter", "input"),
        ({"input": 5}, "invalid_type", "input"),
        ({"input": [5]}, "invalid_type", "input[0]"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "unknown_parameter", "messages"),
        ({"response_format": {"type": "text"}}, "unknown_parameter", "response_format"),
        ({"max_tokens": 20}, "unknown_parameter", "max_tokens"),
        ({"input": [{"content": "Hi"}]}, "missing_required_parameter", "input[0].role"),
        ({"input": [{"role": "tool", "content": "Hi"}]}, "invalid_value", "input[0].role"),
        ({"input": user({"type": "text", "text": "Hi"})}, "invalid_value", "input[0].content[0].type"),
        ({"input": user({"type": "input_image"})}, "invalid_value", "input[0].content[0]"),
        (
            {"input": user({"type": "input_image", "image_url": {"url": "https://a"}})},
            "invalid_type",
            "input[0].content[0].image_url",
        ),
        (
            {"input": user({"type": "input_image", "image_url": "a.png"})},
            "invalid_value",
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "Hi"}]}]},
            "invalid_value",
            "input[0].content[0].type",
        ),
        ({"input": [{"type": "thought", "id": "x"}]}, "invalid_value", "input[0].type"),
        ({"input": [call(id="call_1"), result()]}, "invalid_value", "input[0].id"),
        ({"input": [call("")]}, "empty_string", "input[0].call_id"),
        ({"input": [call("c" * 65)]}, "string_above_max_length", "input[0].call_id"),
        ({"input": [call(parsed_arguments={}), result()]}, "unknown_parameter", "input[0].parsed_arguments"),
        ({"input": [call()]}, None, "input"),
        ({"input": [call(), result("call_2")]}, None, "input"),
        ({"previous_response_id": "chatcmpl-1"}, "invalid_value", "previous_response_id"),
        ({"previous_response_id": "resp_1"}, "previous_response_not_found", "previous_response_id"),
        (
            {"tools": [{"type": "function", "function": {"name": "lamp"}}]},
            "missing_required_parameter",
            "tools[0].name",
        ),
        ({"tools": [LAMP | {"name": "a b"}]}, "invalid_value", "tools[0].name"),
        (
            {"tools": [LAMP | {"parameters": {"type": "object", "properties": {}}}]},
            "invalid_function_parameters",
            "tools[0].parameters",
        ),
        ({"tools": [LAMP] * 129}, "array_above_max_length", "tools"),
        ({"tools": [{"type": "search"}]}, "invalid_value", "tools[0].type"),
        ({"tools": [WEB | {"search_context_size": "huge"}]}, "invalid_value", "tools[0].search_context_size"),
        ({"tools": [WEB | {"user_location": {"city": 5}}]}, "invalid_type", "tools[0].user_location.city"),
        (
            {"tools": [WEB | {"user_location": {"country": "Norway"}}]},
            "invalid_value",
            "tools[0].user_location.country",
        ),
        ({"tools": [{"type": "code_interpreter"}]}, "missing_required_parameter", "tools[0].container"),
        ({"tools": [CODE | {"container": "mine"}]}, "invalid_value", "tools[0].container"),
        (
            {"tools": [CODE | {"container": {"type": "auto", "file_ids": ["f"] * 51}}]},
            "array_above_max_length",
            "tools[0].container.file_ids",
        ),
        ({"tools": [{"type": "file_search"}]}, "missing_required_parameter", "tools[0].vector_store_ids"),
        ({"tools": [FILES | {"vector_store_ids": []}]}, "empty_array", "tools[0].vector_store_ids"),
        ({"tools": [FILES | {"max_num_results": 51}]}, "integer_above_max_value", "tools[0].max_num_results"),
        ({"tools": [FILES | {"filters": {"type": "like"}}]}, "invalid_value", "tools[0].filters.type"),
        (
            {"tools": [FILES | {"filters": {"type": "and", "filters": [{"type": "eq", "key": "a"}]}}]},
            "missing_required_parameter",
            "tools[0].filters.filters[0].value",
        ),
        ({"tools": [DRAW | {"quality": "hd"}]}, "invalid_value", "tools[0].quality"),
        ({"tools": [DRAW | {"size": "big"}]}, "invalid_value", "tools[0].size"),
        ({"tools": [DRAW | {"n": 2}]}, "unknown_parameter", "tools[0].n"),
        (
            {"tools": [DRAW | {"background": "transparent", "output_format": "jpeg"}]},
            "invalid_value",
            "tools[0].background",
        ),
        ({"tool_choice": "required"}, None, "tool_choice"),
        ({"tools": [LAMP], "tool_choice": {"type": "function", "name": "radio"}}, None, "tool_choice"),
        ({"tools": [LAMP], "tool_choice": {"type": "image_generation"}}, None, "tool_choice"),
        (
            {"tools": [LAMP], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [WEB]}},
            None,
            "tool_choice",
        ),
        (
            {"tools": [LAMP], "tool_choice": {"type": "function", "function": {"name": "lamp"}}},
            "missing_required_parameter",
            "tool_choice.name",
        ),
        ({"max_output_tokens": 15}, "integer_below_min_value", "max_output_tokens"),
        ({"temperature": 2.5}, "decimal_above_max_value", "temperature"),
        ({"include": ["everything"]}, "invalid_value", "include[0]"),
        ({"include": ["reasoning.encrypted_content"]}, None, "include"),
        ({"reasoning": {"effort": "low"}}, "unsupported_parameter", "reasoning.effort"),
        ({"model": "o3", "reasoning": {"effort": "none"}}, "unsupported_value", "reasoning.effort"),
        ({"model": "o3", "temperature": 0.2}, "unsupported_parameter", "temperature"),
        ({"model": "gpt-5", "tools": [WEB], "reasoning": {"effort": "minimal"}}, None, "tools"),
        ({"text": {"format": {"type": "structured"}}}, "invalid_value", "text.format.type"),
        ({"text": {"format": {"type": "json_object"}}}, None, "input"),
        (
            {"text": {"format": {"type": "json_schema", "json_schema": {}}}},
            "missing_required_parameter",
            "text.format.name",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "array"}}}},
            "invalid_json_schema",
            "text.format.schema",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": {"type": "object"}}}},
            "invalid_json_schema",
            "text.format.schema",
        ),
        ({"truncation": "middle"}, "invalid_value", "truncation"),
        ({"stream_options": {"include_obfuscation": True}}, None, "stream_options"),
        ({"background": True, "store": False}, "invalid_parameter_combination", "store"),
        ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
        ({"model": "tts-1"}, "unsupported_model", "model"),
    ],
)
async def test_a_request_that_is_wrong(raw: Raw, change: dict[str, Any], code: str | None, param: str | None) -> None:
    answer = await ask(raw, **change)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param), answer.error
    assert answer.error["type"] == "invalid_request_error"


async def test_a_model_that_sees_nothing() -> None:
    async with HttpLoopback(models=["gpt-4"]) as server, raw_of(server) as raw:
        answer = await ask(raw, model="gpt-4", input=user({"type": "input_image", "image_url": "https://a"}))
        assert (answer.status, answer.error["param"]) == (400, "input[0].content[0].type")


async def test_what_the_loopback_cannot_do_it_says(raw: Raw) -> None:
    for change in (
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"tools": [{"type": "mcp", "server_label": "a"}]},
        {"input": [{"type": "computer_call", "id": "x"}]},
    ):
        answer = await ask(raw, **change)
        assert (answer.status, answer.error["code"]) == (501, "not_on_loopback"), change


WORDS = st.sampled_from(
    ["user", "assistant", "message", "function_call", "function_call_output", "reasoning", "input_text", "gpt-4o", "o3",
     "web_search", "file_search", "code_interpreter", "auto", "allowed_tools", "json_schema", "call_1", "resp_1", ""]
)  # fmt: skip
KEYS = st.sampled_from(
    sorted(responses.PARAMETERS | {"role", "content", "type", "id", "call_id", "output", "summary", "name", "format"})
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def status_of(body: Any) -> int | None:
    """Of the refusal; None when all is right."""
    try:
        responses_request.check(body, Catalogue())
    except Refusal as refusal:
        return refusal.status
    return None


@given(st.dictionaries(KEYS, ANY) | ANY, st.lists(st.dictionaries(KEYS, WORDS | ANY, max_size=5), max_size=3) | ANY)
def test_any_request_is_right_or_refused(body: Any, items: Any) -> None:
    begun = (body if isinstance(body, dict) else {}) | {"model": "gpt-4o"}
    for changed in (body, begun, begun | {"input": items}, begun | {"tools": items, "input": "Hi"}):
        assert status_of(changed) in (None, 400, 404, 501)
