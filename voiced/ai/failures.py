"""What the library's errors mean, in our own words."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from voiced.ai.endpoint import Endpoint
from voiced.ai.presets import variable_of
from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ContextTooLong,
    ModelUnknown,
    RequestRejected,
)
from voiced.redaction import redacted

if TYPE_CHECKING:
    from openai import APIStatusError

LONGEST_TEXT: Final = 300
"""Characters of a server's sentence that are passed on."""

_NO_CREDIT: Final = {
    "insufficient_quota": "the account has no quota left: check its plan and billing",
    "billing_hard_limit_reached": "the account reached its billing limit: raise it, or wait for the next month",
    "billing_not_active": "the account's billing is not active: mend that",
    "credit_balance_exhausted": "the account has no credit left: add some",
    "insufficient_balance": "the account has no credit left: add some",
}
_NO_KEY: Final = {
    "invalid_api_key": "the server does not accept the API key: replace it",
    "incorrect_api_key": "the server does not accept the API key: replace it",
    "account_deactivated": "the account is deactivated: ask the provider",
}
_NO_MODEL: Final = frozenset(
    {
        "model_not_found", "invalid_model", "unknown_model", "model_not_available", "model_deprecated", "model_retired",
        "model_decommissioned", "DeploymentNotFound", "unsupported_model", "model_not_supported",
    }
)  # fmt: skip
_TOO_LONG: Final = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})

_NO_MODEL_TEXT: Final = re.compile(
    r"(?i)\bmodel\b.{0,120}?(does not exist|doesn't exist|not found|not available|deprecated|retired|decommissioned"
    r"|no longer|shut ?down|unknown)|\b(unknown|invalid|no such|unsupported) model\b"
)
_TOO_LONG_TEXT: Final = re.compile(
    r"(?i)maximum context length|context (length|window|size)|too many tokens|prompt is too long|request too large"
)
_CARD: Final = re.compile(r"\bsk[-_*][\w*.-]+")


