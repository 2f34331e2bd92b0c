"""What a chat request must look like, as the real server judges it."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from voiced.testing.http.catalogue import Catalogue, efforts, thinks, tools_need_no_thought
from voiced.testing.http.refusal import Refusal, bad_request, not_on_loopback
from voiced.testing.http.script import text_of
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
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection

NAME: Final = r"[a-zA-Z0-9_-]{1,64}"

LONGEST_CALL_ID: Final = 40
"""Newer models take 64; who keeps below 40 is safe with all."""

MOST_TOOLS: Final = 128
MOST_IMAGE_BYTES: Final = 20 * 1024 * 1024

BLIND: Final = re.compile(r"gpt-3\.5|gpt-4(-0613|-0314|-32k.*)?$|o1-mini|o3-mini")

_MAGIC: Final = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "webp": (b"RIFF",),
}


def check(body: Any, catalogue: Catalogue) -> dict[str, Any]:
    """The request when it is right. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    catalogue.judge(body.get("model"), "chat")
    try:
        _REQUEST(body, "")
        _tools(body)
        _format(body)
        _options(body)
    except Rejection as why:
        raise Refusal(400, why) from None
    _order(body["messages"])
    for index, message in enumerate(body["messages"]):
        _sees(body["model"], message, index)
    for name in ("audio", "functions", "function_call", "web_search_options", "prediction", "moderation"):
        if body.get(name) is not None:
            raise not_on_loopback(f"does nothing with {name!r}")
    return body


def filled(inner: Check, most: int | None = None) -> Check:
    """An array that is not empty, of at most `most` members."""
    members = array(inner)

    def judge(value: Any, path: str) -> None:
        if value == []:
            expected = "Expected an array with minimum length 1, but got an empty array instead."
            raise Rejection(f"Invalid '{path}': empty array. {expected}", "empty_array", path)
        if most is not None and isinstance(value, list) and len(value) > most:
            expected = f"Expected an array with maximum length {most}, but got one with length {len(value)} instead."
            raise Rejection(f"Invalid '{path}': array too long. {expected}", "array_above_max_length", path)
        members(value, path)

    return judge


def _text_or(parts: dict[str, Check]) -> Check:
    """Text, or a list of parts."""
    listed = filled(tagged("type", parts))

    def judge(value: Any, path: str) -> None:
        if not isinstance(value, str | list):
            raise rejection.wrong_type(path, "one of a string or array of objects", value)
        if isinstance(value, list):
            listed(value, path)

    return judge


_TEXT: Final = obj({"type": anything, "text": string(), "prompt_cache_breakpoint": any_object}, "text")


def judge_image_url(value: Any, path: str) -> None:
    string()(value, path)
    if value.startswith(("https://", "http://")):
        return
    found = re.match(r"data:([^;,]*);base64,", value)
    if found is None:
        raise Rejection(
            f"Invalid '{path}'. Expected a valid URL or a base64-encoded data URL, but got an invalid value.",
            "invalid_value",
            path,
        )
    kind = found[1].removeprefix("image/").replace("jpg", "jpeg")
    if not found[1].startswith("image/") or kind not in _MAGIC:
        message = (
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
            "['png', 'jpeg', 'gif', 'webp']."
        )
        raise Rejection(message, "invalid_image_format", path)
    try:
        image = base64.b64decode(value[found.end() :], validate=True)
    except ValueError:
        raise Rejection(f"Invalid base64 image_url in '{path}'.", "invalid_base64", path) from None
    if len(image) > MOST_IMAGE_BYTES:
        raise Rejection(f"Image in '{path}' is larger than {MOST_IMAGE_BYTES} bytes.", "image_too_large", path)
    if not image.startswith(_MAGIC[kind]):
        message = "The image data you provided does not represent a valid image. Please check your input and try again."
        raise Rejection(message, "image_parse_error", path)


_IMAGE: Final = obj(
    {
        "type": anything,
        "image_url": obj({"url": judge_image_url, "detail": one_of("auto", "low", "high")}, "url"),
        "prompt_cache_breakpoint": any_object,
    },
    "image_url",
)
_SOUND: Final = obj(
    {
        "type": anything,
        "input_audio": obj({"data": string(), "format": one_of("wav", "mp3")}, "data", "format"),
        "prompt_cache_breakpoint": any_object,
    },
    "input_audio",
)
_FILE: Final = obj({"type": anything, "file": any_object, "prompt_cache_breakpoint": any_object}, "file")
_REFUSAL: Final = obj({"type": anything, "refusal": string()}, "refusal")

