"""The client events' shapes, as tables of checks: GA first, then what beta has instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    array,
    boolean,
    either,
    integer,
    metadata,
    nullable,
    number,
    obj,
    one_of,
    pcm16,
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection

MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
"""Of audio in one `input_audio_buffer.append`."""

MAX_ID: Final = 32
"""Characters in an id chosen by the client."""

MAX_OUTPUT_TOKENS: Final = 4096

EVENT_ID: Final = string(512)
ID: Final = string(MAX_ID)


def _modalities_ga(value: Any, path: str) -> None:
    array(one_of("text", "audio"))(value, path)
    if value not in (["text"], ["audio"]):
        raise Rejection(
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio'].", "invalid_value", path
        )


def _modalities_beta(value: Any, path: str) -> None:
    array(one_of("text", "audio"))(value, path)
    if sorted(set(value)) not in (["text"], ["audio", "text"]):
        raise Rejection(
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio', 'text'].",
            "invalid_value",
            path,
        )


def _image_url(value: Any, path: str) -> None:
    string()(value, path)
    if not value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        raise Rejection(
            f"Invalid '{path}'. Expected a base64-encoded data URI of a png or jpeg image.", "invalid_value", path
        )


def _pcm16(value: Any, path: str) -> None:
    pcm16(value, path)


def _append_audio(value: Any, path: str) -> None:
    pcm16(value, path, MAX_APPEND_BYTES)


TOOL_NAME: Final = string(64, "[a-zA-Z0-9_-]+")
FUNCTION_TOOL: Final = obj(
    {
        "type": one_of("function"),
        "name": TOOL_NAME,
        "description": string(1024),
        "parameters": any_object,
    },
    "name",
)
MCP_TOOL: Final = obj(
    {
        "type": one_of("mcp"),
        "server_label": string(),
        "server_url": string(),
        "server_description": string(),
        "connector_id": string(),
        "authorization": string(),
        "headers": any_object,
        "allowed_tools": anything,
        "require_approval": anything,
    },
    "server_label",
)
TOOLS_GA: Final = array(tagged("type", {"function": FUNCTION_TOOL, "mcp": MCP_TOOL}))
TOOLS_BETA: Final = array(tagged("type", {"function": FUNCTION_TOOL}))

_CHOICE: Final = one_of("none", "auto", "required")
TOOL_CHOICE: Final = either(
    _CHOICE,
    tagged(
        "type",
        {
            "function": obj({"type": anything, "name": TOOL_NAME}, "name"),
            "mcp": obj({"type": anything, "server_label": string(), "name": string()}, "server_label"),
        },
    ),
)

MAX_TOKENS: Final = either(one_of("inf"), integer(1, MAX_OUTPUT_TOKENS))
VOICE: Final = either(string(), obj({"id": string()}, "id"))
SPEED: Final = number(0.25, 1.5)
REASONING: Final = nullable(obj({"effort": one_of("minimal", "low", "medium", "high", "xhigh")}))
PROMPT: Final = nullable(obj({"id": string(), "version": string(), "variables": any_object}, "id"))
TRACING: Final = nullable(
    either(one_of("auto"), obj({"workflow_name": string(), "group_id": string(), "metadata": any_object}))
)
TRUNCATION: Final = either(
    one_of("auto", "disabled"),
    obj(
        {
            "type": one_of("retention_ratio"),
            "retention_ratio": number(0.0, 1.0),
            "token_limits": obj({"post_instructions": integer(0)}),
        },
        "type",
        "retention_ratio",
    ),
)
INCLUDE: Final = nullable(array(one_of("item.input_audio_transcription.logprobs")))

FORMAT_GA: Final = tagged(
    "type",
    {
        # G.711 (audio/pcmu, audio/pcma) is left out: nothing that runs against this server speaks it.
        "audio/pcm": obj({"type": anything, "rate": one_of(24_000)}, "rate"),
    },
)
_SERVER_VAD: Final[Mapping[str, Check]] = {
    "type": anything,
    "threshold": number(0.0, 1.0),
    "prefix_padding_ms": integer(0),
    "silence_duration_ms": integer(0),
    "create_response": boolean,
    "interrupt_response": boolean,
}
_SEMANTIC_VAD: Final[Mapping[str, Check]] = {
    "type": anything,
    "eagerness": one_of("low", "medium", "high", "auto"),
    "create_response": boolean,
    "interrupt_response": boolean,
}
TURN_DETECTION_GA: Final = nullable(
    tagged(
        "type",
        {
            "server_vad": obj({**_SERVER_VAD, "idle_timeout_ms": nullable(integer(5_000, 30_000))}),
            "semantic_vad": obj(_SEMANTIC_VAD),
        },
    )
)
TURN_DETECTION_BETA: Final = nullable(
    tagged("type", {"server_vad": obj(_SERVER_VAD), "semantic_vad": obj(_SEMANTIC_VAD)})
)
_NOISE: Final = one_of("near_field", "far_field")

AUDIO_INPUT_GA: Final = obj(
    {
        "format": FORMAT_GA,
        "noise_reduction": nullable(obj({"type": _NOISE, "strength": number(0.0, 1.0)}, "type")),
        "transcription": nullable(
            obj(
                {
                    "model": string(),
                    "language": nullable(string()),
                    "languages": array(string()),
                    "keywords": array(string()),
                    "prompt": nullable(string()),
                    "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
                }
            )
        ),
        "turn_detection": TURN_DETECTION_GA,
    }
)
SESSION_GA: Final = obj(
    {
        "type": one_of("realtime"),
        "model": string(),
        "output_modalities": _modalities_ga,
        "instructions": string(),
        "audio": obj(
            {
                "input": AUDIO_INPUT_GA,
                "output": obj({"format": FORMAT_GA, "voice": VOICE, "speed": SPEED}),
            }
        ),
        "tools": TOOLS_GA,
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": REASONING,
        "max_output_tokens": MAX_TOKENS,
        "truncation": TRUNCATION,
        "prompt": PROMPT,
        "tracing": TRACING,
        "include": INCLUDE,
    },
    "type",
)
SESSION_BETA: Final = obj(
    {
        "model": string(),
        "modalities": _modalities_beta,
        "instructions": string(),
        "voice": string(),
        "speed": SPEED,
        "input_audio_format": one_of("pcm16"),
        "output_audio_format": one_of("pcm16"),
        "input_audio_transcription": nullable(
            obj({"model": string(), "language": nullable(string()), "prompt": nullable(string())})
        ),
        "input_audio_noise_reduction": nullable(obj({"type": _NOISE}, "type")),
        "turn_detection": TURN_DETECTION_BETA,
        "tools": TOOLS_BETA,
        "tool_choice": _CHOICE,
        "temperature": number(0.6, 1.2),
        "max_response_output_tokens": MAX_TOKENS,
        "tracing": TRACING,
        "client_secret": any_object,
    }
)


def _message(role_parts: Mapping[str, Check], extra: Mapping[str, Check] | None = None) -> Check:
    return obj(
        {
            "id": ID,
            "object": one_of("realtime.item"),
            "type": anything,
            "status": one_of("completed", "incomplete", "in_progress"),
            "role": anything,
            "content": array(tagged("type", role_parts)),
            **(extra or {}),
        },
        "content",
    )


_TYPE: Final[Mapping[str, Check]] = {"type": anything}
_INPUT_TEXT: Final = obj({**_TYPE, "text": string()}, "text")
_AUDIO: Final[Mapping[str, Check]] = {**_TYPE, "transcript": nullable(string())}
_USER_AUDIO: Final = obj({**_AUDIO, "audio": _pcm16}, "audio")
_ASSISTANT_AUDIO: Final = obj({**_AUDIO, "audio": _pcm16})
_IMAGE: Final = obj({**_TYPE, "image_url": _image_url, "detail": one_of("auto", "low", "high")}, "image_url")

_ITEM: Final[Mapping[str, Check]] = {
    "id": ID,
    "object": one_of("realtime.item"),
    "type": anything,
    "status": one_of("completed", "incomplete", "in_progress"),
}
_FUNCTION_ITEMS: Final[Mapping[str, Check]] = {
    "function_call": obj({**_ITEM, "call_id": ID, "name": TOOL_NAME, "arguments": string()}, "name", "arguments"),
    "function_call_output": obj({**_ITEM, "call_id": ID, "output": string()}, "call_id", "output"),
}

ITEM_GA: Final = tagged(
    "type",
    {
        "message": tagged(
            "role",
            {
                "system": _message({"input_text": _INPUT_TEXT}),
                "user": _message({"input_text": _INPUT_TEXT, "input_audio": _USER_AUDIO, "input_image": _IMAGE}),
                "assistant": _message(
                    {"output_text": _INPUT_TEXT, "output_audio": _ASSISTANT_AUDIO},
                    {"phase": one_of("commentary", "final_answer")},
                ),
            },
        ),
        **_FUNCTION_ITEMS,
    },
)
ITEM_BETA: Final = tagged(
    "type",
    {
        "message": tagged(
            "role",
            {
                "system": _message({"input_text": _INPUT_TEXT}),
                "user": _message({"input_text": _INPUT_TEXT, "input_audio": _USER_AUDIO}),
                "assistant": _message({"text": _INPUT_TEXT, "audio": _ASSISTANT_AUDIO}),
            },
        ),
        **_FUNCTION_ITEMS,
    },
)
_REFERENCE: Final = obj({"type": anything, "id": string()}, "id")


def _input(item: Check) -> Check:
    def check(value: Any, path: str) -> None:
        refers = isinstance(value, dict) and value.get("type") == "item_reference"
        (_REFERENCE if refers else item)(value, path)

    return array(check)


RESPONSE_GA: Final = obj(
    {
        "conversation": one_of("auto", "none"),
        "input": _input(ITEM_GA),
        "instructions": string(),
        "tools": TOOLS_GA,
        "tool_choice": TOOL_CHOICE,
        "metadata": nullable(metadata),
        "output_modalities": _modalities_ga,
        "audio": obj({"output": obj({"format": FORMAT_GA, "voice": VOICE})}),
        "max_output_tokens": MAX_TOKENS,
        "prompt": PROMPT,
        "reasoning": REASONING,
        "parallel_tool_calls": boolean,
    }
)
RESPONSE_BETA: Final = obj(
    {
        "conversation": one_of("auto", "none"),
        "input": _input(ITEM_BETA),
        "instructions": string(),
        "tools": TOOLS_BETA,
        "tool_choice": _CHOICE,
        "metadata": nullable(metadata),
        "modalities": _modalities_beta,
        "voice": string(),
        "output_audio_format": one_of("pcm16"),
        "temperature": number(0.6, 1.2),
        # The openapi description and the SDK disagree on the name; take both.
        "max_response_output_tokens": MAX_TOKENS,
        "max_output_tokens": MAX_TOKENS,
    }
)


def client_events(session: Check, response: Check, item: Check) -> Mapping[str, Check]:
    """Event type → its shape, from the three shapes in which the dialects differ."""
    plain: Mapping[str, Check] = {"type": anything, "event_id": EVENT_ID}
    return {
        "session.update": obj({**plain, "session": session}, "session"),
        "input_audio_buffer.append": obj({**plain, "audio": _append_audio}, "audio"),
        "input_audio_buffer.commit": obj(plain),
        "input_audio_buffer.clear": obj(plain),
        "conversation.item.create": obj({**plain, "previous_item_id": nullable(string()), "item": item}, "item"),
        "conversation.item.retrieve": obj({**plain, "item_id": string()}, "item_id"),
        "conversation.item.truncate": obj(
            {**plain, "item_id": string(), "content_index": integer(0), "audio_end_ms": integer(0)},
            "item_id",
            "content_index",
            "audio_end_ms",
        ),
        "conversation.item.delete": obj({**plain, "item_id": string()}, "item_id"),
        "response.create": obj({**plain, "response": response}),
        "response.cancel": obj({**plain, "response_id": string()}),
    }


def check_client_event(event: Any, shapes: Mapping[str, Check]) -> None:
    """Raises `Rejection` where the real server would refuse `event` for its shape alone."""
    if not isinstance(event, dict):
        raise rejection.wrong_type("event", "an object", event)
    tagged("type", shapes)(event, "")
