"""Why a request is refused, as HTTP says it: a status and OpenAI's error body."""

from __future__ import annotations

import json
from typing import Any, Final

from voiced.testing.loopback.rejection import Rejection

MAX_FILE_BYTES: Final = 25 * 1024 * 1024
"""Of a file to be transcribed: the real server's limit."""


class Refusal(Exception):
    """The request is answered with `status` and `why` it is wrong."""

    def __init__(self, status: int, why: Rejection) -> None:
        super().__init__(why.message)
        self.status = status
        self.why = why


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_json(why: Rejection) -> bytes:
    return json.dumps(error_body(why.message, why.kind, why.param, why.code), indent=2).encode()


def bad_request(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    return Refusal(400, Rejection(message, code, param))


def no_key() -> Refusal:
    message = (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)."
    )
    return Refusal(401, Rejection(message))


def wrong_key() -> Refusal:
    message = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
    return Refusal(401, Rejection(message, "invalid_api_key"))


def key_where_none_belongs() -> Refusal:
    """As a storage says it, whose addresses have their permission in them."""
    return Refusal(
        403, Rejection("Server failed to authenticate the request: it has a key that is not for this server.")
    )


def no_such_url(method: str, path: str) -> Refusal:
    return Refusal(404, Rejection(f"Invalid URL ({method} {path})"))


def wrong_method(method: str, path: str) -> Refusal:
    return Refusal(405, Rejection(f"Not allowed to {method} on {path}.", "method_not_supported"))


def no_such_model(model: str) -> Refusal:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(404, Rejection(message, "model_not_found"))


def file_too_large(size: int) -> Refusal:
    message = f"Maximum content size limit ({MAX_FILE_BYTES}) exceeded ({size} bytes read)"
    return Refusal(413, Rejection(message, kind="server_error"))


def not_on_loopback(what: str) -> Refusal:
    """For what the real server does and this one can't: it says so, and never pretends."""
    return Refusal(501, Rejection(f"The server on loopback {what}.", "not_on_loopback", kind="loopback_error"))
