"""What a request to /responses must look like, as the real server judges it."""

from __future__ import annotations

import json
from typing import Any, Final

from voiced.testing.http.catalogue import Catalogue, efforts, thinks
from voiced.testing.http.chat_request import MOST_TOOLS, NAME, filled, is_of_openai, judge_parameters, judge_strict
from voiced.testing.http.refusal import Refusal, bad_request, not_on_loopback
from voiced.testing.http.responses_input import judge_input
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

INCLUDE: Final = (
    "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
    "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    "reasoning.encrypted_content", "message.output_text.logprobs",
)  # fmt: skip

SEARCHES_OF_THE_WEB: Final = (
    "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"
)  # fmt: skip
HOSTED: Final = (*SEARCHES_OF_THE_WEB, "file_search", "code_interpreter", "image_generation")

_OTHER_TOOLS: Final = (
    "apply_patch", "computer", "computer_use_preview", "custom", "local_shell", "mcp", "namespace",
    "programmatic_tool_calling", "shell", "tool_search",
)  # fmt: skip
_OTHER_CHOICES: Final = (
    "apply_patch", "computer", "computer_use", "computer_use_preview", "custom", "mcp", "programmatic_tool_calling",
    "shell",
)  # fmt: skip

_LOCATION: Final = obj(
    {
        "type": one_of("approximate"),
        "country": nullable(string(pattern="[A-Za-z]{2}")),
        "region": nullable(string()),
        "city": nullable(string()),
        "timezone": nullable(string()),
    }
)
_SIZES: Final = one_of("low", "medium", "high")
_WEB: Final = {"type": anything, "user_location": nullable(_LOCATION), "search_context_size": _SIZES}
_DOMAINS: Final = nullable(obj({"allowed_domains": nullable(filled(string(), 100))}))
_WEB_SEARCH: Final = obj(_WEB | {"filters": _DOMAINS, "external_web_access": boolean})
_WEB_PREVIEW: Final = obj(_WEB | {"search_content_types": array(one_of("text", "image"))})


def _value(value: Any, path: str) -> None:
    if not isinstance(value, list):
        value = [value]
    for each in value:
        if not isinstance(each, str | int | float):
            message = f"Invalid type for '{path}': expected one of a string, number, boolean or array."
            raise Rejection(message, "invalid_type", path)


def _filters(value: Any, path: str) -> None:
    compare = obj({"type": anything, "key": string(), "value": _value}, "key", "value")
    combine = obj({"type": anything, "filters": array(_filters)}, "filters")
    comparisons = dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"), compare)
    tagged("type", comparisons | dict.fromkeys(("and", "or"), combine))(value, path)