_CALLED: Final = obj({"name": string(pattern=NAME), "arguments": string()}, "name", "arguments")
_CALL: Final = tagged(
    "type",
    {
        "function": obj({"id": string(LONGEST_CALL_ID), "type": anything, "function": _CALLED}, "id", "function"),
        "custom": obj({"id": string(LONGEST_CALL_ID), "type": anything, "custom": any_object}, "id", "custom"),
    },
)

_INSTRUCTIONS: Final = obj({"role": anything, "content": _text_or({"text": _TEXT}), "name": string()}, "content")
_USER: Final = _text_or({"text": _TEXT, "image_url": _IMAGE, "input_audio": _SOUND, "file": _FILE})
_MESSAGE: Final = tagged(
    "role",
    {
        "system": _INSTRUCTIONS,
        "developer": _INSTRUCTIONS,
        "user": obj({"role": anything, "content": _USER, "name": string()}, "content"),
        "assistant": obj(
            {
                "role": anything,
                "content": nullable(_text_or({"text": _TEXT, "refusal": _REFUSAL})),
                "name": string(),
                "refusal": nullable(string()),
                "audio": nullable(obj({"id": string()}, "id")),
                "tool_calls": filled(_CALL, MOST_TOOLS),
                "function_call": nullable(_CALLED),
                # What an answer has and an SDK sends back with it; the real server takes it.
                "annotations": array(any_object),
            }
        ),
        "tool": obj(
            {"role": anything, "content": _text_or({"text": _TEXT}), "tool_call_id": string()},
            "content",
            "tool_call_id",
        ),
        "function": obj({"role": anything, "content": nullable(string()), "name": string(pattern=NAME)}, "name"),
    },
)

_TOOL: Final = tagged(
    "type",
    {
        "function": obj(
            {
                "type": anything,
                "function": obj(
                    {
                        "name": string(pattern=NAME),
                        "description": string(),
                        "parameters": any_object,
                        "strict": nullable(boolean),
                    },
                    "name",
                ),
            },
            "function",
        ),
        "custom": obj({"type": anything, "custom": any_object}, "custom"),
    },
)
_CHOICE: Final = either(
    one_of("none", "auto", "required"),
    tagged(
        "type",
        {
            "function": obj({"type": anything, "function": obj({"name": string()}, "name")}, "function"),
            "allowed_tools": obj({"type": anything, "allowed_tools": any_object}, "allowed_tools"),
            "custom": obj({"type": anything, "custom": any_object}, "custom"),
        },
    ),
)
_SCHEMA: Final = obj(
    {"name": string(pattern=NAME), "description": string(), "schema": any_object, "strict": nullable(boolean)}, "name"
)
_FORMAT: Final = tagged(
    "type",
    {
        "text": obj({"type": anything}),
        "json_object": obj({"type": anything}),
        "json_schema": obj({"type": anything, "json_schema": _SCHEMA}, "json_schema"),
    },
)
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "messages": filled(_MESSAGE),
    "stream": nullable(boolean),
    "stream_options": nullable(obj({"include_usage": boolean, "include_obfuscation": boolean})),
    "tools": filled(_TOOL, MOST_TOOLS),
    "tool_choice": _CHOICE,
    "parallel_tool_calls": boolean,
    "max_tokens": nullable(integer(1)),
    "max_completion_tokens": nullable(integer(1)),
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "presence_penalty": nullable(number(-2, 2)),
    "frequency_penalty": nullable(number(-2, 2)),
    "n": nullable(integer(1, 128)),
    "stop": nullable(either(string(), filled(string(), 4))),
    "seed": nullable(integer(-(2**63), 2**63 - 1)),
    "logit_bias": nullable(any_object),
    "logprobs": nullable(boolean),
    "top_logprobs": nullable(integer(0, 20)),
    "response_format": _FORMAT,
    "reasoning_effort": nullable(one_of(*_EFFORTS)),
    "verbosity": nullable(one_of("low", "medium", "high")),
    "modalities": nullable(filled(one_of("text", "audio"))),
    "service_tier": nullable(one_of("auto", "default", "flex", "scale", "priority", "fast")),
    "metadata": nullable(metadata),
    "store": nullable(boolean),
    "user": string(),
    "safety_identifier": nullable(string(64)),
    "prompt_cache_key": nullable(string()),
    "prompt_cache_retention": nullable(one_of("in_memory", "24h")),
    "prompt_cache_options": any_object,
    "audio": nullable(any_object),
    "moderation": nullable(any_object),
    "prediction": nullable(any_object),
    "web_search_options": any_object,
    "functions": filled(any_object, MOST_TOOLS),
    "function_call": either(one_of("none", "auto"), any_object),
}
_REQUEST: Final = obj(_SHAPES, "messages")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if body.get(name) is not None and body[name] != "none":
                message = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
                raise Rejection(message, None, name)
        return
    functions = [tool["function"] for tool in tools if tool["type"] == "function"]
    for index, function in enumerate(functions):
        judge_parameters(function, f"tools[{index}].function.parameters")
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "function":
        name = choice["function"]["name"]
        if name not in {function["name"] for function in functions}:
            raise Rejection(f"Tool choice '{name}' not found in 'tools' parameter.", None, "tool_choice")


