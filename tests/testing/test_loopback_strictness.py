"""What the real server refuses, the loopback server refuses with the same code and words."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voiced.testing.loopback import CallTool, LoopbackServer, Pace, Reply, Say, Silence, sweep

from .loopback_client import BETA_HEADERS, GA_HEADERS, RATE, Client, client_of, encoded, silence, speech, user_says

Event = dict[str, Any]

TOOL = {"type": "function", "name": "lamp", "description": "Switch the lamp.", "parameters": {"type": "object"}}


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer([Say("Hello.", pcm=sweep(RATE))]) as running:
        yield running


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[Client]:
    async with client_of(server) as connected:
        yield connected


def audio_input(**settings: Any) -> Event:
    return {"type": "realtime", "audio": {"input": settings}}


def audio_output(**settings: Any) -> Event:
    return {"type": "realtime", "audio": {"output": settings}}


def turn_detection(**settings: Any) -> Event:
    return audio_input(turn_detection=settings)


def tool(**changes: Any) -> Event:
    return {"type": "realtime", "tools": [TOOL | changes]}


def realtime(**settings: Any) -> Event:
    return {"type": "realtime", **settings}


MISSING, UNKNOWN, VALUE, KIND = "missing_required_parameter", "unknown_parameter", "invalid_value", "invalid_type"
ABOVE, BELOW, TOO_LONG = "integer_above_max_value", "integer_below_min_value", "string_above_max_length"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, MISSING, "session.type"),
        ({"input_audio_format": "pcm16", "modalities": ["text"]}, MISSING, "session.type"),
        (realtime(input_audio_format="pcm16"), UNKNOWN, "session.input_audio_format"),
        (realtime(temperature=0.8), UNKNOWN, "session.temperature"),
        (realtime(voice="marin"), UNKNOWN, "session.voice"),
        ({"type": "transcription"}, VALUE, "session.type"),
        (realtime(model="gpt-realtime-2"), VALUE, "session.model"),
        (realtime(instructions=7), KIND, "session.instructions"),
        (realtime(output_modalities=["text", "audio"]), VALUE, "session.output_modalities"),
        (realtime(output_modalities=["smell"]), VALUE, "session.output_modalities[0]"),
        (realtime(output_modalities="audio"), KIND, "session.output_modalities"),
        (realtime(max_output_tokens=0), BELOW, "session.max_output_tokens"),
        (realtime(max_output_tokens=4097), ABOVE, "session.max_output_tokens"),
        (realtime(max_output_tokens="many"), VALUE, "session.max_output_tokens"),
        (realtime(tool_choice="sometimes"), VALUE, "session.tool_choice"),
        (realtime(tool_choice={"type": "function"}), MISSING, "session.tool_choice.name"),
        (realtime(reasoning={"effort": "huge"}), VALUE, "session.reasoning.effort"),
        (realtime(truncation="sometimes"), VALUE, "session.truncation"),
        (
            realtime(truncation={"type": "retention_ratio", "retention_ratio": 2}),
            "decimal_above_max_value",
            "session.truncation.retention_ratio",
        ),
        (realtime(include=["everything"]), VALUE, "session.include[0]"),
        (tool(name="switch the lamp"), VALUE, "session.tools[0].name"),
        (tool(name="x" * 65), TOO_LONG, "session.tools[0].name"),
        (tool(description="x" * 1025), TOO_LONG, "session.tools[0].description"),
        (tool(parameters="none"), KIND, "session.tools[0].parameters"),
        (tool(strict=True), UNKNOWN, "session.tools[0].strict"),
        (tool(type="web_search"), VALUE, "session.tools[0].type"),
        (realtime(tools=[{"type": "mcp"}]), MISSING, "session.tools[0].server_label"),
        (audio_input(format={"type": "audio/wav"}), VALUE, "session.audio.input.format.type"),
        (audio_input(format={"type": "audio/pcm", "rate": 16000}), VALUE, "session.audio.input.format.rate"),
        (audio_input(format={"type": "audio/pcm"}), MISSING, "session.audio.input.format.rate"),
        (audio_input(format="pcm16"), KIND, "session.audio.input.format"),
        (audio_input(noise_reduction={"type": "room"}), VALUE, "session.audio.input.noise_reduction.type"),
        (audio_input(transcription={"delay": "none"}), VALUE, "session.audio.input.transcription.delay"),
        (audio_input(voice="marin"), UNKNOWN, "session.audio.input.voice"),
        (audio_output(speed=1.6), "decimal_above_max_value", "session.audio.output.speed"),
        (audio_output(speed=0.2), "decimal_below_min_value", "session.audio.output.speed"),
        (audio_output(speed="fast"), KIND, "session.audio.output.speed"),
        (audio_output(voice={"name": "x"}), MISSING, "session.audio.output.voice.id"),
        (turn_detection(), MISSING, "session.audio.input.turn_detection.type"),
        (turn_detection(type="none"), VALUE, "session.audio.input.turn_detection.type"),
        (
            turn_detection(type="server_vad", threshold=1.5),
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            turn_detection(type="server_vad", silence_duration_ms=-1),
            BELOW,
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            turn_detection(type="server_vad", silence_duration_ms=0.5),
            KIND,
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            turn_detection(type="server_vad", eagerness="high"),
            UNKNOWN,
            "session.audio.input.turn_detection.eagerness",
        ),
        (
            turn_detection(type="server_vad", idle_timeout_ms=100),
            BELOW,
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            turn_detection(type="server_vad", create_response=1),
            KIND,
            "session.audio.input.turn_detection.create_response",
        ),
        (
            turn_detection(type="semantic_vad", idle_timeout_ms=6000),
            UNKNOWN,
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            turn_detection(type="semantic_vad", eagerness="eager"),
            VALUE,
            "session.audio.input.turn_detection.eagerness",
        ),
    ],
)
async def test_a_wrong_setting_is_refused_and_changes_nothing(
    server: LoopbackServer, client: Client, session: Event, code: str, param: str
) -> None:
    before = server.sessions[0].settings
    error = await client.refusal("session.update", event_id="mine", session=session)
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["event_id"] == "mine"
    assert server.sessions[0].settings == before
    assert [(found.code, found.param, found.event) for found in server.violations] == [(code, param, "session.update")]


async def test_a_beta_update_leaves_a_ga_session_with_no_tools(server: LoopbackServer, client: Client) -> None:
    flat = {"modalities": ["text", "audio"], "tools": [TOOL], "instructions": "Be brief."}
    error = await client.refusal("session.update", session=flat)
    assert error["message"] == "Missing required parameter: 'session.type'."
    assert server.sessions[0].settings["tools"] == []
    assert (await client.ask("Hello"))["response"]["status"] == "completed"


async def test_many_settings_are_right(server: LoopbackServer, client: Client) -> None:
    session = await client.configure(
        output_modalities=["audio"],
        instructions="",
        audio={
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field", "strength": 0.5},
                "transcription": {"model": "gpt-live-transcribe", "language": "en", "delay": "low"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "high", "interrupt_response": False},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar", "speed": 1.5},
        },
        tools=[TOOL, {"type": "mcp", "server_label": "home", "server_url": "https://example.org"}],
        tool_choice={"type": "function", "name": "lamp"},
        parallel_tool_calls=True,
        reasoning={"effort": "low"},
        max_output_tokens=4096,
        truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
        tracing="auto",
        include=["item.input_audio_transcription.logprobs"],
    )
    hears = session["session"]["audio"]["input"]
    assert hears["transcription"] == {"model": "gpt-live-transcribe", "language": "en", "prompt": None}
    assert hears["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": False,
    }
    assert server.violations == ()


async def test_the_voice_stays_once_it_was_heard(client: Client) -> None:
    await client.configure(audio={"output": {"voice": "cedar"}})
    await client.ask("Hello")
    error = await client.refusal("session.update", session=audio_output(voice="marin"))
    assert (error["code"], error["message"]) == (
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
    )
    await client.configure(audio={"output": {"voice": "cedar"}})


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{not json", "invalid_request_error", None),
        (b'{"type": "response.create"}', "invalid_request_error", None),
        ("[]", KIND, "event"),
        ("{}", MISSING, "type"),
        ('{"type": "response.pause"}', VALUE, "type"),
        ('{"type": "output_audio_buffer.clear"}', VALUE, "type"),
        ('{"type": "response.cancel", "why": "because"}', UNKNOWN, "why"),
        ('{"type": "response.cancel", "event_id": 7}', KIND, "event_id"),
        ('{"type": "session.update"}', MISSING, "session"),
    ],
)
async def test_a_message_that_is_none_is_refused(
    server: LoopbackServer, client: Client, message: str | bytes, code: str, param: str | None
) -> None:
    await client.socket.send(message)
    error = (await client.until("error"))["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert len(server.violations) == 1


async def test_an_unknown_event_is_told_what_is_known(client: Client) -> None:
    error = await client.refusal("response.pause")
    assert error["message"].startswith("Invalid value: 'response.pause'. Supported values are: 'session.update', ")


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        ("no base64!", VALUE),
        ("é", VALUE),
        (encoded(b"\0\0\0"), VALUE),
        (7, KIND),
    ],
)
async def test_audio_that_is_none_is_refused(client: Client, audio: object, code: str) -> None:
    error = await client.refusal("input_audio_buffer.append", audio=audio)
    assert (error["code"], error["param"]) == (code, "audio")


async def test_at_most_15_mib_of_audio_in_one_append(server: LoopbackServer, client: Client) -> None:
    limit = 15 * 1024 * 1024
    await client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(limit)).decode())
    assert (await server.wait_for("input_audio_buffer.append")).audio_bytes == limit
    error = await client.refusal("input_audio_buffer.append", audio=base64.b64encode(bytes(limit + 2)).decode())
    assert (error["code"], error["param"]) == (TOO_LONG, "audio")


@pytest.mark.parametrize(("ms", "told"), [(0, "0.00"), (99, "99.00")])
async def test_a_commit_needs_100_ms(client: Client, ms: int, told: str) -> None:
    await client.append(silence(ms))
    error = await client.refusal("input_audio_buffer.commit", event_id="mine")
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")
    assert error["message"] == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {told}ms of audio."
    )


async def test_one_response_at_a_time() -> None:
    async with LoopbackServer([Silence()]) as server, client_of(server) as client:
        await client.send("response.create")
        active = (await client.until("response.created"))["response"]["id"]
        error = await client.refusal("response.create")
        assert error["code"] == "conversation_already_has_active_response"
        assert error["message"] == (
            f"Conversation already has an active response in progress: {active}. "
            "Wait until the response is finished before creating a new one."
        )


async def test_a_cancelled_response_is_active_until_it_is_done() -> None:
    pace = Pace(chunk_ms=20, speed=1.0, late_deltas=500)
    async with (
        LoopbackServer([Say("x", pcm=sweep(RATE * 5)), Say("y")], pace=pace) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.send("response.create")
        await client.send("response.cancel")
        await client.until("response.done")
        codes = {event["error"]["code"] for event in client.events if event["type"] == "error"}
        assert codes == {"conversation_already_has_active_response", "response_cancel_not_active"}


@pytest.mark.parametrize("fields", [{}, {"response_id": "resp_unknown"}])
async def test_nothing_to_cancel(client: Client, fields: Event) -> None:
    await client.ask("Hello")
    error = await client.refusal("response.cancel", **fields)
    assert (error["code"], error["message"]) == (
        "response_cancel_not_active",
        "Cancellation failed: no active response found",
    )


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"modalities": ["text"]}, UNKNOWN, "response.modalities"),
        ({"output_modalities": ["audio", "text"]}, VALUE, "response.output_modalities"),
        ({"temperature": 1}, UNKNOWN, "response.temperature"),
        ({"max_output_tokens": 4097}, ABOVE, "response.max_output_tokens"),
        ({"conversation": "new"}, VALUE, "response.conversation"),
        ({"metadata": {"key": 7}}, KIND, "response.metadata.key"),
        ({"metadata": {"key": "x" * 513}}, TOO_LONG, "response.metadata.key"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "object_above_max_properties", "response.metadata"),
        ({"audio": {"output": {"speed": 1.0}}}, UNKNOWN, "response.audio.output.speed"),
        ({"input": [{"type": "item_reference", "id": "item_unknown"}]}, "item_not_found", "response.input"),
        ({"input": [{"type": "item_reference"}]}, MISSING, "response.input[0].id"),
        ({"input": [{"type": "message"}]}, MISSING, "response.input[0].role"),
    ],
)
async def test_a_wrong_response_is_refused(client: Client, response: Event, code: str, param: str) -> None:
    error = await client.refusal("response.create", response=response)
    assert (error["code"], error["param"]) == (code, param)
    assert (await client.ask("Hello"))["response"]["status"] == "completed"


async def test_the_limit_of_tokens_is_told_as_seen(client: Client) -> None:
    error = await client.refusal("response.create", response={"max_output_tokens": 5000})
    assert error["message"].startswith("Invalid 'response.max_output_tokens': integer above maximum value")


def message(role: str, **part: Any) -> Event:
    return {"type": "message", "role": role, "content": [part]}


PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "thought"}, VALUE, "item.type"),
        ({"role": "user", "content": []}, MISSING, "item.type"),
        ({"type": "message", "role": "user"}, MISSING, "item.content"),
        (message("developer", type="input_text", text="x"), VALUE, "item.role"),
        (message("user", type="text", text="x"), VALUE, "item.content[0].type"),
        (message("user", type="output_text", text="x"), VALUE, "item.content[0].type"),
        (message("system", type="input_audio", audio=""), VALUE, "item.content[0].type"),
        (message("assistant", type="text", text="x"), VALUE, "item.content[0].type"),
        (message("assistant", type="input_text", text="x"), VALUE, "item.content[0].type"),
        (message("user", type="input_text"), MISSING, "item.content[0].text"),
        (message("user", type="input_audio", audio="???"), VALUE, "item.content[0].audio"),
        (
            message("user", type="input_image", image_url="https://example.org/x.png"),
            VALUE,
            "item.content[0].image_url",
        ),
        (message("user", type="input_image", image_url="data:image/gif;base64,x"), VALUE, "item.content[0].image_url"),
        (message("user", type="input_image", image_url=PNG, detail="best"), VALUE, "item.content[0].detail"),
        (user_says("x") | {"mood": "good"}, UNKNOWN, "item.mood"),
        (user_says("x") | {"id": "x" * 33}, TOO_LONG, "item.id"),
        (user_says("x") | {"id": "taken"}, VALUE, "item.id"),
        ({"type": "function_call_output", "call_id": "call_x", "output": "x"}, "invalid_tool_call_id", "item.call_id"),
        ({"type": "function_call_output", "output": "x"}, MISSING, "item.call_id"),
        ({"type": "function_call_output", "call_id": "call_x", "output": {}}, KIND, "item.output"),
        ({"type": "function_call", "name": "lamp"}, MISSING, "item.arguments"),
    ],
)
async def test_a_wrong_item_is_refused(
    server: LoopbackServer, client: Client, item: Event, code: str, param: str
) -> None:
    await client.send("conversation.item.create", item=user_says("first") | {"id": "taken"})
    error = await client.refusal("conversation.item.create", item=item)
    assert (error["code"], error["param"]) == (code, param)
    assert [kept.id for kept in server.conversation.items] == ["taken"]


async def test_right_items_are_taken(server: LoopbackServer, client: Client) -> None:
    items = [
        message("system", type="input_text", text="The user is in the kitchen."),
        message("user", type="input_image", image_url=PNG, detail="low"),
        message("user", type="input_audio", audio=encoded(speech(200))),
        message("assistant", type="output_text", text="I see."),
        message("assistant", type="output_audio", transcript="I hear."),
        {"type": "function_call", "call_id": "call_1", "name": "lamp", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "on"},
        {"type": "function_call", "name": "lamp", "arguments": "{}"},
    ]
    for item in items:
        await client.send("conversation.item.create", item=item)
        await client.until("conversation.item.done")
    assert [item.type for item in server.conversation.items] == [item["type"] for item in items]
    assert server.violations == ()


async def test_an_item_goes_after_one_that_is_there(client: Client) -> None:
    error = await client.refusal("conversation.item.create", item=user_says("x"), previous_item_id="item_unknown")
    assert (error["code"], error["param"]) == ("item_not_found", "previous_item_id")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.delete", {}),
        ("conversation.item.retrieve", {}),
        ("conversation.item.truncate", {"content_index": 0, "audio_end_ms": 0}),
    ],
)
async def test_an_unknown_item_is_not_found(client: Client, kind: str, fields: Event) -> None:
    error = await client.refusal(kind, item_id="item_unknown", **fields)
    assert (error["code"], error["param"]) == ("item_not_found", "item_id")


@pytest.mark.parametrize(
    ("whose", "content_index", "audio_end_ms", "code", "told"),
    [
        ("assistant", 0, 1001, None, "Audio content of 1000ms is already shorter than 1001ms"),
        ("assistant", 1, 0, None, "Only model output audio messages can be truncated"),
        ("assistant", 0, -1, BELOW, "Invalid 'audio_end_ms': integer below minimum value."),
        ("assistant", 0, 10.5, KIND, "Invalid type for 'audio_end_ms': expected an integer, but got a decimal"),
        ("assistant", 0, True, KIND, "Invalid type for 'audio_end_ms': expected an integer, but got a boolean"),
        ("user", 0, 0, None, "Only model output audio messages can be truncated"),
    ],
)
async def test_a_wrong_truncation_is_refused(
    server: LoopbackServer,
    client: Client,
    whose: str,
    content_index: int,
    audio_end_ms: object,
    code: str | None,
    told: str,
) -> None:
    await client.ask("Hello")
    item = next(item for item in server.conversation.items if item.role == whose)
    error = await client.refusal(
        "conversation.item.truncate", item_id=item.id, content_index=content_index, audio_end_ms=audio_end_ms
    )
    assert error["code"] == code
    assert error["message"].startswith(told)
    assert item.truncated_ms is None


async def test_text_and_calls_cannot_be_truncated() -> None:
    script: list[Reply] = [[Say("Hello."), CallTool("lamp")]]
    async with LoopbackServer(script) as server, client_of(server) as client:
        await client.configure(output_modalities=["text"])
        done = await client.ask("Hello")
        for item in done["response"]["output"]:
            error = await client.refusal(
                "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=0
            )
            assert error["message"] == "Only model output audio messages can be truncated"


async def test_an_item_is_truncated_only_to_less(server: LoopbackServer, client: Client) -> None:
    item_id = (await client.ask("Hello"))["response"]["output"][0]["id"]
    for end_ms in (500, 500, 0):
        await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=end_ms)
        await client.until("conversation.item.truncated")
    assert server.conversation.find(item_id).truncated_ms == 0


# the beta dialect


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime"}, UNKNOWN, "session.type"),
        ({"audio": {}}, UNKNOWN, "session.audio"),
        ({"output_modalities": ["text"]}, UNKNOWN, "session.output_modalities"),
        ({"modalities": ["audio"]}, VALUE, "session.modalities"),
        ({"temperature": 0.5}, "decimal_below_min_value", "session.temperature"),
        ({"input_audio_format": "wav"}, VALUE, "session.input_audio_format"),
        (
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}},
            UNKNOWN,
            "session.turn_detection.idle_timeout_ms",
        ),
        ({"tools": [TOOL | {"type": "mcp"}]}, VALUE, "session.tools[0].type"),
        ({"max_output_tokens": 100}, UNKNOWN, "session.max_output_tokens"),
    ],
)
async def test_beta_refuses_what_only_ga_has(session: Event, code: str, param: str) -> None:
    async with LoopbackServer(dialect="beta") as server, client_of(server, headers=BETA_HEADERS) as client:
        error = await client.refusal("session.update", session=session)
        assert (error["code"], error["param"]) == (code, param)


async def test_beta_spells_assistant_content_its_own_way() -> None:
    async with LoopbackServer(dialect="beta") as server, client_of(server, headers=BETA_HEADERS) as client:
        await client.send("conversation.item.create", item=message("assistant", type="text", text="I see."))
        shown = (await client.until("conversation.item.created"))["item"]
        assert shown["content"] == [{"type": "text", "text": "I see."}]
        error = await client.refusal(
            "conversation.item.create", item=message("assistant", type="output_text", text="I see.")
        )
        assert (error["code"], error["param"]) == (VALUE, "item.content[0].type")


# the upgrade


@pytest.mark.parametrize(
    ("path", "headers", "status", "told"),
    [
        ("/v1/realtime?model=m", {}, 401, "Missing bearer authentication in header."),
        ("/v1/realtime?model=m", {"Authorization": "Bearer "}, 401, "Missing bearer authentication in header."),
        ("/v1/realtime?model=m", {"api-key": "x"}, 401, "Missing bearer authentication in header."),
        ("/v1/realtime?model=m", {"Authorization": "Bearer wrong"}, 401, "Incorrect API key provided."),
        ("/v1/realtime", {"Authorization": "Bearer right"}, 400, "You must provide a model parameter."),
        ("/realtime?model=m", {"Authorization": "Bearer right"}, 404, "Invalid URL (GET /realtime)"),
        ("/v1/responses", {"Authorization": "Bearer right"}, 404, "Invalid URL (GET /v1/responses)"),
    ],
)
async def test_not_everybody_gets_in(path: str, headers: dict[str, str], status: int, told: str) -> None:
    async with LoopbackServer(valid_key="right") as server:
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(server, path=path, headers=headers):
                pass
        assert refused.value.response.status_code == status
        error = json.loads(refused.value.response.body or b"")["error"]
        assert error["message"].startswith(told)
        assert [found.connection for found in server.violations] == [1]
        assert server.connections == (0, 0, 1)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/realtime?model=m", {"Authorization": "Bearer right"}),
        ("/openai/v1/realtime?model=m", {"Authorization": "Bearer right"}),
        ("/openai/v1/realtime?model=m", {"api-key": "right"}),
    ],
)
async def test_the_right_key_opens(path: str, headers: dict[str, str]) -> None:
    async with LoopbackServer(valid_key="right") as server, client_of(server, path=path, headers=headers) as client:
        assert client.events[0]["session"]["model"] == "m"


@pytest.mark.parametrize(
    ("dialect", "path", "headers", "code"),
    [
        ("ga", "/v1/realtime?model=gpt-realtime", BETA_HEADERS, "beta_api_shape_disabled"),
        ("beta", "/v1/realtime?model=gpt-realtime", GA_HEADERS, "missing_beta_header"),
        ("ga", "/v1/realtime?model=gpt-live-1", GA_HEADERS, "invalid_model"),
    ],
)
async def test_some_are_sent_away_after_the_upgrade(
    dialect: Any, path: str, headers: dict[str, str], code: str
) -> None:
    async with LoopbackServer(dialect=dialect) as server:
        async with client_of(server, path=path, headers=headers, greeted=False) as client:
            event = await client.next()
            assert (event["type"], event["error"]["code"]) == ("error", code)
            with pytest.raises(ConnectionClosed) as closed:
                await client.next()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, f"invalid_request_error.{code}")
        assert [found.code for found in server.violations] == [code]


async def test_a_lenient_beta_server_needs_no_header() -> None:
    async with LoopbackServer(dialect="beta", needs_beta_header=False) as server, client_of(server) as client:
        assert (await client.next())["type"] == "conversation.created"
