"""Batches at the HTTP server on loopback: as OpenAI's own client has them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from voiced.testing.http import HttpLoopback, batches
from voiced.testing.http.files import Files

from .http_client import HI, Answered, Raw, sdk_of

ENDPOINT = "/v1/chat/completions"


def call(custom_id: str = "a", **changes: Any) -> dict[str, Any]:
    line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": {"model": "gpt-4o", "messages": HI}}
    return {name: value for name, value in (line | changes).items() if value is not None}


def kept(server: HttpLoopback, lines: Sequence[Any], purpose: str = "batch") -> str:
    data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    file_id: str = server.kept(Files).add("calls.jsonl", data, purpose)["id"]
    return file_id


def lines_of(server: HttpLoopback, file_id: str) -> list[Any]:
    return [json.loads(line) for line in server.kept(Files).content(file_id).splitlines()]


async def create(raw: Raw, file_id: str, **body: Any) -> Answered:
    whole = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"} | body
    return await raw.ask("batches", json={name: value for name, value in whole.items() if value is not None})


async def ended(raw: Raw, batch_id: str) -> tuple[list[str], dict[str, Any]]:
    """How it went, and what came of it."""
    seen: list[str] = []
    while True:
        batch = (await raw.ask(f"batches/{batch_id}", method="GET")).json
        seen.append(batch["status"])
        if batch["status"] in ("completed", "failed", "expired", "cancelled"):
            return seen, batch


async def test_a_batch_goes_step_by_step_and_its_files_tell_what_came(server: HttpLoopback) -> None:
    wrong = call("b", body={"model": "gpt-4o", "messages": []})
    async with sdk_of(server) as sdk:
        batch = await sdk.batches.create(
            input_file_id=kept(server, [call("a"), wrong]),
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"night": "1"},
        )
        seen = [batch.status]
        while batch.status != "completed":
            batch = await sdk.batches.retrieve(batch.id)
            seen.append(batch.status)
        assert [each.id for each in (await sdk.batches.list()).data] == [batch.id]
        output = (await sdk.files.content(batch.output_file_id or "")).text
    assert seen == ["validating", "in_progress", "finalizing", "completed"]
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 1, "failed": 1}
    assert (batch.metadata, batch.model) == ({"night": "1"}, "gpt-4o")
    assert batch.usage is not None
    assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens > 0
    answer = json.loads(output)
    assert (answer["custom_id"], answer["error"], answer["response"]["status_code"]) == ("a", None, 200)
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == "You said: Hi"
    (error,) = lines_of(server, batch.error_file_id or "")
    assert (error["custom_id"], error["response"]["status_code"]) == ("b", 400)
    assert error["response"]["body"]["error"]["param"] == "messages"
    assert server.violations == ()
    assert server.of("chat") == ()


async def test_some_calls_at_a_time(server: HttpLoopback, raw: Raw) -> None:
    server.kept(batches.Batches).at_once = 1
    batch = (await create(raw, kept(server, [call("a"), call("b")]))).json
    counts = []
    while batch["status"] != "completed":
        batch = (await raw.ask(f"batches/{batch['id']}", method="GET")).json
        counts.append(batch["request_counts"]["completed"])
    assert counts == [0, 1, 2, 2]


async def test_what_is_not_done_in_time_is_told_to_be_so(server: HttpLoopback, raw: Raw) -> None:
    server.kept(batches.Batches).expires_after = 1
    batch_id = (await create(raw, kept(server, [call("a"), call("b")]))).json["id"]
    seen, batch = await ended(raw, batch_id)
    assert seen == ["in_progress", "expired"]
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    (left,) = lines_of(server, batch["error_file_id"])
    assert (left["custom_id"], left["response"], left["error"]["code"]) == ("b", None, "batch_expired")


async def test_one_that_breaks(server: HttpLoopback, raw: Raw) -> None:
    server.kept(batches.Batches).breaking = {"a"}
    _, batch = await ended(raw, (await create(raw, kept(server, [call("a")]))).json["id"])
    assert "output_file_id" not in batch
    (left,) = lines_of(server, batch["error_file_id"])
    assert left["response"]["status_code"] == 500


async def test_a_cancelled_one_keeps_what_was_done(server: HttpLoopback, raw: Raw) -> None:
    server.kept(batches.Batches).at_once = 1
    batch_id = (await create(raw, kept(server, [call("a"), call("b")]))).json["id"]
    for _ in range(2):
        await raw.ask(f"batches/{batch_id}", method="GET")
    assert (await raw.ask(f"batches/{batch_id}/cancel")).json["status"] == "cancelling"
    seen, batch = await ended(raw, batch_id)
    assert seen == ["cancelled"]
    assert [line["custom_id"] for line in lines_of(server, batch["output_file_id"])] == ["a"]
    assert [line["error"]["code"] for line in lines_of(server, batch["error_file_id"])] == ["batch_cancelled"]
    assert (await raw.ask(f"batches/{batch_id}/cancel")).status == 409


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"", "invalid_json_line", None),
        (["list"], "invalid_json_line", None),
        (call(custom_id=None), "missing_required_parameter", "custom_id"),  # type: ignore[arg-type]
        (call(""), "invalid_type", "custom_id"),
        (call("first"), "duplicate_custom_id", "custom_id"),
        (call(method=None), "missing_required_parameter", "method"),
        (call(method="GET"), "invalid_method", "method"),
        (call(url="/v1/responses"), "mismatched_url", "url"),
        (call(body=None), "missing_required_parameter", "body"),
        (call(body={"model": "gpt-9"}), "model_not_found", "body.model"),
        (call(body={"model": "gpt-4o-mini"}), "mismatched_model", "body.model"),
    ],
)
async def test_a_file_with_a_bad_line_fails(
    server: HttpLoopback, raw: Raw, line: Any, code: str, param: str | None
) -> None:
    seen, batch = await ended(raw, (await create(raw, kept(server, [call("first"), line, call("last")]))).json["id"])
    assert seen == ["failed"]
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["line"], error["param"]) == (code, 2, param)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"input_file_id": None}, "missing_required_parameter", "input_file_id"),
        ({"input_file_id": "file-9"}, "invalid_value", "input_file_id"),
        ({"endpoint": None}, "missing_required_parameter", "endpoint"),
        ({"endpoint": "/v1/audio/speech"}, "invalid_value", "endpoint"),
        ({"completion_window": "48h"}, "invalid_value", "completion_window"),
        ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
        (
            {"output_expires_after": {"anchor": "created_at"}},
            "missing_required_parameter",
            "output_expires_after.seconds",
        ),
        ({"model": "gpt-4o"}, "unknown_parameter", "model"),
    ],
)
async def test_what_is_refused(server: HttpLoopback, raw: Raw, change: dict[str, Any], code: str, param: str) -> None:
    answer = await create(raw, kept(server, [call()]), **change)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)


async def test_what_there_is_not(server: HttpLoopback, raw: Raw) -> None:
    assert (await raw.ask("batches/batch_9", method="GET")).status == 404
    assert (await raw.ask("batches/batch_9/cancel")).status == 404
    other = kept(server, [call()], purpose="fine-tune")
    assert (await create(raw, other)).error["param"] == "input_file_id"
    assert (await raw.ask("batches?order=asc", method="GET")).status == 400
