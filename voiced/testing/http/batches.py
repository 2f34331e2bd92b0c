"""Batches: a file of requests, judged line by line, answered as they would be one by one, with files of what came."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.files import EXPIRES_AFTER, Files
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, bad_request, error_body
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.shape import judged
from voiced.testing.loopback.checks import Check, metadata, nullable, obj, one_of, string
from voiced.testing.loopback.rejection import Rejection

ENDPOINTS: Final = (
    "/v1/responses", "/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/moderations",
    "/v1/images/generations", "/v1/images/edits", "/v1/videos",
)  # fmt: skip
MOST_LINES: Final = 50_000
WINDOW_S: Final = 86_400

_SHAPES: Final[dict[str, Check]] = {
    "input_file_id": string(),
    "endpoint": one_of(*ENDPOINTS),
    "completion_window": one_of("24h"),
    "metadata": nullable(metadata),
    "output_expires_after": EXPIRES_AFTER,
}
_CREATE: Final = obj(_SHAPES, "input_file_id", "endpoint", "completion_window")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""

_OPEN: Final = ("validating", "in_progress", "finalizing")


@dataclass(slots=True)
class _Work:
    """What is left of a batch, and the lines of its two files."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    output: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    expires_after_s: int | None = None


class Batches:
    """The batches of a server, oldest first. Each goes one step on whenever somebody looks at it.

    `at_once`: calls that are done from one look to the next, None for all. `expires_after`: calls that are done before
    the time is up, None where it is not. `breaking`: custom ids of calls that end with 500. `tells_usage`: whether a
    batch that is done says how many tokens it used.
    """

    def __init__(self) -> None:
        self.at_once: int | None = None
        self.expires_after: int | None = None
        self.breaking: set[str] = set()
        self.tells_usage = True
        self._batches: dict[str, dict[str, Any]] = {}
        self._work: dict[str, _Work] = {}

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [dict(batch) for batch in self._batches.values()]

    def create(self, asked: dict[str, Any], world: World) -> dict[str, Any]:
        """One more. Raises `Refusal`."""
        files = world.of(Files)
        try:
            purpose = files.get(asked["input_file_id"])["purpose"]
        except Refusal:
            purpose = ""
        if purpose != "batch":
            message = "Invalid 'input_file_id': there is no such file with the purpose 'batch'."
            raise bad_request(message, "input_file_id", "invalid_value")
        batch_id = world.new_id("batch_")
        self._batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "status": "validating",
            "created_at": CREATED,
            "expires_at": CREATED + WINDOW_S,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }
        life_s = asked.get("output_expires_after", {}).get("seconds")
        self._work[batch_id] = _Work(expires_after_s=life_s)
        return dict(self._batches[batch_id])

    def look(self, batch_id: str, world: World) -> dict[str, Any]:
        """How it is, after one more step. Raises `Refusal`."""
        batch = self._known(batch_id)
        match batch["status"]:
            case "validating":
                self._validate(batch, world)
            case "in_progress":
                self._go_on(batch, world)
            case "finalizing":
                self._end(batch, "completed", world)
            case "cancelling":
                self._give_up(batch, "batch_cancelled", "This request was cancelled before it was executed.", world)
                self._end(batch, "cancelled", world)
        return dict(batch)

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        batch = self._known(batch_id)
        if batch["status"] not in _OPEN:
            message = f"Cannot cancel a batch with status '{batch['status']}'."
            raise Refusal(409, Rejection(message))
        _turn(batch, "cancelling")
        return dict(batch)

    def _known(self, batch_id: str) -> dict[str, Any]:
        if batch_id not in self._batches:
            raise Refusal(404, Rejection(f"No batch found with id '{batch_id}'."))
        return self._batches[batch_id]

    def _validate(self, batch: dict[str, Any], world: World) -> None:
        lines, errors = _read(world.of(Files).content(batch["input_file_id"]), batch["endpoint"], world)
        if errors:
            _turn(batch, "failed")
            batch["errors"] = {"object": "list", "data": errors}
            return
        _turn(batch, "in_progress")
        self._work[batch["id"]].lines = lines
        batch["model"] = lines[0]["body"]["model"]
        batch["request_counts"]["total"] = len(lines)

    def _go_on(self, batch: dict[str, Any], world: World) -> None:
        work = self._work[batch["id"]]
        for _ in range(len(work.lines) if self.at_once is None else self.at_once):
            done = len(work.output) + len(work.errors)
            if not work.lines or done == self.expires_after:
                break
            self._answer(work, work.lines.pop(0), world)
        _count(batch, work)
        if work.lines and len(work.output) + len(work.errors) == self.expires_after:
            why = "This request could not be executed before the completion window expired."
            self._give_up(batch, "batch_expired", why, world)
            self._end(batch, "expired", world)
        elif not work.lines:
            _turn(batch, "finalizing")

    def _answer(self, work: _Work, line: dict[str, Any], world: World) -> None:
        if line["custom_id"] in self.breaking:
            message = "The server had an error while processing your request. Sorry about that!"
            status, body = 500, error_body(message, "server_error")
        else:
            status, body = world.whole(line["url"], line["body"])
        response = {"status_code": status, "request_id": world.new_id("req_"), "body": body}
        (work.output if status == 200 else work.errors).append(
            {"id": world.new_id("batch_req_"), "custom_id": line["custom_id"], "response": response, "error": None}
        )
        if status == 200:
            work.used.update(_tokens(body))

    def _give_up(self, batch: dict[str, Any], code: str, message: str, world: World) -> None:
        work = self._work[batch["id"]]
        work.errors += [
            {
                "id": world.new_id("batch_req_"),
                "custom_id": line["custom_id"],
                "response": None,
                "error": {"code": code, "message": message},
            }
            for line in work.lines
        ]
        work.lines.clear()

    def _end(self, batch: dict[str, Any], status: str, world: World) -> None:
        work = self._work[batch["id"]]
        _count(batch, work)
        for name, lines in (("output", work.output), ("error", work.errors)):
            if lines:
                data = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
                file = world.of(Files).add(
                    f"{batch['id']}_{name}.jsonl", data, "batch_output", expires_after_s=work.expires_after_s
                )
                batch[f"{name}_file_id"] = file["id"]
        if self.tells_usage:
            batch["usage"] = {
                "input_tokens": work.used["input"],
                "input_tokens_details": {"cached_tokens": work.used["cached"]},
                "output_tokens": work.used["output"],
                "output_tokens_details": {"reasoning_tokens": work.used["reasoning"]},
                "total_tokens": work.used["input"] + work.used["output"],
            }
        _turn(batch, status)


