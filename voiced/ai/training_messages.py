"""The conversation of one example: who says what, in which order, with which functions."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEYS: Final = (
    "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tools:
    """Names of the functions that an example offers; None where it offers none."""

    names: frozenset[str] | None = None


def judge_tools(example: dict[str, Any]) -> Generator[str, None, Tools]:
    """What is wrong with the functions that an example offers; gives them."""
    names: set[str] = set()
    for key in ("tools", "functions"):
        if (given := example.get(key)) is None:
            continue
        if not isinstance(given, list) or not given:
            yield f"{key} must be a list that is not empty, or left out"
            continue
        for place, each in enumerate(given):
            where = f"{key}[{place}]"
            function = each
            if key == "tools":
                if not isinstance(each, dict) or each.get("type") != "function":
                    yield f'{where} must have the type "function"'
                    continue
                function, where = each.get("function"), f"{where}.function"
            yield from _wrong_function(function, where)
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                names.add(function["name"])
    parallel = example.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        yield "parallel_tool_calls must be true or false"
    return Tools(frozenset(names) if example.get("tools") or example.get("functions") else None)


def judge_messages(
    messages: object, tools: Tools, *, ends: Literal["assistant", "user"], where: str = "messages"
) -> Iterator[str]:
    """What is wrong with a conversation that ends with this role."""
    if messages is None:
        yield f"{where} is missing"
        return
    if not isinstance(messages, list) or not messages:
        yield f"{where} must be a list that is not empty"
        return
    open_calls: set[str] = set()
    called = False
    for place, message in enumerate(messages):
        here = f"{where}[{place}]"
        if not isinstance(message, dict):
            yield f"{here} must be an object with role and content"
            continue
        role = message.get("role")
        if role not in ROLES:
            yield f"{here}.role must be one of {', '.join(ROLES)}"
            continue
        unknown = [name for name in message if name not in _KEYS]
        if unknown:
            yield f"{here} has keys that no message has: keep {', '.join(_KEYS)}"
        yield from _wrong_content(message, here)
        yield from _wrong_weight(message, here)
        if role == "tool":
            call_id = message.get("tool_call_id")
            if not isinstance(call_id, str) or call_id not in open_calls:
                yield f"{here} answers no call of the assistant's message before it: give it that call's tool_call_id"
            else:
                open_calls.discard(call_id)
            continue
        if open_calls:
            yield f"{here} comes before all calls of the assistant are answered: put messages of the tool before it"
        if role == "function" and not called:
            yield f"{here} answers no function_call of the assistant's message before it"
        open_calls, called = set(), False
        if role == "assistant":
            open_calls, called = _called(message), isinstance(message.get("function_call"), dict)
            yield from _wrong_calls(message, tools, here)
    yield from _wrong_end(messages, ends, where)


def _wrong_end(messages: list[Any], ends: str, where: str) -> Iterator[str]:
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if ends == "assistant":
        if roles[-1] != "assistant":
            yield f"{where}: the last one must be what the assistant shall say"
        weights = [message.get("weight", 1) for message in messages if _is_of(message, "assistant")]
        if weights and not any(weights):
            yield f"{where}: every message of the assistant has the weight 0, so that there is nothing to learn"
    elif roles[-1] not in ("user", "tool", "function"):
        yield f"{where}: the last one must be what the assistant shall answer"


def _wrong_content(message: dict[str, Any], here: str) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        if content.strip() or (not content and _calls(message)):
            return
        yield f"{here}.content is empty"
    elif isinstance(content, list):
        if not content:
            yield f"{here}.content is empty"
        for place, part in enumerate(content):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text" and isinstance(part.get("text"), str) and part["text"]:
                continue
            if kind == "image_url" and message["role"] == "user" and isinstance(part.get("image_url"), dict):
                continue
            if kind in ("input_audio", "refusal", "file"):
                continue
            yield f"{here}.content[{place}] must be a text that is not empty, or an image_url of the user"
    elif content is None and (_calls(message) or message.get("refusal")):
        return
    else:
        yield f"{here}.content must be a text" + (" (it is missing)" if content is None else "")


def _wrong_weight(message: dict[str, Any], here: str) -> Iterator[str]:
    if "weight" not in message:
        return
    weight = message["weight"]
    if message["role"] != "assistant":
        yield f"{here}.weight is for messages of the assistant: leave it out"
    elif isinstance(weight, bool) or weight not in (0, 1):
        yield f"{here}.weight must be 0 or 1"


def _wrong_calls(message: dict[str, Any], tools: Tools, here: str) -> Iterator[str]:
    called: list[tuple[str, Any]] = []
    calls = message.get("tool_calls")
    if calls is not None and (not isinstance(calls, list) or not calls):
        yield f"{here}.tool_calls must be a list that is not empty, or left out"
        return
    ids: set[str] = set()
    for place, call in enumerate(calls or ()):
        where = f"{here}.tool_calls[{place}]"
        if not isinstance(call, dict) or not isinstance(call.get("id"), str) or call.get("type") != "function":
            yield f'{where} must have an id, the type "function" and a function'
            continue
        if call["id"] in ids:
            yield f"{where}.id is that of another call"
        ids.add(call["id"])
        called.append((f"{where}.function", call.get("function")))
    if message.get("function_call") is not None:
        called.append((f"{here}.function_call", message["function_call"]))
    for where, function in called:
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield f"{where} must have a name and arguments"
            continue
        if tools.names is None:
            yield f"{where} calls a function, but the example offers none: add it to tools"
        elif function["name"] not in tools.names:
            yield f"{where}.name is that of no function which the example offers"
        if not _is_json_object(function.get("arguments")):
            yield f"{where}.arguments must be a JSON object as a text"


def _wrong_function(function: object, where: str) -> Iterator[str]:
    if not isinstance(function, dict):
        yield f"{where} must be an object with name and parameters"
        return
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"{where}.name must have 1 to 64 letters a-z, A-Z, digits, _ or -"
    parameters = function.get("parameters")
    if parameters is not None and not (isinstance(parameters, dict) and parameters.get("type", "object") == "object"):
        yield f'{where}.parameters must be a JSON schema of the type "object"'


def _called(message: dict[str, Any]) -> set[str]:
    calls = message.get("tool_calls")
    members = calls if isinstance(calls, list) else []
    return {call["id"] for call in members if isinstance(call, dict) and isinstance(call.get("id"), str)}


def _calls(message: dict[str, Any]) -> bool:
    return message["role"] == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))


def _is_of(message: object, role: str) -> bool:
    return isinstance(message, dict) and message.get("role") == role


def _is_json_object(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
