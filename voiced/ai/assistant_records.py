"""Assistants, threads, messages and runs, as a server tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.ai.answer_fields import filled, mapping, text, whole
from voiced.ai.functions import FunctionCall
from voiced.ai.token_usage import TokenUsage

UNFINISHED: Final = frozenset({"queued", "in_progress", "requires_action", "cancelling"})
"""A run with such a status goes on."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """`tools`: as the API has them. Times here and below are Unix times in seconds."""

    id: str
    name: str
    model: str
    instructions: str = field(repr=False)
    tools: Sequence[Mapping[str, Any]] = ()
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: int = 0

    @property
    def function_names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.tools if tool["type"] == "function"]


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation that is kept at the server."""

    id: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """`role`: "user" or "assistant". `file_ids`: of pictures in it and of what is attached. `run_id`: what wrote it."""

    id: str
    thread_id: str
    role: str
    text: str = field(repr=False)
    file_ids: Sequence[str] = ()
    run_id: str = ""
    status: str = "completed"
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One go of an assistant over a thread.

    `status`: "completed" once all is said; else queued, in_progress, requires_action, cancelling, cancelled, failed,
    incomplete or expired. `calls`: what functions it waits for. `text`, `messages`: what it said, where it was waited
    for. `error`, `error_code`: why it failed. `usage`: None until it has ended.
    """

    id: str
    thread_id: str
    assistant_id: str
    status: str
    model: str
    calls: Sequence[FunctionCall] = ()
    error: str = ""
    error_code: str = ""
    incomplete_reason: str = ""
    usage: TokenUsage | None = None
    text: str = field(default="", repr=False)
    messages: Sequence[Message] = ()

    @property
    def unfinished(self) -> bool:
        return self.status in UNFINISHED


# Whatever is wrong with what these are given raises one of several errors.


def read_assistant(raw: Any) -> Assistant:
    return Assistant(
        filled(raw["id"]),
        text(raw.get("name") or ""),
        text(raw["model"]),
        text(raw.get("instructions") or ""),
        tuple(_tool(tool) for tool in raw.get("tools") or ()),
        text(raw.get("description") or ""),
        mapping(raw.get("metadata")),
        whole(raw.get("created_at")),
    )


def read_thread(raw: Any) -> Thread:
    return Thread(filled(raw["id"]), mapping(raw.get("metadata")), whole(raw.get("created_at")))


def read_message(raw: Any) -> Message:
    parts = raw["content"]
    pictures = [text(part["image_file"]["file_id"]) for part in parts if part["type"] == "image_file"]
    attached = [text(each["file_id"]) for each in raw.get("attachments") or () if "file_id" in each]
    return Message(
        filled(raw["id"]),
        filled(raw["thread_id"]),
        filled(raw["role"]),
        "\n".join(_said(part) for part in parts if part["type"] in ("text", "refusal")),
        (*pictures, *attached),
        text(raw.get("run_id") or ""),
        text(raw.get("status") or "completed"),
        whole(raw.get("created_at")),
    )


def read_run(raw: Any) -> Run:
    action, error = raw.get("required_action"), raw.get("last_error")
    status = filled(raw["status"])
    calls = action["submit_tool_outputs"]["tool_calls"] if status == "requires_action" else ()
    if status == "requires_action" and not calls:
        raise ValueError("it waits for nothing")
    return Run(
        filled(raw["id"]),
        filled(raw["thread_id"]),
        filled(raw["assistant_id"]),
        status,
        text(raw.get("model") or ""),
        tuple(_call(call) for call in calls),
        "" if error is None else text(error["message"]),
        "" if error is None else text(error["code"]),
        text(mapping(raw.get("incomplete_details")).get("reason") or ""),
        _usage(raw.get("usage")),
    )


def _tool(raw: Any) -> dict[str, Any]:
    if filled(raw["type"]) == "function":
        filled(raw["function"]["name"])
    return mapping(raw)


def _call(raw: Any) -> FunctionCall:
    function = raw["function"]
    return FunctionCall(filled(raw["id"]), filled(function["name"]), text(function["arguments"]))


def _usage(raw: Any) -> TokenUsage | None:
    if raw is None:
        return None
    prompt, completion = max(0, whole(raw["prompt_tokens"])), max(0, whole(raw["completion_tokens"]))
    cached = max(0, whole(mapping(raw.get("prompt_token_details")).get("cached_tokens")))
    return TokenUsage(prompt, completion, prompt + completion, min(cached, prompt))


def _said(part: Any) -> str:
    return text(part["text"]["value"] if part["type"] == "text" else part["refusal"])
