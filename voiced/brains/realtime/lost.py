"""Why a session ended or never came up, in one line for a person."""

from __future__ import annotations

import json

from websockets.exceptions import ConnectionClosed, InvalidStatus

from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import Refusal
from voiced.brains.realtime.wire.refusals import cause, one_line, remedy
from voiced.conversation.events import Cause
from voiced.errors import BrainError


class Lost(BrainError):
    """The session is over or never came up: what becomes a `BrainLost`."""

    def __init__(self, reason: str, *, fatal: bool = False, retry_after_s: float = 0.0, cause: Cause = "") -> None:
        super().__init__(reason)
        self.fatal = fatal
        self.cause = cause
        self.retry_after_s = retry_after_s


def refused_by_http(error: InvalidStatus, settings: RealtimeSettings) -> Lost:
    """What an HTTP answer other than 101 means; a 429 may be a full minute or an empty account, its body tells."""
    status, headers = error.response.status_code, error.response.headers
    code, message = _error_in(error.response.body)
    sentence = remedy(code)
    if sentence:
        return Lost(f"{sentence} (HTTP {status} {code})", fatal=True, cause=cause(code))
    if status in (408, 425, 429) or status >= 500:
        reason = "too many requests" if status == 429 else "the server is in trouble"
        return Lost(f"{reason} (HTTP {status}{_and(message)})", retry_after_s=_seconds(headers.get("Retry-After", "")))
    match status:
        case 401:
            reason = "the server does not accept the API key: replace it"
        case 403:
            reason = f"the API key may not use {settings.model}: look at the project's permissions and the region"
            reason += _and(message)
        case 404:
            reason = (
                f"there is no Realtime, or no model {settings.model}, at {settings.base_url}: mend realtime.base_url"
            )
            reason += " or realtime.model"
        case _ if 300 <= status < 400:  # following it would carry the key to who knows where
            reason = (
                f"{settings.base_url} redirects to {headers.get('Location', 'nowhere')[:200]}: mend realtime.base_url"
            )
        case _:
            reason = f"the server refused the connection{_and(message)}: mend realtime.base_url or realtime.model"
    mend: dict[int, Cause] = {401: "key", 403: "access"}
    return Lost(f"{reason} (HTTP {status})", fatal=True, cause=mend.get(status, "settings"))


def refused_by_server(refusal: Refusal) -> Lost:
    """What an error event means that ends the session, or its configuration."""
    reason = remedy(refusal.code)
    if not reason and refusal.verdict == "fatal":
        reason = f"the server refused the settings of the session: {refusal.message}: mend [realtime]"
    named = f" ({refusal.code})" if refusal.code else ""
    fatal = refusal.verdict == "fatal"
    return Lost(
        (reason or f"the server gave up: {refusal.message}") + named,
        fatal=fatal,
        cause=cause(refusal.code) if fatal else "",
    )


def closed(error: ConnectionClosed) -> Lost:
    """What a closed WebSocket means: by the server's close frame, by ours, or by neither."""
    if error.sent is not None and not error.rcvd_then_sent:
        ours = {1009: "the server sent a message that is too long", 1007: "the server sent text that is not UTF-8"}
        return Lost(ours.get(error.sent.code, f"the connection failed: {error.sent.reason or error.sent.code}"))
    if error.rcvd is not None:
        reason = one_line(error.rcvd.reason)
        code = reason.rpartition(".")[2]  # "invalid_request_error.invalid_api_key"
        if mend := remedy(code):
            return Lost(mend, fatal=True, cause=cause(code))
        return Lost(f"the server closed the session: {reason or error.rcvd.code}")
    return Lost("the connection broke")


def _error_in(body: bytes | bytearray) -> tuple[str, str]:
    """Code and sentence of an API error, both empty where the body is something else."""
    try:
        error = json.loads(body)["error"]
        code, message = error.get("code"), error.get("message")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):  # a proxy's page, or nothing
        return "", ""
    return code if isinstance(code, str) else "", one_line(message) if isinstance(message, str) else ""


def _and(message: str) -> str:
    return f", {message}" if message else ""


def _seconds(retry_after: str) -> float:
    """`Retry-After` in seconds; its other form, a date, counts as absent: the backoff then decides."""
    return float(retry_after) if retry_after.isdecimal() and retry_after.isascii() else 0.0