def judge_parameters(function: dict[str, Any], path: str) -> None:
    """Whether the schema of a function is one. Raises `Rejection`."""
    name, schema = function["name"], function.get("parameters")
    if schema is None:
        return
    if schema and schema.get("type") != "object":
        message = (
            f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', "
            f"got 'type: \"{schema.get('type')}\"'."
        )
        raise Rejection(message, "invalid_function_parameters", path)
    if schema and "properties" not in schema and function.get("strict"):
        message = f"Invalid schema for function '{name}': In context=(), object schema missing properties."
        raise Rejection(message, "invalid_function_parameters", path)
    if function.get("strict"):
        judge_strict(schema, f"function '{name}'", path)


def _format(body: dict[str, Any]) -> None:
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_object" and not any("json" in text_of(each).lower() for each in body["messages"]):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise Rejection(message, None, "messages")
    if wanted["type"] == "json_schema" and "schema" in wanted["json_schema"]:
        schema, what = wanted["json_schema"]["schema"], f"response_format '{wanted['json_schema']['name']}'"
        if schema.get("type") != "object":
            message = (
                f"Invalid schema for {what}: schema must be a JSON Schema of 'type: \"object\"', got 'type: "
                f'"{schema.get("type")}"\'.'
            )
            raise Rejection(message, None, "response_format")
        if wanted["json_schema"].get("strict"):
            judge_strict(schema, what, "response_format", code=None)


def judge_strict(
    schema: Any, what: str, path: str, context: tuple[str, ...] = (), code: str | None = "invalid_function_parameters"
) -> None:
    """Strict schemas forbid what they do not name, and require all that they do. Raises `Rejection`."""

    def wrong(why: str) -> Rejection:
        return Rejection(f"Invalid schema for {what}: In context={context}, {why}", code, path)

    if not isinstance(schema, dict):
        raise wrong(f"{schema!r} is not of type 'object', 'boolean'.")
    for keyword, kind in (("properties", dict), ("$defs", dict), ("definitions", dict), ("required", list)):
        if not isinstance(schema.get(keyword, kind()), kind):
            raise wrong(f"{schema[keyword]!r} is not of type '{'object' if kind is dict else 'array'}'.")
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            raise wrong("'additionalProperties' is required to be supplied and to be false.")
        missing = [key for key in schema.get("properties", {}) if key not in schema.get("required", [])]
        if missing:
            raise wrong(
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{missing[0]}'."
            )
    for keyword in ("properties", "$defs", "definitions"):
        for key, member in schema.get(keyword, {}).items():
            judge_strict(member, what, path, (*context, keyword, key), code)
    if "items" in schema:
        judge_strict(schema["items"], what, path, (*context, "items"), code)
    if not isinstance(schema.get("anyOf", []), list):
        raise wrong(f"{schema['anyOf']!r} is not of type 'array'.")
    for index, member in enumerate(schema.get("anyOf", [])):
        judge_strict(member, what, path, (*context, "anyOf", str(index)), code)


