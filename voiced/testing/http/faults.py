"""What can go wrong on purpose, and when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from voiced.testing.http.catalogue import Stage
from voiced.testing.http.refusal import error_body


@dataclass(frozen=True, slots=True)
class Answer:
    """The request, though it is right, gets this and nothing else. `body`: JSON, or bytes as they are."""

    status: int
    body: Mapping[str, Any] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, indent=2).encode()


@dataclass(frozen=True, slots=True)
class Drop:
    """The TCP connection breaks: at once, before the request is read, or `after` so many pieces of the answer.

    A piece is an event of a stream or a chunk of sound; any other answer has two, its halves. `inside`: the next piece
    goes out in part: its first half, or up to the middle of its first character that has several bytes, for which
    pieces that have none are let through.
    """

    after: int | None = None
    inside: Literal["nothing", "piece", "character"] = "nothing"

    def __post_init__(self) -> None:
        if self.after is None and self.inside != "nothing":
            raise ValueError("a connection that breaks at once breaks inside nothing; give `after`")


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes any more, and nobody hangs up: at once, or `after` so many pieces (see `Drop`)."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The answer ends `after` so many pieces as if that was all: no finish_reason, no [DONE], and no broken socket."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class SendError:
    """`after` so many events of a stream an error object comes, and the stream ends."""

    after: int = 0
    code: str | None = "server_error"
    message: str = "The server had an error while processing your request. Sorry about that!"
    kind: str = "server_error"


@dataclass(frozen=True, slots=True)
class Garble:
    """The piece with this number, from 0, leaves as what `how` makes of it; see `garbage`. None: each piece."""

    how: Callable[[bytes], bytes]
    piece: int | None = 0


@dataclass(frozen=True, slots=True)
class Instead:
    """The body leaves as what `how` makes of it, with status 200; see `garbage`. `content_type`: None for the same."""

    how: Callable[[bytes], bytes]
    content_type: str | None = None


Action = Answer | Drop | Stall | End | SendError | Garble | Instead


@dataclass(frozen=True, slots=True)
class Fault:
    """`action` happens to the `nth` request `on` this stage, wrong requests included in the count.

    `every`: also to each later one. A request that gets no answer of the script (`Answer`, and `Drop` and `Stall` at
    once) leaves the script's next reply, transcript or sound for the request after it.
    """

    action: Action
    on: Stage
    nth: int = 1
    every: bool = False

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ValueError("requests are counted from 1")
        streams = ("chat", "transcription", "speech", "responses", "completions", "images", "threads")
        if isinstance(self.action, SendError) and self.on not in streams:
            raise ValueError(f"what {self.on} answers is no stream; give an Answer")


class FaultPlan:
    """Says what goes wrong with each request."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = list(faults)

    def add(self, fault: Fault, after: int) -> None:
        """One more; its `nth` is counted from there on."""
        self._faults.append(replace(fault, nth=fault.nth + after))

    def clear(self) -> None:
        """All is well from the next request on."""
        self._faults.clear()

    def at(self, stage: Stage, count: int) -> list[Action]:
        """What goes wrong with this request of this stage."""
        return [
            fault.action
            for fault in self._faults
            if fault.on == stage and (count == fault.nth or (fault.every and count > fault.nth))
        ]


# Answers that OpenAI's server gives.


def wrong_key() -> Answer:
    message = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
    return Answer(401, error_body(message, "invalid_request_error", code="invalid_api_key"))


def forbidden() -> Answer:
    message = "Country, region, or territory not supported"
    return Answer(403, error_body(message, "request_forbidden", code="unsupported_country_region_territory"))


def no_such_model(model: str = "gpt-unknown") -> Answer:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Answer(404, error_body(message, "invalid_request_error", code="model_not_found"))


def context_too_long() -> Answer:
    message = (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130512 tokens. "
        "Please reduce the length of the messages."
    )
    return Answer(400, error_body(message, "invalid_request_error", "messages", "context_length_exceeded"))


def rate_limited(retry_after_s: float | None = None) -> Answer:
    """429 that passes; `retry_after_s`: seconds for the Retry-After header, None for none."""
    message = "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s."
    headers = {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "20s",
    }
    if retry_after_s is not None:
        headers["Retry-After"] = f"{retry_after_s:g}"
    return Answer(429, error_body(message, "requests", code="rate_limit_exceeded"), headers)


def no_credit() -> Answer:
    """429 that does not pass: somebody must pay."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return Answer(429, error_body(message, "insufficient_quota", code="insufficient_quota"))


def server_error() -> Answer:
    message = "The server had an error while processing your request. Sorry about that!"
    return Answer(500, error_body(message, "server_error"))


def unavailable(retry_after_s: float | None = None) -> Answer:
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    message = "The engine is currently overloaded, please try again later"
    return Answer(503, error_body(message, "server_error"), headers)


def html_page(status: int = 200) -> Answer:
    """What a proxy or a hotel's network answers for the server."""
    page = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please log in.</body></html>"
    return Answer(status, page, content_type="text/html; charset=utf-8")


def moderation_blocked(*categories: str) -> Answer:
    """400: what shall be drawn is not allowed."""
    message = (
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        "help.openai.com and include the request ID 00000000-0000-0000-0000-000000000000. "
        f"safety_violations=[{', '.join(categories or ('violence',))}]."
    )
    return Answer(400, error_body(message, "image_generation_user_error", code="moderation_blocked"))
