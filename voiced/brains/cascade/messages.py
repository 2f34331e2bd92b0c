"""The session's history as chat messages, in which every tool call has its result right behind it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from voiced.brains.cascade.memory import Assistant, Call, Entry, User
from voiced.conversation.events import Image, ToolSpec

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

NO_RESULT_YET: Final = "There is no result yet: the tool is still running, or was interrupted."

NOT_WRITTEN_DOWN: Final = "[said something that was not written down]"

PICTURES_OF_A_TOOL: Final = "[what the tool returned as a picture]"

NOTHING_ASKED: Final = "[silence]"


def messages(
    instructions: str, entries: Sequence[Entry], *, longest_output: int | None = None
) -> list[ChatCompletionMessageParam]:
    """What the chat model reads. `longest_output`: characters kept of each tool's output, None for all.

    Calls of one round are one message, with the text that came before them. Ids are numbered anew: those of another
    server may be too long, or there twice.
    """
    found: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    ids = {id(entry): f"call_{number}" for number, entry in enumerate(entries) if isinstance(entry, Call)}
    at = 0
    while at < len(entries):
        entry = entries[at]
        if isinstance(entry, User):
            if not entry.is_silent:
                found.append({"role": "user", "content": _content(entry)})
            at += 1
            continue
        text = ""
        calls: list[Call] = []
        while at < len(entries):
            each = entries[at]
            if isinstance(each, User) or each.round != entry.round:
                break
            if isinstance(each, Assistant):
                text = f"{text} {each.text}".strip()
            else:
                calls.append(each)
            at += 1
        if calls:
            wanted = [
                {
                    "id": ids[id(call)],
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments(call.arguments)},
                }
                for call in calls
            ]
            found.append({"role": "assistant", "content": text or None, "tool_calls": wanted})
            found += [
                {"role": "tool", "tool_call_id": ids[id(call)], "content": _output(call, longest_output)}
                for call in calls
            ]
            if images := [image for call in calls for image in call.images]:
                found.append({"role": "user", "content": _parts(PICTURES_OF_A_TOOL, images)})
        elif text:
            found.append({"role": "assistant", "content": text})
    if all(message["role"] == "system" for message in found):
        found.append({"role": "user", "content": NOTHING_ASKED})  # some servers want somebody to have spoken
    return found  # type: ignore[return-value]  # built by hand to this shape; a test validates it by the API's schema


def tools(specs: Iterable[ToolSpec]) -> list[ChatCompletionToolParam]:
    """Tools as a chat model is told of them."""
    return [
        {
            "type": "function",
            "function": {
                "name": spec.name,
                "description": spec.description,
                "parameters": dict(spec.parameters),
                "strict": True,
            },
        }
        for spec in specs
    ]


def _content(user: User) -> str | list[dict[str, Any]]:
    text = user.text if user.text is not None else NOT_WRITTEN_DOWN if user.pcm or not user.images else ""
    if not user.images:
        return text
    return _parts(text, user.images)


def _parts(text: str, images: Iterable[Image]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in images]


def _data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{b64encode(image.data).decode('ascii')}"


def _arguments(text: str) -> str:
    """Arguments as the model wrote them; what is no JSON object is quoted, since some servers read it."""
    try:
        readable = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        readable = False
    return text if readable else json.dumps({"unreadable": text}) if text.strip() else "{}"


def _output(call: Call, longest: int | None) -> str:
    output = NO_RESULT_YET if call.output is None else call.output
    if longest is not None and len(output) > longest:
        return output[:longest] + " … [cut]"
    return output