def failure(error: Exception, what: str, endpoint: Endpoint) -> ApiError | None:
    """`error` as one of ours, or None where it is neither the library's nor about the server's answer.

    `what` names the service: "chat". Call it only after the library was imported.
    """
    import httpx2
    import openai

    if isinstance(error, ApiError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _refused(error, what, endpoint)
    if isinstance(error, openai.APITimeoutError):
        return ApiUnreachable(f"{what}: no answer from {endpoint.called} in time")
    if isinstance(error, openai.APIConnectionError):
        if isinstance(error.__cause__, ApiError):  # of our own look at the answer
            return error.__cause__
        if (refused := _tls_refused(error)) is not None:
            return ApiUnreachable(
                f"{what}: {endpoint.called} can't prove that it is who it says ({refused}): look at this machine's "
                "clock and the address, and where your network has a certificate of its own name its file in "
                "SSL_CERT_FILE",
                cause="settings",
            )
        if _speaks_no_tls(error):
            return ApiUnreachable(
                f"{what}: {endpoint.base_url} does not speak TLS: if the server is yours, write http:// for https://",
                cause="settings",
            )
        if not isinstance(error.__cause__, httpx2.ConnectError):
            return ApiUnreachable(
                f"{what}: the connection to {endpoint.called} broke ({_root_cause(error)}): ask again"
            )
        return ApiUnreachable(
            f"{what}: no connection to {endpoint.called} ({_root_cause(error)}): look at the network, and whether the "
            f"server runs at {endpoint.base_url}"
        )
    if isinstance(error, openai.APIResponseValidationError | RecursionError):  # thousands of brackets
        return AnswerUnusable(f"{what}: {endpoint.called} answers in another form than the API's")
    if isinstance(error, openai.APIError):  # an error in the middle of a stream, where HTTP has said 200
        return _judged(0, _texts(error.body), one_line(error.message), what, endpoint)
    if isinstance(error, openai.OpenAIError):
        return AnswerUnusable(f"{what}: {one_line(str(error))}")
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        return ApiUnreachable(f"{what}: the connection to {endpoint.called} broke ({type(error).__name__})")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return ApiUnreachable(f"{what}: {endpoint.called} sent garbage")
    return None


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How long the server wants us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
        return min(max(0.0, seconds), 86_400.0) if seconds == seconds else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def one_line(text: str) -> str:
    """A server's sentence made fit to show: one line, not too long, and with no key (401s quote it in part)."""
    return redacted(_CARD.sub("[key]", " ".join(text.split())))[:LONGEST_TEXT]


def _refused(error: APIStatusError, what: str, endpoint: Endpoint) -> ApiError:
    message = error.body.get("message") if isinstance(error.body, dict) else None
    text = one_line(message) if isinstance(message, str) else ""
    wait = retry_after_s({name.lower(): value for name, value in error.response.headers.items()})
    status = error.status_code
    if 300 <= status < 400:  # following it would carry the key to who knows where
        where = one_line(error.response.headers.get("location", "nowhere"))
        return ApiDenied(
            f"{what}: {endpoint.base_url} redirects to {where}: mend the address", status=status, cause="settings"
        )
    return _judged(status, _texts(error.body), text, what, endpoint, wait)


def _judged(
    status: int,
    texts: Mapping[str, str],
    message: str,
    what: str,
    endpoint: Endpoint,
    wait: float | None = None,
) -> ApiError:
    code, param, kind = texts["code"], texts["param"], texts["type"]
    server = endpoint.called
    told = f"{what}: {server}: " + (message or f"HTTP {status}")

    def named(sentence: str) -> str:
        where = " ".join(filter(None, [f"HTTP {status}" if status else "", code]))
        return f"{what}: {sentence} ({server}{', ' if where else ''}{where})"

    for known in (code, kind):
        if known in _NO_CREDIT:
            return ApiDenied(named(_NO_CREDIT[known]), status=status, code=code, cause="credit")
        if known in _NO_KEY:
            return ApiDenied(named(_NO_KEY[known]), status=status, code=code, cause="key")
    if status == 402:
        return ApiDenied(named("the account has no credit left: add some"), status=status, code=code, cause="credit")
    if code in _NO_MODEL or (status in (0, 400, 422) and param == "model"):
        cause = "access" if status == 403 else "settings"
        return ModelUnknown(
            told, status=status, code=code, param=param, cause="access" if cause == "access" else "settings"
        )
    if code in _TOO_LONG or (status in (0, 400, 413, 422, 429, 500) and _TOO_LONG_TEXT.search(message)):
        return ContextTooLong(told, status=status, code=code or "context_length_exceeded", param=param)
    if status == 413:
        return ContextTooLong(named("the request is too large"), status=status, code="request_too_large")
    if status == 401:
        if "scope" in message or "permission" in message:
            return ApiDenied(told, status=status, code=code, cause="access")
        mend = "the server does not accept the API key: replace it"
        if not endpoint.key:
            mend = f"the server wants an API key, and none is configured for it{_key_place(endpoint.name)}"
        return ApiDenied(named(mend), status=status, code=code, cause="key")
    if status == 403:
        return ApiDenied(
            named(f"the API key may not do this{_and(message)}: look at the project's permissions and the region"),
            status=status, code=code, cause="access",
        )  # fmt: skip
    if status in (404, 405, 410) or (status in (0, 400, 422) and _NO_MODEL_TEXT.search(message)):
        return ModelUnknown(told, status=status, code=code, param=param, cause="settings")
    if status in (425, 429) or code == "rate_limit_exceeded":
        return ApiBusy(named(f"too many requests{_and(message)}"), status=status, code=code, retry_after_s=wait)
    if status == 408 or status >= 500 or "server_error" in (code, kind) or (status == 0 and not code):
        return ApiUnreachable(
            named(f"the server is in trouble{_and(message)}"), status=status, code=code, retry_after_s=wait
        )
    return RequestRejected(told, status=status, code=code or f"http_{status}", param=param)


def _texts(body: object) -> dict[str, str]:
    """code, param and type of an API error; a proxy's page has none of them."""
    fields = body if isinstance(body, dict) else {}
    found = {name: fields.get(name) for name in ("code", "param", "type")}
    return {name: str(value) if isinstance(value, str | int) else "" for name, value in found.items()}


def _tls_refused(error: BaseException | None) -> str | None:
    """What is wrong with the server's certificate, where that is why there is no connection."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return one_line(error.verify_message)
        error = error.__cause__ or error.__context__
    return None


def _speaks_no_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            return True
        error = error.__cause__ or error.__context__
    return False


def _root_cause(error: BaseException) -> str:
    """What the operating system said: "Connection refused"."""
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(str(error)) or type(error).__name__


def _key_place(provider: str) -> str:
    """Where the key of a provider goes; OPENAI_API_KEY is for OpenAI's own servers alone."""
    if not provider:
        return ""
    variable = "" if provider == "openai" else f"set {variable_of(provider)}, or "
    return f": {variable}name a file with it in ai.providers.{provider}.key_file"


def _and(message: str) -> str:
    return f", {message}" if message else ""
