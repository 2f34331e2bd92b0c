"""Everything that the HTTP server on loopback answers to /responses is what the API's own description allows."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from voiced.testing.http import (
    CallTool,
    Draw,
    Fail,
    Finish,
    FoundText,
    HttpLoopback,
    Refuse,
    Reply,
    RunCode,
    Say,
    Script,
    SearchFiles,
    SearchWeb,
    Think,
    responses,
    responses_request,
)

from .http_client import Raw, raw_of
from .shared_data import described_schemas, needs_description
from .test_http_responses import CODE, DRAW, FILES, HOSTED, LAMP, WEB, ask, call, make_store, result, stream, user
from .test_http_schema import validator

pytestmark = needs_description

UNDESCRIBED = {"Response": {"store", "tool_usage"}}
"""On the wire all the same."""


@functools.cache
def known_to(name: str) -> frozenset[str]:
    schema = described_schemas()[name]
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= known_to(part["$ref"].rsplit("/", 1)[1]) if "$ref" in part else set(part.get("properties", {}))
    return frozenset(found)


def complaints(name: str, *bodies: Any) -> list[str]:
    found = []
    for body in bodies:
        found += [f"{name}: {error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(body)]
        known = known_to(name) | UNDESCRIBED.get(name, set())
        found += [f"{name}: {key} is not described" for key in sorted(set(body) - known)]
    return found


def schema_of(event: dict[str, Any]) -> str:
    for part in described_schemas()["ResponseStreamEvent"]["anyOf"]:
        name: str = part["$ref"].rsplit("/", 1)[1]
        if event["type"] in described_schemas()[name]["properties"]["type"]["enum"]:
            return name
    raise AssertionError(f"{event['type']} is not described")


def replies() -> list[Reply]:
    return [
        "Hello there.",
        "",
        [Say("Well."), CallTool("lamp", '{"on": true}'), CallTool("lamp")],
        [
            Think("I wonder."),
            SearchWeb("weather", ["https://example.org"]),
            RunCode("print(1)", "1\n", "a.csv"),
            SearchFiles("key", [FoundText("file-1", "a.md", "A", attributes={"b": True})]),
            Draw(),
            Say("See [it](https://example.org) and a.csv."),
        ],
        Refuse("No."),
        [Say("Half"), Finish("length")],
        Fail("invalid_prompt", "No."),
    ]


DESCRIBED = [
    {"reasoning": {"summary": "auto", "effort": "low"}, "include": [*HOSTED, "reasoning.encrypted_content"]},
    {"include": [*HOSTED, "message.output_text.logprobs"], "instructions": "Obey.", "metadata": {"a": "b"}},
    {"user": "me", "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}},
]


@pytest.mark.parametrize("more", DESCRIBED)
async def test_answers_and_events_are_as_described(more: dict[str, Any]) -> None:
    model = "gpt-5" if "reasoning" in more else "gpt-4o"
    tools = [LAMP, WEB, CODE, FILES, DRAW | {"partial_images": 1}]
    async with HttpLoopback(Script(replies() * 2)) as server, raw_of(server) as raw:
        await make_store(raw)
        bodies = [(await ask(raw, model=model, tools=tools, **more)).json for _ in replies()]
        events = [event for _ in replies() for event in await stream(raw, model=model, tools=tools, **more)]
        assert complaints("Response", *bodies) == []
        for item in (item for body in bodies for item in body["output"]):
            assert list(validator("OutputItem").iter_errors(item)) == []
        for event in events:
            padded = {key: value for key, value in event.items() if key != "obfuscation"}
            assert complaints(schema_of(event), padded) == []
        for usage in (body["usage"] for body in bodies if body["status"] == "completed"):
            assert complaints("ResponseUsage", usage) == []
        assert server.violations == ()


async def test_what_is_kept_is_as_described() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        await what_is_kept(raw)
        assert [found.status for found in server.violations] == [400, 404]


async def what_is_kept(raw: Raw) -> None:
    image = {"type": "input_image", "image_url": "https://example.org/a.png"}
    said: dict[str, Any] = {"role": "assistant", "content": "Hm."}
    items = [*user({"type": "input_text", "text": "Hi"}, image), said, call(), result()]
    body = (await ask(raw, input=items, background=True)).json
    path = f"responses/{body['id']}"
    later = [(await raw.ask(path, method="GET")).json for _ in range(2)]
    other = (await ask(raw, background=True)).json["id"]
    gone = (await raw.ask(f"responses/{other}/cancel")).json
    assert complaints("Response", body, *later, gone) == []
    listing = (await raw.ask(f"{path}/input_items", method="GET")).json
    assert complaints("ResponseItemList", listing) == []
    errors = [(await ask(raw, input=5)).json, (await raw.ask("responses/resp_9", method="GET")).json]
    assert complaints("ErrorResponse", *errors) == []
    events = await stream(raw, background=True)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.queued"]
    assert [complaint for event in events[:3] for complaint in complaints(schema_of(event), event)] == []


def test_the_request_has_what_is_described_and_nothing_else() -> None:
    assert known_to("CreateResponse") - {"input"} == responses.PARAMETERS - {"input"}
    assert set(described_schemas()["IncludeEnum"]["enum"]) == set(responses_request.INCLUDE)