def _options(body: dict[str, Any]) -> None:
    model, effort = body["model"], body.get("reasoning_effort")
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Rejection(message, None, "stream_options")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise Rejection("'top_logprobs' is only allowed when 'logprobs' is enabled.", None, "top_logprobs")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Rejection(message, "invalid_parameter_combination", "max_tokens")
    known = efforts(model)
    if effort is not None and is_of_openai(model):
        if not known:
            raise Rejection("Unrecognized request argument supplied: reasoning_effort")
        if effort not in known:
            listed = ", ".join(f"'{value}'" for value in known)
            message = (
                f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
                f"Supported values are: {listed}."
            )
            raise Rejection(message, "unsupported_value", "reasoning_effort")
    if known and body.get("max_tokens") is not None:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Rejection(message, "unsupported_parameter", "max_tokens")
    if thinks(model, effort):
        _while_thinking(body)


def _while_thinking(body: dict[str, Any]) -> None:
    for name, default in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        if body.get(name) not in (None, default):
            message = (
                f"Unsupported value: '{name}' does not support {body[name]} with this model. "
                f"Only the default ({default}) value is supported."
            )
            raise Rejection(message, "unsupported_value", name)
    for name in ("stop", "logprobs", "logit_bias"):
        if body.get(name):
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise Rejection(message, "unsupported_parameter", name)
    model = body["model"]
    if body.get("tools") and tools_need_no_thought(model):
        message = (
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        )
        raise Rejection(message, None, "reasoning_effort")


def _order(messages: list[dict[str, Any]]) -> None:
    """Each tool message answers a call of the assistant message before it, and each call is answered."""
    open_calls: dict[str, bool] = {}  # call id → answered
    after_calls = False
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            _is_asked_for(message["tool_call_id"], open_calls, after_calls, index)
            open_calls[message["tool_call_id"]] = True
            continue
        _all_answered(open_calls, index)
        calls = message.get("tool_calls") or [] if message["role"] == "assistant" else []
        after_calls = bool(calls)
        open_calls = {}
        for call in calls:
            if call["id"] in open_calls:
                where = f"messages.[{index}].tool_calls"
                raise bad_request(f"Duplicate value for 'tool_call_id' of '{call['id']}' in message[{index}]", where)
            open_calls[call["id"]] = False
        if message["role"] == "assistant" and not calls:
            _says_something(message, index)
    _all_answered(open_calls, len(messages))


def _is_asked_for(call_id: str, open_calls: dict[str, bool], after_calls: bool, index: int) -> None:
    if not after_calls:
        raise bad_request(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            f"messages.[{index}].role",
        )
    if call_id not in open_calls:
        raise bad_request(
            f"Invalid parameter: 'tool_call_id' of '{call_id}' not found in 'tool_calls' of previous message.",
            f"messages.[{index}].tool_call_id",
        )
    if open_calls[call_id]:
        raise bad_request(
            f"Duplicate value for 'tool_call_id' of '{call_id}' in message[{index}]",
            f"messages.[{index}].tool_call_id",
        )


def _all_answered(open_calls: dict[str, bool], index: int) -> None:
    missing = [call for call, answered in open_calls.items() if not answered]
    if missing:
        raise bad_request(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(missing),
            f"messages.[{index}].role",
        )


def _says_something(message: dict[str, Any], index: int) -> None:
    others = ("refusal", "function_call", "audio")
    if message.get("content") is None and all(message.get(name) is None for name in others):
        raise bad_request("Invalid value for 'content': expected a string, got null.", f"messages.[{index}].content")


def _sees(model: str, message: dict[str, Any], index: int) -> None:
    parts = message.get("content")
    for place, part in enumerate(parts if isinstance(parts, list) else []):
        where = f"messages.[{index}].content.[{place}].type"
        if part["type"] == "image_url" and BLIND.match(model):
            raise bad_request("Invalid content type. image_url is only supported by certain models.", where)
        if part["type"] == "input_audio" and "audio" not in model:
            raise bad_request("Invalid content type. input_audio is only supported by certain models.", where)


def is_of_openai(model: str) -> bool:
    return re.match(r"gpt-|o\d|chatgpt-", model) is not None