_RANKING: Final = obj(
    {
        "ranker": one_of("auto", "default-2024-11-15"),
        "score_threshold": number(0, 1),
        "hybrid_search": obj(
            {"embedding_weight": number(0, 1), "text_weight": number(0, 1)}, "embedding_weight", "text_weight"
        ),
    }
)
_CONTAINER: Final = either(
    string(pattern="cntr_.*"),
    tagged(
        "type",
        {
            "auto": obj(
                {
                    "type": anything,
                    "file_ids": filled(string(), 50),
                    "memory_limit": nullable(one_of("1g", "4g", "16g", "64g")),
                    "network_policy": any_object,
                }
            )
        },
    ),
)
_DRAWING: Final = obj(
    {
        "type": anything,
        "model": string(),
        "quality": one_of("low", "medium", "high", "auto"),
        "size": string(pattern=r"auto|\d{2,4}x\d{2,4}"),
        "output_format": one_of("png", "webp", "jpeg"),
        "output_compression": integer(0, 100),
        "moderation": one_of("auto", "low"),
        "background": one_of("transparent", "opaque", "auto"),
        "input_fidelity": nullable(one_of("high", "low")),
        "input_image_mask": obj({"image_url": string(), "file_id": string()}),
        "partial_images": integer(0, 3),
        "action": one_of("generate", "edit", "auto"),
    }
)
_TOOL: Final = tagged(
    "type",
    {
        "function": obj(
            {
                "type": anything,
                "name": string(pattern=NAME),
                "description": nullable(string()),
                "parameters": nullable(any_object),
                "output_schema": nullable(any_object),
                "strict": nullable(boolean),
                "defer_loading": boolean,
                "allowed_callers": nullable(array(string())),
            },
            "name",
            "parameters",
        ),
        **dict.fromkeys(SEARCHES_OF_THE_WEB[:2], _WEB_SEARCH),
        **dict.fromkeys(SEARCHES_OF_THE_WEB[2:], _WEB_PREVIEW),
        "file_search": obj(
            {
                "type": anything,
                "vector_store_ids": filled(string()),
                "max_num_results": integer(1, 50),
                "ranking_options": _RANKING,
                "filters": nullable(_filters),
            },
            "vector_store_ids",
        ),
        "code_interpreter": obj(
            {"type": anything, "container": _CONTAINER, "allowed_callers": nullable(filled(string()))}, "container"
        ),
        "image_generation": _DRAWING,
        **dict.fromkeys(_OTHER_TOOLS, any_object),
    },
)
_CHOICE: Final = either(
    one_of("none", "auto", "required"),
    tagged(
        "type",
        {
            "function": obj({"type": anything, "name": string()}, "name"),
            "allowed_tools": obj(
                {"type": anything, "mode": one_of("auto", "required"), "tools": filled(any_object, MOST_TOOLS)},
                "mode",
                "tools",
            ),
            **dict.fromkeys(HOSTED, obj({"type": anything})),
            **dict.fromkeys(_OTHER_CHOICES, any_object),
        },
    ),
)
_FORMAT: Final = tagged(
    "type",
    {
        "text": obj({"type": anything}),
        "json_object": obj({"type": anything}),
        "json_schema": obj(
            {
                "type": anything,
                "name": string(pattern=NAME),
                "description": string(),
                "schema": any_object,
                "strict": nullable(boolean),
            },
            "name",
            "schema",
        ),
    },
)
_SUMMARIES: Final = nullable(one_of("auto", "concise", "detailed"))
_REASONING: Final = obj(
    {
        "effort": nullable(one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")),
        "summary": _SUMMARIES,
        "generate_summary": _SUMMARIES,
        "mode": string(),
        "context": nullable(one_of("auto", "current_turn", "all_turns")),
    }
)


def _response_id(value: Any, path: str) -> None:
    string()(value, path)
    if not value.startswith("resp"):
        message = f"Invalid '{path}': '{value}'. Expected an ID that begins with 'resp'."
        raise Rejection(message, "invalid_value", path)


_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "input": judge_input,
    "instructions": nullable(string()),
    "previous_response_id": nullable(_response_id),
    "tools": array(_TOOL),
    "tool_choice": _CHOICE,
    "parallel_tool_calls": nullable(boolean),
    "max_tool_calls": nullable(integer(1)),
    "max_output_tokens": nullable(integer(16)),
    "reasoning": nullable(_REASONING),
    "text": obj({"format": _FORMAT, "verbosity": nullable(_SIZES)}),
    "include": nullable(array(one_of(*INCLUDE))),
    "store": nullable(boolean),
    "stream": nullable(boolean),
    "stream_options": nullable(obj({"include_obfuscation": boolean})),
    "background": nullable(boolean),
    "truncation": nullable(one_of("auto", "disabled")),
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "top_logprobs": nullable(integer(0, 20)),
    "metadata": nullable(metadata),
    "service_tier": nullable(one_of("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
    "user": string(),
    "safety_identifier": nullable(string(64)),
    "prompt_cache_key": nullable(string()),
    "prompt_cache_retention": nullable(one_of("in_memory", "24h")),
    "prompt_cache_options": any_object,
    "conversation": nullable(either(string(), any_object)),
    "context_management": nullable(filled(any_object)),
    "moderation": nullable(any_object),
    "prompt": nullable(any_object),
}
_REQUEST: Final = obj(_SHAPES)

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


def check(body: Any, catalogue: Catalogue) -> dict[str, Any]:
    """The request when it is right but for what it refers to. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    _model(body.get("model"), catalogue)
    try:
        _REQUEST(body, "")
        _tools(body)
        _choice(body)
        _text(body)
        _options(body)
    except Rejection as why:
        raise Refusal(400, why) from None
    for tool in body.get("tools") or []:
        if tool["type"] in _OTHER_TOOLS:
            raise not_on_loopback(f"has no tool {tool['type']!r}")
    for name in ("conversation", "context_management", "moderation", "prompt"):
        if body.get(name) is not None:
            raise not_on_loopback(f"does nothing with {name!r}")
    return body


def reasons(body: dict[str, Any]) -> bool:
    """Whether the model reasons about this request."""
    return thinks(body["model"], (body.get("reasoning") or {}).get("effort"))


def _model(model: Any, catalogue: Catalogue) -> None:
    try:
        catalogue.judge(model, "chat")
    except Refusal as refusal:
        if refusal.why.param != "model":
            raise
        message = f"The requested model '{model}' cannot be used with the Responses API."
        raise bad_request(message, "model", "unsupported_model") from None


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    if len(tools) > MOST_TOOLS:
        message = (
            f"Invalid 'tools': array too long. Expected an array with maximum length {MOST_TOOLS}, but got an array "
            f"with length {len(tools)} instead."
        )
        raise Rejection(message, "array_above_max_length", "tools")
    for index, tool in enumerate(tools):
        if tool["type"] == "function":
            # Where nothing is said of strictness a schema is made strict, which is no reason to refuse it.
            judge_parameters(tool, f"tools[{index}].parameters")
        if tool.get("background") == "transparent" and tool.get("output_format") == "jpeg":
            message = "Transparent background is not supported for output_format 'jpeg'."
            raise Rejection(message, "invalid_value", f"tools[{index}].background")
        if tool["type"] in SEARCHES_OF_THE_WEB and (body.get("reasoning") or {}).get("effort") == "minimal":
            message = "The following tools cannot be used with reasoning.effort 'minimal': web_search."
            raise Rejection(message, None, "tools")


def _choice(body: dict[str, Any]) -> None:
    choice, tools = body.get("tool_choice", "auto"), body.get("tools") or []
    if choice in ("none", "auto"):
        return
    if not tools:
        name = choice if isinstance(choice, str) else choice["type"]
        raise Rejection(f"Tool choice '{name}' must be specified with 'tools' parameter.", None, "tool_choice")
    wanted = [choice] if isinstance(choice, dict) and choice["type"] != "allowed_tools" else []
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        wanted = choice["tools"]
    for each in wanted:
        if not any(_is_meant(each, tool) for tool in tools):
            name = each.get("name") or each.get("type")
            raise Rejection(f"Tool choice '{name}' not found in 'tools' parameter.", None, "tool_choice")


def _is_meant(choice: dict[str, Any], tool: dict[str, Any]) -> bool:
    if choice.get("type") != tool["type"]:
        return False
    return bool(tool["type"] != "function" or choice.get("name") == tool["name"])


def _text(body: dict[str, Any]) -> None:
    wanted = (body.get("text") or {}).get("format") or {"type": "text"}
    if wanted["type"] == "json_object" and "json" not in json.dumps(body.get("input", "")).lower():
        message = (
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'."
        )
        raise Rejection(message, None, "input")
    if wanted["type"] == "json_schema":
        path, code, schema = "text.format.schema", "invalid_json_schema", wanted["schema"]
        what = f"response_format '{wanted['name']}'"
        if schema.get("type") != "object":
            message = (
                f"Invalid schema for {what}: schema must be a JSON Schema of 'type: \"object\"', got 'type: "
                f'"{schema.get("type")}"\'.'
            )
            raise Rejection(message, code, path)
        if wanted.get("strict"):
            judge_strict(schema, what, path, code=code)


def _options(body: dict[str, Any]) -> None:
    model, reasoning = body["model"], body.get("reasoning") or {}
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Rejection(message, None, "stream_options")
    if body.get("background") and body.get("store") is False:
        raise Rejection("Background mode requires 'store' to be true.", "invalid_parameter_combination", "store")
    if not body.get("input") and body.get("previous_response_id") is None:
        message = 'One of "input" or "previous_response_id" or "prompt" or "conversation" must be provided.'
        raise Rejection(message, "missing_required_parameter", "input")
    if not is_of_openai(model):
        return
    known = efforts(model)
    if not known and "reasoning.encrypted_content" in (body.get("include") or []):
        raise Rejection("Encrypted content is not supported with this model.", None, "include")
    for name in ("effort", "summary"):
        if not known and reasoning.get(name) is not None:
            where = f"reasoning.{name}"
            message = f"Unsupported parameter: '{where}' is not supported with this model."
            raise Rejection(message, "unsupported_parameter", where)
    effort = reasoning.get("effort")
    if effort is not None and effort not in known:
        listed = ", ".join(f"'{value}'" for value in known)
        message = f"Unsupported value: '{effort}' is not supported with this model. Supported values are: {listed}."
        raise Rejection(message, "unsupported_value", "reasoning.effort")
    if reasons(body):
        for name in ("temperature", "top_p"):
            if body.get(name) not in (None, 1):
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                raise Rejection(message, "unsupported_parameter", name)
