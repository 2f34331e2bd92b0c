"""The items that /responses is given: their shapes, their order, and what they are in a chat."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from voiced.testing.http.chat_request import BLIND, NAME, judge_image_url
from voiced.testing.http.refusal import Refusal, bad_request, not_on_loopback
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    array,
    either,
    nullable,
    number,
    obj,
    one_of,
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection

Item = dict[str, Any]

LONGEST_TEXT: Final = 10_485_760
LONGEST_CALL_ID: Final = 64

_STATUS: Final = nullable(one_of("in_progress", "completed", "incomplete"))


def _id(prefix: str) -> Check:
    """Items of each kind have ids of their own."""

    def judge(value: Any, path: str) -> None:
        string()(value, path)
        if not value.startswith(prefix):
            message = f"Invalid '{path}': '{value}'. Expected an ID that begins with '{prefix}'."
            raise Rejection(message, "invalid_value", path)

    return judge


def _filled_string(most: int) -> Check:
    def judge(value: Any, path: str) -> None:
        string(most)(value, path)
        if not value:
            message = f"Invalid '{path}': empty string. Expected a string with minimum length 1."
            raise Rejection(message, "empty_string", path)

    return judge


def _image(value: Any, path: str) -> None:
    obj(
        {
            "type": anything,
            "image_url": nullable(judge_image_url),
            "file_id": nullable(string()),
            "detail": one_of("low", "high", "auto", "original"),
            "prompt_cache_breakpoint": any_object,
        }
    )(value, path)
    if (value.get("image_url") is None) == (value.get("file_id") is None):
        raise Rejection(f"Invalid '{path}': give one of 'image_url' and 'file_id'.", "invalid_value", path)


_TEXT: Final = obj({"type": anything, "text": string(LONGEST_TEXT), "prompt_cache_breakpoint": any_object}, "text")
_FILE: Final = obj(
    {
        "type": anything,
        "file_id": nullable(string()),
        "filename": string(),
        "file_data": string(),
        "file_url": string(),
        "detail": one_of("auto", "low", "high"),
        "prompt_cache_breakpoint": any_object,
    }
)
_GIVEN: Final = {"input_text": _TEXT, "input_image": _image, "input_file": _FILE}
_SAID: Final = {
    "output_text": obj(
        {"type": anything, "text": string(), "annotations": array(any_object), "logprobs": array(any_object)}, "text"
    ),
    "refusal": obj({"type": anything, "refusal": string()}, "refusal"),
}


def _content(parts: dict[str, Check]) -> Check:
    return either(string(LONGEST_TEXT), array(tagged("type", parts)))


def _message(parts: dict[str, Check]) -> Check:
    shape = {
        "type": anything,
        "role": anything,
        "content": _content(parts),
        "id": _id("msg"),
        "status": _STATUS,
        "phase": nullable(one_of("commentary", "final_answer")),
    }
    return obj(shape, "content")


_MESSAGE: Final = tagged(
    "role", {role: _message(_GIVEN) for role in ("user", "system", "developer")} | {"assistant": _message(_SAID)}
)
_SUMMARY: Final = array(obj({"type": one_of("summary_text"), "text": string()}, "type", "text"))
_PASSAGE: Final = obj(
    {"file_id": string(), "text": string(), "filename": string(), "attributes": any_object, "score": number(0, 1)}
)
_LOGS: Final = tagged(
    "type",
    {
        "logs": obj({"type": anything, "logs": string()}, "logs"),
        "image": obj({"type": anything, "url": string()}, "url"),
    },
)

_KNOWN: Final[dict[str, Check]] = {
    "message": _MESSAGE,
    "function_call": obj(
        {
            "type": anything,
            "id": _id("fc"),
            "call_id": _filled_string(LONGEST_CALL_ID),
            "name": string(pattern=NAME),
            "arguments": string(),
            "status": _STATUS,
            "namespace": string(),
            "caller": nullable(any_object),
        },
        "call_id",
        "name",
        "arguments",
    ),
    "function_call_output": obj(
        {
            "type": anything,
            "id": nullable(string()),
            "call_id": _filled_string(LONGEST_CALL_ID),
            "output": _content(_GIVEN),
            "status": _STATUS,
            "name": nullable(_filled_string(128)),
            "namespace": nullable(string(pattern=NAME)),
            "caller": nullable(any_object),
        },
        "call_id",
        "output",
    ),
    "reasoning": obj(
        {
            "type": anything,
            "id": _id("rs"),
            "summary": _SUMMARY,
            "content": nullable(array(any_object)),
            "encrypted_content": nullable(string()),
            "status": _STATUS,
        },
        "id",
        "summary",
    ),
    "web_search_call": obj(
        {
            "type": anything,
            "id": _id("ws"),
            "status": one_of("in_progress", "searching", "completed", "failed"),
            "action": any_object,
        },
        "id",
        "status",
    ),
    "code_interpreter_call": obj(
        {
            "type": anything,
            "id": _id("ci"),
            "status": one_of("in_progress", "completed", "incomplete", "interpreting", "failed"),
            "container_id": string(),
            "code": nullable(string()),
            "outputs": nullable(array(_LOGS)),
        },
        "id",
        "status",
        "container_id",
    ),
    "file_search_call": obj(
        {
            "type": anything,
            "id": _id("fs"),
            "status": one_of("in_progress", "searching", "completed", "incomplete", "failed"),
            "queries": array(string()),
            "results": nullable(array(_PASSAGE)),
        },
        "id",
        "status",
        "queries",
    ),
    "image_generation_call": obj(
        {
            "type": anything,
            "id": _id("ig"),
            "status": one_of("in_progress", "completed", "generating", "failed"),
            "result": nullable(string()),
            # What the answer has beside, and an SDK sends back with it; the real server takes it.
            **dict.fromkeys(
                ("action", "background", "output_format", "quality", "revised_prompt", "size"), nullable(string())
            ),
        },
        "id",
        "status",
        "result",
    ),
    "item_reference": obj({"type": nullable(anything), "id": string()}, "id"),
}
_OTHERS: Final = (
    "additional_tools", "apply_patch_call", "apply_patch_call_output", "compaction", "compaction_trigger",
    "computer_call", "computer_call_output", "custom_tool_call", "custom_tool_call_output", "local_shell_call",
    "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools",
    "program", "program_output", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output",
)  # fmt: skip
_TYPED: Final = tagged("type", _KNOWN | dict.fromkeys(_OTHERS, any_object))


def judge_input(value: Any, path: str) -> None:
    """A text, or a list of items. Raises `Rejection`."""
    if not isinstance(value, str | list):
        raise rejection.wrong_type(path, "one of a string or array of input items", value)
    either(string(LONGEST_TEXT), array(_item))(value, path)


def items(given: str | list[Item] | None) -> list[Item]:
    """The input as items, each with its type."""
    if given is None:
        return []
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return [item | {"type": _type_of(item)} for item in given]


def check_kinds(given: Sequence[Item], model: str) -> None:
    """Whether this server and this model know what to do with each. Raises `Refusal`."""
    for index, item in enumerate(given):
        if item["type"] in _OTHERS:
            raise not_on_loopback(f"takes no {item['type']!r} items")
        parts = item["content"] if item["type"] == "message" and isinstance(item["content"], list) else []
        for place, part in enumerate(parts):
            where = f"input[{index}].content[{place}].type"
            if part["type"] == "input_image" and BLIND.match(model):
                raise bad_request("Invalid content type. input_image is only supported by certain models.", where)


def check_order(context: Sequence[Item], kept: Mapping[str, str]) -> None:
    """Each output belongs to a call before it, each call has one; a thought goes with what came of it.

    `context`: all that the model reads. `kept`: of the items that the server has, id → id of the thought before it.
    Raises `Refusal`.
    """
    calls: dict[str, bool] = {}
    thoughts: set[str] = set()
    for item, after in zip(context, [*context[1:], None], strict=True):
        thought = kept.get(item.get("id") or "", "")
        if thought and thought not in thoughts:
            message = (
                f"Item '{item['id']}' of type '{item['type']}' was provided without its required 'reasoning' item: "
                f"'{thought}'."
            )
            raise bad_request(message, "input")
        match item["type"]:
            case "function_call":
                calls[item["call_id"]] = False
            case "function_call_output":
                if item["call_id"] not in calls:
                    message = f"No tool call found for function call output with call_id {item['call_id']}."
                    raise bad_request(message, "input")
                calls[item["call_id"]] = True
            case "reasoning":
                _is_known(item, kept)
                if after is None or after["type"] == "function_call_output" or _is_of_user(after):
                    message = (
                        f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
                    )
                    raise bad_request(message, "input")
                thoughts.add(item["id"])
    for call_id, answered in calls.items():
        if not answered:
            raise bad_request(f"No tool output found for function call {call_id}.", "input")


def messages(instructions: str | None, context: Sequence[Item]) -> list[Item]:
    """The same as a chat has it, for a script that looks at what it is told."""
    found: list[Item] = [{"role": "system", "content": instructions}] if instructions else []
    for item in context:
        match item["type"]:
            case "message":
                found.append({"role": item["role"], "content": _chat_content(item["content"])})
            case "function_call":
                function = {"name": item["name"], "arguments": item["arguments"]}
                call = {"id": item["call_id"], "type": "function", "function": function}
                if found and found[-1].get("tool_calls"):
                    found[-1]["tool_calls"].append(call)
                else:
                    found.append({"role": "assistant", "content": None, "tool_calls": [call]})
            case "function_call_output":
                output = _chat_content(item["output"])
                found.append({"role": "tool", "tool_call_id": item["call_id"], "content": output})
    return found


def words(context: Sequence[Item]) -> str:
    """All the text in it; data of pictures and files left out."""
    return json.dumps(_short(list(context)), ensure_ascii=False)


def pictures(context: Sequence[Item]) -> int:
    contents = [item.get("content") or item.get("output") for item in context]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(part.get("type") == "input_image" for part in parts)


def _item(value: Any, path: str) -> None:
    any_object(value, path)
    kind = _type_of(value)
    if "type" not in value or value["type"] is None:
        _KNOWN[kind](value, path)
    else:
        _TYPED(value, path)


def _type_of(item: Item) -> str:
    """A message needs no type, and neither does a reference."""
    found = item.get("type") or ("item_reference" if "id" in item and "role" not in item else "message")
    return str(found)


def _is_known(item: Item, kept: Mapping[str, str]) -> None:
    if item["id"] not in kept and not item.get("encrypted_content"):
        message = (
            f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false. Try again "
            "with `store` set to true, or remove this item from your input."
        )
        raise Refusal(404, Rejection(message, None, "input"))


def _is_of_user(item: Item) -> bool:
    return bool(item["type"] == "message" and item["role"] != "assistant")


def _chat_content(content: str | list[Item]) -> str | list[Item]:
    if isinstance(content, str):
        return content
    found: list[Item] = []
    for part in content:
        match part["type"]:
            case "input_text" | "output_text":
                found.append({"type": "text", "text": part["text"]})
            case "input_image":
                found.append({"type": "image_url", "image_url": {"url": part.get("image_url") or part["file_id"]}})
            case kind:
                found.append({"type": kind})
    return found


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(member) for key, member in value.items() if key not in ("image_url", "file_data", "result")}
    return [_short(member) for member in value] if isinstance(value, list) else value
