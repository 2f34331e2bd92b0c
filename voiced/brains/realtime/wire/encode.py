"""Commands of the conversation, its history and the session's settings, written as Realtime client events."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, Final, assert_never

from voiced.audio import RATE
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire.refusals import Dialect
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    BrainCommand,
    CancelReply,
    CloseSession,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    ExpectAnswer,
    HistoryItem,
    OpenSession,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    TruncateReply,
    UpdateTools,
    UserSaid,
)
from voiced.conversation.events import CallId, Image, ToolSpec
from voiced.conversation.settings import TurnEnd

__all__ = ["LONGEST_APPEND", "Dialect", "Encoder"]

_APPEND: Final = '{"type":"input_audio_buffer.append","event_id":"audio","audio":"%s"}'
"""Filled in by hand, as fifty go out each second; base64 needs no escaping."""

LONGEST_APPEND: Final = 96_000
"""Bytes of PCM in one append: two seconds, far below the server's 15 MiB, so that a replayed utterance is seen to make
progress on a slow network."""

_ANNOUNCE: Final = "Say exactly the following, word for word, and nothing else:\n"

_PICTURE_NOT_SENT: Final = "[a picture, which this server can't see]"

_PICTURES_OF_A_TOOL: Final = "[what the tool returned as a picture]"

_GA_PCM: Final = {"type": "audio/pcm", "rate": RATE}


class Encoder:
    """Writes the messages of one connection.

    Each request but an append has an `event_id` that begins with its kind ("reply-17"), which the server quotes in an
    error. `dialect` may be changed until the session is configured.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self._requests = 0

    def encode(self, command: BrainCommand) -> list[str]:
        """The messages that carry out `command`, in order. `OpenSession` is `configure` and `replay` instead."""
        match command:
            case StreamUtterance(pcm=pcm):
                return _appends(pcm)
            case CommitUtterance():
                return [self._request("commit", "input_audio_buffer.commit")]
            case DiscardUtterance():
                return [self._request("audio", "input_audio_buffer.clear")]
            case StartReply(announce=announce):
                if announce is None:
                    return [self._request("reply", "response.create")]
                # No context: a model that sees the conversation answers it instead.
                response = {"instructions": _ANNOUNCE + announce, "input": [], "tool_choice": "none"}
                return [self._request("reply", "response.create", response=response)]
            case CancelReply(reply=reply):
                named = {"response_id": reply} if reply is not None else {}
                return [self._request("cancel", "response.cancel", **named)]
            case TruncateReply(item=item, heard=heard):
                return [
                    self._request(
                        "truncate", "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=heard
                    )
                ]
            case DeleteItem(item=item):
                return [self._request("delete", "conversation.item.delete", item_id=item)]
            case SendText(text=text, images=images):
                return [self._item("text", _message("user", self._said(text, images)))]
            case SendToolResult(call=call, output=output, images=images):
                return [self._item("tool_result", _tool_output(call, output)), *self._pictures("tool_result", images)]
            case ExpectAnswer():
                return []  # Each utterance is written down, and none answered unless we ask for it.
            case AddHistory(items=items):
                return list(self.replay(items))
            case UpdateTools(tools=tools):
                session = {"tools": _tools(tools), "tool_choice": "auto"}
                return [self._request("session", "session.update", session=self._typed(session))]
            case OpenSession() | CloseSession():
                raise ValueError("no message: use configure and replay, or close the socket")
        assert_never(command)

    def configure(self, settings: RealtimeSettings, turn_end: TurnEnd, tools: tuple[ToolSpec, ...]) -> str:
        """`session.update` for a fresh session, in which everything that can be off is off.

        The server never starts or stops a reply by itself, whoever ends the turns: the conversation asks for each
        reply, and decides here, where it is heard, what is a barge-in.
        """
        session = _ga_session(settings, turn_end) if self.dialect == "ga" else _beta_session(settings, turn_end)
        session |= {"instructions": settings.instructions, "tools": _tools(tools), "tool_choice": "auto"}
        return self._request("session", "session.update", session=self._typed(session))

    def replay(self, history: Iterable[HistoryItem]) -> Iterator[str]:
        """The conversation so far, as items; what nobody heard or said is left out."""
        for said in history:
            match said:
                case UserSaid(text=text, pcm=pcm, images=images):
                    content = self._said(text or "", images)
                    if text is None and pcm:
                        content.append({"type": "input_audio", "audio": b64encode(pcm).decode("ascii")})
                    if content:
                        yield self._item("history", _message("user", content))
                case AssistantSaid(text=text):
                    if text:
                        kind = "output_text" if self.dialect == "ga" else "text"
                        yield self._item("history", _message("assistant", [{"type": kind, "text": text}]))
                case ToolUsed(call=call, name=name, arguments=arguments, output=output, images=images):
                    called = {"type": "function_call", "call_id": call, "name": name, "arguments": arguments}
                    yield self._item("history", called)
                    yield self._item("history", _tool_output(call, output))
                    yield from self._pictures("history", images)
                case _:
                    assert_never(said)

    def _request(self, kind: str, event: str, **fields: object) -> str:
        self._requests += 1
        return json.dumps({"type": event, "event_id": f"{kind}-{self._requests}", **fields}, separators=(",", ":"))

    def _item(self, kind: str, item: dict[str, Any]) -> str:
        return self._request(kind, "conversation.item.create", item=item)

    def _typed(self, session: dict[str, Any]) -> dict[str, Any]:
        return {"type": "realtime", **session} if self.dialect == "ga" else session

    def _pictures(self, kind: str, images: tuple[Image, ...]) -> list[str]:
        """What a tool returned beside its output, which is text alone."""
        return [self._item(kind, _message("user", self._said(_PICTURES_OF_A_TOOL, images)))] if images else []

    def _said(self, text: str, images: tuple[Image, ...]) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = [{"type": "input_text", "text": text}] if text else []
        for image in images:
            if self.dialect == "ga":
                data = b64encode(image.data).decode("ascii")
                content.append({"type": "input_image", "image_url": f"data:{image.media_type};base64,{data}"})
            else:
                content.append({"type": "input_text", "text": _PICTURE_NOT_SENT})
        return content


