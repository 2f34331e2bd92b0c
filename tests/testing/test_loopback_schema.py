"""Everything that the loopback server says is what the API's own description allows."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from voiced.testing.loopback import CallTool, Fail, Incomplete, LoopbackServer, Pace, Say, Script, Silence

from .loopback_client import BETA_HEADERS, GA_HEADERS, Client, client_of, silence, speech, user_says
from .shared_data import described_schemas, needs_description

pytestmark = needs_description

Event = dict[str, Any]

# Where the wire and the description disagree, and the server follows the wire:
UNDESCRIBED_KEYS = {"obfuscation"}
"""On every delta of text, transcripts and arguments; described for MCP arguments only."""

UNDESCRIBED_EVENTS = {"beta": {"conversation.created": "RealtimeServerEventConversationCreated"}}
"""Beta servers send it; the description has it among the GA events, which OpenAI's server no longer sends."""

MISNAMED_EVENTS = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
"""The description gives beta events GA names; the SDK's beta types and beta servers have these."""

MISNAMED_CONTENT = {"text": "output_text", "audio": "output_audio"}
"""Likewise the content of an assistant's message in beta, which the description spells as in GA."""


def without_nulls(value: Any) -> Any:
    """The wire has null for what is not set (`usage`, `metadata`, …), and the description leaves it out."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def as_described(event: Event, name: str) -> Event:
    """A beta event with the misnomers of the description."""
    kind = described_schemas()[name]["properties"]["type"]
    event = copy.deepcopy(event) | {"type": kind.get("const", event["type"])}
    items = [event["item"]] if "item" in event else event.get("response", {}).get("output", [])
    for item in items:
        for part in item.get("content", []) if item.get("role") == "assistant" else []:
            part["type"] = MISNAMED_CONTENT[part["type"]]
    return event


@functools.cache
def schema_names(dialect: str) -> dict[str, str]:
    """Event type → name of its schema."""
    prefix = {"ga": "RealtimeServerEvent", "beta": "RealtimeBetaServerEvent"}[dialect]
    names = {}
    for name, schema in described_schemas().items():
        if name.startswith(prefix) and name != prefix:
            kind = schema["properties"]["type"]
            described = kind.get("const") or kind["enum"][0]
            names[MISNAMED_EVENTS.get(described, described) if dialect == "beta" else described] = name
    return names | UNDESCRIBED_EVENTS.get(dialect, {})


@functools.cache
def validator(name: str) -> Draft202012Validator:
    schemas = described_schemas()
    needed: dict[str, Any] = {}
    _gather(name, schemas, needed)
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": needed}})


def _gather(name: str, schemas: dict[str, Any], into: dict[str, Any]) -> None:
    if name in into:
        return
    into[name] = schemas[name]
    waiting: list[Any] = [schemas[name]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                _gather(reference.rsplit("/", 1)[1], schemas, into)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def complaints(dialect: str, events: list[Event]) -> list[str]:
    found = []
    for event in events:
        name = schema_names(dialect).get(event["type"])
        if name is None:
            found.append(f"{event['type']} is not described")
            continue
        described = as_described(event, name) if dialect == "beta" else event
        errors = validator(name).iter_errors(without_nulls(described))
        found.extend(f"{event['type']}: {error.json_path}: {error.message[:200]}" for error in errors)
        undescribed = set(event) - set(described_schemas()[name]["properties"]) - UNDESCRIBED_KEYS
        found.extend(f"{event['type']}: {key} is not described" for key in sorted(undescribed))
    return found


async def everything(client: Client, dialect: str) -> None:
    """A session with each kind of event in it."""
    audio = {"transcription": {"model": "gpt-4o-transcribe"}}
    tool = {"type": "function", "name": "lamp", "description": "Switch.", "parameters": {"type": "object"}}
    if dialect == "ga":
        await client.configure(audio={"input": audio}, tools=[tool])
    else:
        session = {"input_audio_transcription": audio["transcription"], "tools": [tool]}
        await client.send("session.update", session=session)
    await client.append(silence(400) + speech(800) + silence(600))
    done = await client.until("response.done")
    item_id = done["response"]["output"][0]["id"]
    await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    await client.send("conversation.item.retrieve", item_id=item_id)
    await client.send("conversation.item.delete", item_id=item_id)
    await client.send("input_audio_buffer.clear")
    await client.send("conversation.item.create", item=user_says("Light, please.") | {"id": "mine"})
    await client.send("response.create")
    call_id = (await client.until("response.function_call_arguments.done"))["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "ok"}
    await client.send("conversation.item.create", item=output)
    await client.until("response.done")
    text = {"output_modalities": ["text"]} if dialect == "ga" else {"modalities": ["text"]}
    for _ in range(3):
        await client.send("response.create", response={**text, "metadata": {"a": "b"}})
        await client.until("response.done")
    await client.send("response.create")
    await client.until("response.created")
    await client.send("response.cancel")
    await client.until("response.done")
    await client.append(speech(400) + silence(600))
    await client.until("conversation.item.input_audio_transcription.failed")
    await client.until("response.done")
    await client.send("response.cancel", event_id="mine")
    await client.until("error")


@pytest.mark.parametrize(("dialect", "headers"), [("ga", GA_HEADERS), ("beta", BETA_HEADERS)])
async def test_every_event_is_as_described(dialect: Any, headers: dict[str, str]) -> None:
    script = Script(
        [
            Say("Good morning."),
            [Say("Let me see.", phase="commentary"), CallTool("lamp", '{"on": true}')],
            Say("It is on."),
            Fail("rate_limit_exceeded", "Slow down."),
            [Say("And"), Incomplete("max_output_tokens")],
            Silence(),
            Say("Good bye."),
        ],
        transcripts=["Hello.", Fail("server_error", "no transcript")],
    )
    async with (
        LoopbackServer(script, dialect=dialect, pace=Pace(chunk_ms=50)) as server,
        client_of(server, headers=headers, greeted=False) as client,
    ):
        await everything(client, dialect)
        assert complaints(dialect, client.events) == []
        unused = set(schema_names(dialect)) - set(client.types())
        assert not {kind for kind in unused if not kind.startswith(NEVER_SENT)}, unused


NEVER_SENT = (
    "mcp_",
    "response.mcp_",
    "output_audio_buffer.",  # WebRTC and SIP
    "input_audio_buffer.dtmf",  # SIP
    "input_audio_buffer.timeout_triggered",  # waits; see test_loopback_session.py
    "conversation.item.input_audio_transcription.segment",  # diarisation
    "conversation.created",  # described for GA, no longer sent
    "conversation.item.created",  # likewise
    "transcription_session.",
)
