"""Realtime server events of either dialect, read as events of the conversation."""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, get_args

from voiced.brains.realtime.wire.refusals import (
    Dialect,
    Verdict,
    dialect_of_refusal,
    judge,
    one_line,
    request_of,
)
from voiced.conversation.events import (
    CallId,
    Event,
    ItemId,
    Refusable,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ServerHeard,
    SessionId,
    ToolCalled,
    Usage,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.errors import WireError


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The server's first message. `dialect` is that of its session object, None where it could be either."""

    name: str
    dialect: Dialect | None


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """A configuration was accepted; `dialect` as in `SessionCreated`."""

    dialect: Dialect | None


@dataclass(frozen=True, slots=True)
class DialectHeard:
    """A message whose very name belongs to one dialect; said once, of a server whose session object did not tell."""

    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the server. `dialect` is set where it shows that the server speaks that one and we do not."""

    verdict: Verdict
    request: Refusable | None
    code: str
    message: str
    dialect: Dialect | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What is left of an allowance ("tokens") until it is whole again in `reset_s`."""

    name: str
    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """What the user said could not be written down; a setting may be wrong (on Azure, the name of a deployment)."""

    code: str


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A message of a type that is not in the protocol as we know it."""

    type: str


Found = (
    Event | SessionCreated | SessionUpdated | DialectHeard | Refusal | RateLimit | TranscriptionFailed | UnknownEvent
)

_OF_NO_INTEREST: Final = frozenset(
    {
        "conversation.created",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.dtmf_event_received",
        "input_audio_buffer.timeout_triggered",  # the commit and the reply that follow say it all
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "mcp_list_tools.in_progress",
        "output_audio_buffer.cleared",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",  # `output_item.done` has the status as well
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_item.added",
        "response.output_text.done",
        "response.text.done",
    }
)

_STATUSES: Final[dict[str, ReplyStatus]] = {status: status for status in get_args(ReplyStatus)}
_REQUESTS: Final[dict[str, Refusable]] = {request: request for request in get_args(Refusable)}

_MOST_CALLS: Final = 64
_MOST_HALVES: Final = 32
_LONGEST_NAME: Final = 64
_MOST_TOKENS: Final = 10**9  # a server that counts more is out of its mind; such a number would overflow a price
_MOST_SECONDS: Final = 86_400

_Message = dict[str, Any]


class Decoder:
    """Reads the messages of one connection.

    It remembers only what spans messages, and never more than a little of it: the first byte of a sample that two
    chunks of an item share, which tool calls were passed on, and whether a configuration was accepted: until then
    every error is about the session.

    `model` and `transcription_model` are those that the session asked for: the server counts what they used, and does
    not name them.
    """

    def __init__(self, session: SessionId, *, model: str = "", transcription_model: str = "") -> None:
        self._session = session
        self._model = model
        self._transcription_model = transcription_model
        self._halves: dict[tuple[ReplyId, ItemId], bytes] = {}
        self._called: deque[CallId] = deque(maxlen=_MOST_CALLS)
        self._dialect_told = False
        self._configured = False

    def decode(self, message: str | bytes) -> list[Found]:
        """What `message`, one WebSocket frame, says. Raises `WireError`; the connection may go on after that."""
        if not isinstance(message, str):
            raise WireError("a binary frame: the protocol has none")
        try:
            data = json.loads(message)
        except (ValueError, RecursionError):  # the parser's own text would quote what was said
            raise WireError("a message that is no JSON") from None
        if not isinstance(data, dict):
            raise WireError("a message that is no JSON object")
        kind = data.get("type")
        if not isinstance(kind, str):
            raise WireError("a message with no type")
        read = _READERS.get(kind)
        if read is not None:
            return read(self, data)
        return [] if kind in _OF_NO_INTEREST else [UnknownEvent(kind[:_LONGEST_NAME])]

    # The reply, most frequent first.

    def _audio(self, data: _Message) -> list[Found]:
        reply, item = ReplyId(_text(data, "response_id")), ItemId(_text(data, "item_id"))
        try:
            pcm = a2b_base64(_text(data, "delta"), strict_mode=True)
        except (Base64Error, ValueError):
            raise WireError("response.output_audio.delta: its delta is no base64") from None
        if self._halves or len(pcm) % 2:
            pcm = self._whole_samples(reply, item, pcm)
        return [ReplyAudio(self._session, reply, item, pcm)] if pcm else []

    def _whole_samples(self, reply: ReplyId, item: ItemId, pcm: bytes) -> bytes:
        """`pcm` with the byte left over from the last chunk, and without its own.

        The sound of an item is one stream of bytes: dropping one would turn all that follows into noise.
        """
        pcm = self._halves.pop((reply, item), b"") + pcm
        if len(pcm) % 2:
            if len(self._halves) >= _MOST_HALVES:
                self._halves.pop(next(iter(self._halves)))
            self._halves[reply, item] = pcm[-1:]
            pcm = pcm[:-1]
        return pcm

    def _spoken(self, data: _Message) -> list[Found]:
        return self._reply_text(data, spoken=True)

    def _written(self, data: _Message) -> list[Found]:
        return self._reply_text(data, spoken=False)

    def _reply_text(self, data: _Message, *, spoken: bool) -> list[Found]:
        reply, item, text = _text(data, "response_id"), _text(data, "item_id"), _text(data, "delta")
        return [ReplyText(self._session, ReplyId(reply), ItemId(item), text, spoken)] if text else []

    def _beta(self, read: _Reader, data: _Message) -> list[Found]:
        found = read(self, data)
        if not self._dialect_told:
            self._dialect_told = True
            found.append(DialectHeard("beta"))
        return found

    def _reply_started(self, data: _Message) -> list[Found]:
        response = _object(data, "response")
        return [ReplyStarted(self._session, ReplyId(_text(response, "id", "response.created: response")))]

    def _item_done(self, data: _Message) -> list[Found]:
        reply, item = ReplyId(_text(data, "response_id")), _object(data, "item")
        where = "response.output_item.done: item"
        kind, name = _text(item, "type", where), ItemId(_text(item, "id", where))
        self._halves.pop((reply, name), None)
        if kind == "message":
            return [ReplyItemDone(self._session, reply, name)]
        if kind == "function_call" and item.get("status", "completed") == "completed":
            call = CallId(_text(item, "call_id", where))
            tool, arguments = _text(item, "name", where), _text(item, "arguments", where)
            if call not in self._called:
                self._called.append(call)
                return [ToolCalled(self._session, reply, name, call, tool, arguments)]
        return []

    def _reply_done(self, data: _Message) -> list[Found]:
        response = _object(data, "response")
        reply = ReplyId(_text(response, "id", "response.done: response"))
        self._halves = {key: half for key, half in self._halves.items() if key[0] != reply}
        details = _object_or_none(response, "status_details") or {}
        error = _object_or_none(details, "error") or {}
        status = _STATUSES.get(_text_or_none(response, "status") or "")
        code = _text_or_none(error, "code") or _text_or_none(error, "type") or _text_or_none(details, "reason") or ""
        done = ReplyDone(
            self._session,
            reply,
            status or "failed",
            code=code if status else "unknown_status",
            reason=one_line(_text_or_none(error, "message") or ""),
            usage=_usage(self._model, _object_or_none(response, "usage")),
        )
        if judge(None, code, "", "") == "fatal":
            return [done, Refusal("fatal", "reply", code, done.reason)]
        return [done]

    # The user.

    def _committed(self, data: _Message) -> list[Found]:
        return [UtteranceCommitted(self._session, ItemId(_text(data, "item_id")))]

    def _speech_started(self, data: _Message) -> list[Found]:
        return [ServerHeard(self._session, speaking=True)]

    def _speech_stopped(self, data: _Message) -> list[Found]:
        return [ServerHeard(self._session, speaking=False)]

    def _transcribed(self, data: _Message) -> list[Found]:
        found: list[Found] = [UserTranscribed(self._session, ItemId(_text(data, "item_id")), _text(data, "transcript"))]
        usage = _usage(self._transcription_model, _object_or_none(data, "usage"))
        return found if usage is None else [*found, UsageReported(usage)]

    def _transcription_failed(self, data: _Message) -> list[Found]:
        error = _object_or_none(data, "error") or {}
        code = _text_or_none(error, "code") or _text_or_none(error, "type") or "unknown"
        item = ItemId(_text(data, "item_id"))
        return [UserTranscribed(self._session, item, None), TranscriptionFailed(code[:_LONGEST_NAME])]

    # The session.

    def _created(self, data: _Message) -> list[Found]:
        session = _object(data, "session")
        return [SessionCreated(_text_or_none(session, "id") or "", self._shape(session))]

    def _updated(self, data: _Message) -> list[Found]:
        dialect = self._shape(_object(data, "session"))
        self._configured = True
        return [SessionUpdated(dialect)]

    def _shape(self, session: _Message) -> Dialect | None:
        """The dialect of a session object; once it is known, names prove nothing any more (some servers mix them)."""
        shape: Dialect | None = None
        if "type" in session or isinstance(session.get("audio"), dict):
            shape = "ga"
        elif "modalities" in session or "input_audio_format" in session:
            shape = "beta"
        self._dialect_told = self._dialect_told or shape is not None
        return shape

    def _rate_limits(self, data: _Message) -> list[Found]:
        limits = data.get("rate_limits")
        if not isinstance(limits, list):
            raise WireError(f"rate_limits.updated: rate_limits is {_kind(limits)}, not a list")
        return [
            RateLimit(
                name=_text(limit, "name", "rate_limits.updated: a limit")[:_LONGEST_NAME],
                limit=_count(limit.get("limit")),
                remaining=_count(limit.get("remaining")),
                reset_s=_seconds(limit.get("reset_seconds")),
            )
            for limit in limits
            if isinstance(limit, dict)
        ]

    def _error(self, data: _Message) -> list[Found]:
        error = _object(data, "error")
        message = one_line(_text_or_none(error, "message") or "")
        code, kind = _text_or_none(error, "code") or "", _text_or_none(error, "type") or ""
        request = _request_named(_text_or_none(error, "event_id") or "") or request_of(code, message)
        dialect = dialect_of_refusal(code, _text_or_none(error, "param") or "", message)
        if dialect is not None or not self._configured:
            request = "session"
        return [Refusal(judge(request, code, kind, message), request, code, message, dialect)]


_Reader = Callable[[Decoder, _Message], list[Found]]


def _in_beta(read: _Reader) -> _Reader:
    return lambda decoder, data: decoder._beta(read, data)


_READERS: Final[dict[str, _Reader]] = {
    "response.output_audio.delta": Decoder._audio,
    "response.audio.delta": _in_beta(Decoder._audio),
    "response.output_audio_transcript.delta": Decoder._spoken,
    "response.audio_transcript.delta": _in_beta(Decoder._spoken),
    "response.output_text.delta": Decoder._written,
    "response.text.delta": _in_beta(Decoder._written),
    "response.created": Decoder._reply_started,
    "response.output_item.done": Decoder._item_done,
    "response.done": Decoder._reply_done,
    "input_audio_buffer.committed": Decoder._committed,
    "input_audio_buffer.speech_started": Decoder._speech_started,
    "input_audio_buffer.speech_stopped": Decoder._speech_stopped,
    "conversation.item.input_audio_transcription.completed": Decoder._transcribed,
    "conversation.item.input_audio_transcription.failed": Decoder._transcription_failed,
    "session.created": Decoder._created,
    "session.updated": Decoder._updated,
    "rate_limits.updated": Decoder._rate_limits,
    "error": Decoder._error,
}


def _kind(value: object) -> str:
    """What JSON calls the type of `value`. Errors name types only: the value may be what somebody said."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "missing or null"}
    return names.get(type(value), "a number")


def _text(data: _Message, key: str, where: str = "") -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise WireError(f"{where or data['type']}: {key} is {_kind(value)}, not a string")
    return value


def _object(data: _Message, key: str) -> _Message:
    value = data.get(key)
    if not isinstance(value, dict):
        raise WireError(f"{data['type']}: {key} is {_kind(value)}, not an object")
    return value


def _text_or_none(data: _Message, key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _object_or_none(data: _Message, key: str) -> _Message | None:
    value = data.get(key)
    return value if isinstance(value, dict) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0


def _usage(model: str, usage: _Message | None) -> Usage | None:
    """What a response or a transcription used: tokens by modality, or seconds of sound.

    Tokens whose modality is not told are text, cached ones too: some servers count none but the whole.
    """
    if usage is None:
        return None
    received = _object_or_none(usage, "input_token_details") or {}
    cached = _object_or_none(received, "cached_tokens_details") or {}
    given = _object_or_none(usage, "output_token_details") or {}
    audio_in, image_in = _tokens(received, "audio"), _tokens(received, "image")
    cached_audio, cached_image = _tokens(cached, "audio"), _tokens(cached, "image")
    audio_out = _tokens(given, "audio")
    return Usage(
        model,
        text_in=max(_tokens(received, "text"), _tokens(usage, "input") - audio_in - image_in),
        audio_in=audio_in,
        image_in=image_in,
        cached_text_in=max(_tokens(cached, "text"), _tokens(received, "cached") - cached_audio - cached_image),
        cached_audio_in=cached_audio,
        cached_image_in=cached_image,
        text_out=max(_tokens(given, "text"), _tokens(usage, "output") - audio_out),
        audio_out=audio_out,
        seconds=seconds if 0 < (seconds := float(_seconds(usage.get("seconds")))) < _MOST_SECONDS else 0.0,
    )


def _tokens(counted: _Message, of: str) -> int:
    return min(max(_count(counted.get(f"{of}_tokens")), 0), _MOST_TOKENS)


def _request_named(event_id: str) -> Refusable | None:
    """The kind of request in an `event_id` that the encoder made: "reply-17", or just "audio"."""
    return _REQUESTS.get(event_id.rpartition("-")[0] or event_id)