def _appends(pcm: bytes) -> list[str]:
    if len(pcm) <= LONGEST_APPEND:
        return [_APPEND % b64encode(pcm).decode("ascii")] if pcm else []
    starts = range(0, len(pcm), LONGEST_APPEND)
    return [_APPEND % b64encode(pcm[start : start + LONGEST_APPEND]).decode("ascii") for start in starts]


def _message(role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def _tool_output(call: CallId, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call, "output": output}


def _tools(tools: tuple[ToolSpec, ...]) -> list[dict[str, Any]]:
    return [
        {"type": "function", "name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in tools
    ]


def _ga_session(settings: RealtimeSettings, turn_end: TurnEnd) -> dict[str, Any]:
    hearing: dict[str, Any] = {
        "format": _GA_PCM,
        "turn_detection": _turn_detection(settings, turn_end, idle_timeout=True),
    }
    if settings.noise_reduction != "off":
        hearing["noise_reduction"] = {"type": settings.noise_reduction}
    if settings.transcription_model:
        hearing["transcription"] = _transcription(settings)
    session: dict[str, Any] = {
        "output_modalities": ["audio"],
        "audio": {
            "input": hearing,
            "output": {"format": _GA_PCM, "voice": settings.voice, "speed": settings.speed},
        },
        "max_output_tokens": settings.max_output_tokens or "inf",
        "truncation": _truncation(settings),
    }
    if settings.reasoning_effort:
        session["reasoning"] = {"effort": settings.reasoning_effort}
    return session


def _beta_session(settings: RealtimeSettings, turn_end: TurnEnd) -> dict[str, Any]:
    session: dict[str, Any] = {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "turn_detection": _turn_detection(settings, turn_end, idle_timeout=False),
        "output_audio_format": "pcm16",
        "voice": settings.voice,
        "speed": settings.speed,
        "max_response_output_tokens": settings.max_output_tokens or "inf",
    }
    if settings.noise_reduction != "off":
        session["input_audio_noise_reduction"] = {"type": settings.noise_reduction}
    if settings.transcription_model:
        session["input_audio_transcription"] = _transcription(settings)
    return session


def _transcription(settings: RealtimeSettings) -> dict[str, Any]:
    language = {"language": settings.transcription_language} if settings.transcription_language else {}
    return {"model": settings.transcription_model, **language}


def _turn_detection(settings: RealtimeSettings, turn_end: TurnEnd, *, idle_timeout: bool) -> dict[str, Any] | None:
    advice_only = {"create_response": False, "interrupt_response": False}
    match turn_end:
        case "local":
            return None
        case "semantic":
            return {"type": "semantic_vad", "eagerness": settings.eagerness, **advice_only}
        case "server":
            detection = {"type": "server_vad", "silence_duration_ms": settings.server_silence_ms, **advice_only}
            if idle_timeout and settings.idle_timeout_ms:
                detection["idle_timeout_ms"] = settings.idle_timeout_ms
            return detection
    assert_never(turn_end)


def _truncation(settings: RealtimeSettings) -> object:
    if settings.retention_ratio == 1 and not settings.context_tokens:
        return "auto"
    limits = {"token_limits": {"post_instructions": settings.context_tokens}} if settings.context_tokens else {}
    return {"type": "retention_ratio", "retention_ratio": settings.retention_ratio, **limits}
