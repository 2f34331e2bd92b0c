"""What the commands, the history and the settings look like on the wire, in either dialect."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from voiced.audio import Ms
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import Encoder
from voiced.brains.realtime.wire.encode import LONGEST_APPEND
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    BrainCommand,
    CancelReply,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    ExpectAnswer,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    TruncateReply,
    UpdateTools,
    UserSaid,
)
from voiced.conversation.events import CallId, Image, ItemId, ReplyId, SessionId, ToolSpec
from voiced.conversation.settings import TurnEnd

S = SessionId(1)
LAMP = ToolSpec("lamp", "Switch the lamp.", {"type": "object", "properties": {}})
LAMP_ON_WIRE = {
    "type": "function",
    "name": "lamp",
    "description": "Switch the lamp.",
    "parameters": {"type": "object", "properties": {}},
}
PICTURE = Image("image/png", b"png")


def written(command: BrainCommand, encoder: Encoder | None = None) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (encoder or Encoder("ga")).encode(command)]


def session(settings: RealtimeSettings, turn_end: TurnEnd = "local", encoder: Encoder | None = None) -> dict[str, Any]:
    message = json.loads((encoder or Encoder("ga")).configure(settings, turn_end, (LAMP,)))
    assert message["type"] == "session.update"
    assert message["event_id"] == "session-1"
    configured: dict[str, Any] = message["session"]
    return configured


def test_a_turn() -> None:
    encoder = Encoder("ga")
    turn: list[BrainCommand] = [
        StreamUtterance(S, b"\x01\x00"),
        CommitUtterance(S),
        StartReply(S),
        CancelReply(S, None),
        CancelReply(S, ReplyId("resp_1")),
        TruncateReply(S, ItemId("item_1"), Ms(320)),
        DeleteItem(S, ItemId("item_1")),
        DiscardUtterance(S),
        SendToolResult(S, CallId("call_1"), "on"),
        UpdateTools(S, (LAMP,)),
    ]
    assert [message for command in turn for message in written(command, encoder)] == [
        {"type": "input_audio_buffer.append", "event_id": "audio", "audio": "AQA="},
        {"type": "input_audio_buffer.commit", "event_id": "commit-1"},
        {"type": "response.create", "event_id": "reply-2"},
        {"type": "response.cancel", "event_id": "cancel-3"},
        {"type": "response.cancel", "event_id": "cancel-4", "response_id": "resp_1"},
        {
            "type": "conversation.item.truncate",
            "event_id": "truncate-5",
            "item_id": "item_1",
            "content_index": 0,
            "audio_end_ms": 320,
        },
        {"type": "conversation.item.delete", "event_id": "delete-6", "item_id": "item_1"},
        {"type": "input_audio_buffer.clear", "event_id": "audio-7"},
        {
            "type": "conversation.item.create",
            "event_id": "tool_result-8",
            "item": {"type": "function_call_output", "call_id": "call_1", "output": "on"},
        },
        {
            "type": "session.update",
            "event_id": "session-9",
            "session": {"type": "realtime", "tools": [LAMP_ON_WIRE], "tool_choice": "auto"},
        },
    ]


def test_an_announcement_is_said_word_for_word_out_of_context_and_calls_no_tool() -> None:
    (message,) = written(StartReply(S, announce="Dinner is ready."))
    assert message["response"] == {
        "instructions": "Say exactly the following, word for word, and nothing else:\nDinner is ready.",
        "input": [],
        "tool_choice": "none",
    }


def test_a_typed_turn_with_a_picture() -> None:
    (message,) = written(SendText(S, "What is this?", (PICTURE,)))
    assert message["item"] == {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
        ],
    }


def test_pictures_of_a_tool_come_behind_its_result() -> None:
    result, pictures = written(SendToolResult(S, CallId("call_1"), "the door", "Here it is.", (PICTURE,)))
    assert result["item"] == {"type": "function_call_output", "call_id": "call_1", "output": "the door"}
    assert pictures["item"] == {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "[what the tool returned as a picture]"},
            {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
        ],
    }


def test_a_history_has_the_pictures_of_its_tools() -> None:
    used = ToolUsed(CallId("call_1"), "look", "{}", "the door", images=(PICTURE,))
    kinds = [json.loads(message)["item"]["type"] for message in Encoder("ga").replay([used])]
    assert kinds == ["function_call", "function_call_output", "message"]


def test_an_answer_that_is_expected_needs_no_message() -> None:
    assert written(ExpectAnswer(S, ())) == []


def test_beta_has_no_pictures_and_says_so_to_the_model() -> None:
    (message,) = written(SendText(S, "", (PICTURE,)), Encoder("beta"))
    assert message["item"]["content"] == [{"type": "input_text", "text": "[a picture, which this server can't see]"}]


def test_a_long_utterance_goes_out_in_pieces_and_an_empty_one_not_at_all() -> None:
    pcm = bytes(range(256)) * 1000
    pieces = [b64decode(message["audio"]) for message in written(StreamUtterance(S, pcm))]
    assert b"".join(pieces) == pcm
    assert max(map(len, pieces)) == LONGEST_APPEND
    assert written(StreamUtterance(S, b"")) == []


HISTORY = (
    UserSaid("Lamp on", images=(PICTURE,)),
    ToolUsed(CallId("call_1"), "lamp", "{}", "on"),
    AssistantSaid("It is on."),
    UserSaid(None, pcm=b"\x01\x00"),
    UserSaid(None),
    AssistantSaid(""),
)


def test_the_history_is_replayed_as_items_and_what_was_not_heard_left_out() -> None:
    expected = [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Lamp on"},
                {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
            ],
        },
        {"type": "function_call", "call_id": "call_1", "name": "lamp", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "on"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is on."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AQA="}]},
    ]
    assert [json.loads(text)["item"] for text in Encoder("ga").replay(HISTORY)] == expected
    assert [message["item"] for message in written(AddHistory(S, HISTORY))] == expected


def test_beta_calls_what_the_assistant_said_text() -> None:
    (text,) = Encoder("beta").replay([AssistantSaid("It is on.")])
    assert json.loads(text)["item"]["content"] == [{"type": "text", "text": "It is on."}]


def test_the_session_as_it_is_out_of_the_box() -> None:
    settings = RealtimeSettings()
    assert session(settings) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": None,
                "noise_reduction": {"type": "far_field"},
                "transcription": {"model": "gpt-transcribe"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
        "max_output_tokens": "inf",
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
        "instructions": settings.instructions,
        "tools": [LAMP_ON_WIRE],
        "tool_choice": "auto",
    }


def test_the_same_session_in_beta() -> None:
    settings = RealtimeSettings()
    assert session(settings, encoder=Encoder("beta")) == {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "turn_detection": None,
        "output_audio_format": "pcm16",
        "voice": "marin",
        "speed": 1.0,
        "max_response_output_tokens": "inf",
        "input_audio_noise_reduction": {"type": "far_field"},
        "input_audio_transcription": {"model": "gpt-transcribe"},
        "instructions": settings.instructions,
        "tools": [LAMP_ON_WIRE],
        "tool_choice": "auto",
    }


def test_whoever_ends_the_turn_the_server_neither_answers_nor_interrupts_by_itself() -> None:
    settings = RealtimeSettings(server_silence_ms=700, idle_timeout_ms=6000, eagerness="low")
    advice_only = {"create_response": False, "interrupt_response": False}
    server = {"type": "server_vad", "silence_duration_ms": 700, **advice_only}
    assert session(settings, "server")["audio"]["input"]["turn_detection"] == {**server, "idle_timeout_ms": 6000}
    assert session(settings, "server", Encoder("beta"))["turn_detection"] == server
    assert session(settings, "semantic")["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        **advice_only,
    }


def test_each_setting_reaches_the_server() -> None:
    chosen = session(
        RealtimeSettings(
            voice="cedar",
            speed=1.25,
            instructions="Be brief.",
            transcription_model="",
            noise_reduction="off",
            reasoning_effort="low",
            max_output_tokens=500,
            retention_ratio=0.5,
            context_tokens=8000,
        )
    )
    assert chosen["audio"]["output"] | chosen["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "cedar",
        "speed": 1.25,
        "turn_detection": None,
    }
    assert chosen["instructions"] == "Be brief."
    assert chosen["reasoning"] == {"effort": "low"}
    assert chosen["max_output_tokens"] == 500
    assert chosen["truncation"] == {
        "type": "retention_ratio",
        "retention_ratio": 0.5,
        "token_limits": {"post_instructions": 8000},
    }
    spoken = session(RealtimeSettings(retention_ratio=1, transcription_language="de"))
    assert spoken["truncation"] == "auto"
    assert spoken["audio"]["input"]["transcription"] == {"model": "gpt-transcribe", "language": "de"}


@pytest.mark.parametrize("text", ['He said "hi"\n', "grüß Gott", "\ud800"])
def test_any_text_survives_the_wire(text: str) -> None:
    (message,) = written(SendText(S, text))
    assert message["item"]["content"] == [{"type": "input_text", "text": text}]