def _turn(batch: dict[str, Any], status: str) -> None:
    batch["status"] = status
    batch[f"{status}_at"] = CREATED + 1 + sum(name.endswith("_at") for name in batch)


def _count(batch: dict[str, Any], work: _Work) -> None:
    batch["request_counts"] |= {"completed": len(work.output), "failed": len(work.errors)}


def _read(data: bytes, endpoint: str, world: World) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of an input file, and what is wrong with them."""
    lines: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    texts = data.decode(errors="replace").removesuffix("\n").split("\n")
    if len(texts) > MOST_LINES:
        errors.append(_error("too_many_tasks", f"The file has more than {MOST_LINES} lines.", None, None))
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            errors.append(_error("invalid_json_line", "This line is not parseable as valid JSON.", None, number))
            continue
        if (error := _wrong(line, number, endpoint, lines, seen, world)) is None:
            seen.add(line["custom_id"])
            lines.append(line)
        else:
            errors.append(error)
    return lines, errors


def _wrong(
    line: Any, number: int, endpoint: str, before: Sequence[dict[str, Any]], seen: set[str], world: World
) -> dict[str, Any] | None:
    if not isinstance(line, dict):
        return _error("invalid_json_line", "This line is not a JSON object.", None, number)
    for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
        if name not in line:
            return _error("missing_required_parameter", f"Missing required parameter: '{name}'.", name, number)
        if not isinstance(line[name], kind) or not line[name]:
            return _error("invalid_type", f"Invalid type for '{name}'.", name, number)
    model = line["body"].get("model")
    if line["custom_id"] in seen:
        message = "The custom_id for this request is a duplicate of another request. It must be unique in the batch."
        return _error("duplicate_custom_id", message, "custom_id", number)
    if line["method"] != "POST":
        return _error("invalid_method", "The HTTP method for this request is invalid.", "method", number)
    if line["url"] != endpoint:
        message = "The URL provided for this request does not match the batch endpoint."
        return _error("mismatched_url", message, "url", number)
    if model not in world.catalogue.models:
        message = f"The provided model '{model}' is not supported by the Batch API."
        return _error("model_not_found", message, "body.model", number)
    if before and model != before[0]["body"]["model"]:
        message = "The model provided for this request does not match the rest of the batch."
        return _error("mismatched_model", message, "body.model", number)
    return None


def _error(code: str, message: str, param: str | None, line: int | None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": line}


def _tokens(body: dict[str, Any]) -> dict[str, int]:
    usage = body.get("usage") or {}
    read = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    wrote = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    return {
        "input": usage.get("prompt_tokens", usage.get("input_tokens", 0)),
        "output": usage.get("completion_tokens", usage.get("output_tokens", 0)),
        "cached": read.get("cached_tokens", 0),
        "reasoning": wrote.get("reasoning_tokens", 0),
    }


def _create(request: Request, world: World) -> Emission:
    return whole(world.of(Batches).create(judged(_CREATE, request.body), world))


def _list(request: Request, world: World) -> Emission:
    return whole(page(request.query, world.of(Batches).all, order=False, before=False))


def _get(request: Request, world: World) -> Emission:
    return whole(world.of(Batches).look(request.ids["batch_id"], world))


def _cancel(request: Request, world: World) -> Emission:
    return whole(world.of(Batches).cancel(request.ids["batch_id"]))


ROUTES: Final = (
    Route("POST", "batches", "batches", _create, "json"),
    Route("GET", "batches", "batches", _list),
    Route("GET", "batches/{batch_id}", "batches", _get),
    Route("POST", "batches/{batch_id}/cancel", "batches", _cancel, "maybe json"),
)
