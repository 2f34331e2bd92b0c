"""Assistants, threads, messages and runs, as a server tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.ai.functions import FunctionCall
from voiced.ai.token_usage import TokenUsage

UNFINISHED: Final = frozenset({"queued", "in_progress", "requires_action", "cancelling"})
"""A run with such a status goes on."""

_EMPTY: Final[Mapping[str, Any]] = {}


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
        _text(raw["id"]),
        raw.get("name") or "",
        _text(raw["model"]),
        raw.get("instructions") or "",
        tuple(_tool(tool) for tool in raw.get("tools") or ()),
        raw.get("description") or "",
        dict(raw.get("metadata") or _EMPTY),
        int(raw.get("created_at") or 0),
    )


def read_thread(raw: Any) -> Thread:
    return Thread(_text(raw["id"]), dict(raw.get("metadata") or _EMPTY), int(raw.get("created_at") or 0))


def read_message(raw: Any) -> Message:
    parts = raw["content"]
    pictures = [part["image_file"]["file_id"] for part in parts if part["type"] == "image_file"]
    attached = [each["file_id"] for each in raw.get("attachments") or () if "file_id" in each]
    return Message(
        _text(raw["id"]),
        _text(raw["thread_id"]),
        _text(raw["role"]),
        "\n".join(_said(part) for part in parts if part["type"] in ("text", "refusal")),
        (*pictures, *attached),
        raw.get("run_id") or "",
        raw.get("status") or "completed",
        int(raw.get("created_at") or 0),
    )


def read_run(raw: Any) -> Run:
    action, error, incomplete = (raw.get(name) for name in ("required_action", "last_error", "incomplete_details"))
    status = _text(raw["status"])
    calls = action["submit_tool_outputs"]["tool_calls"] if status == "requires_action" else ()
    return Run(
        _text(raw["id"]),
        _text(raw["thread_id"]),
        _text(raw["assistant_id"]),
        status,
        raw.get("model") or "",
        tuple(FunctionCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls),
        "" if error is None else _text(error["message"]),
        "" if error is None else _text(error["code"]),
        (incomplete or _EMPTY).get("reason") or "",
        _usage(raw.get("usage")),
    )


def _tool(raw: Any) -> dict[str, Any]:
    if _text(raw["type"]) == "function":
        _text(raw["function"]["name"])
    return dict(raw)


def _usage(raw: Any) -> TokenUsage | None:
    if raw is None:
        return None
    prompt, completion = max(0, int(raw["prompt_tokens"])), max(0, int(raw["completion_tokens"]))
    cached = int((raw.get("prompt_token_details") or _EMPTY).get("cached_tokens") or 0)
    return TokenUsage(prompt, completion, prompt + completion, min(cached, prompt))


def _said(part: Any) -> str:
    return _text(part["text"]["value"] if part["type"] == "text" else part["refusal"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value
