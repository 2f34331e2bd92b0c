"""Answers with HTTP 200 in which a field is something else than it should be: each is told as an ApiError."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable, ApiError, RequestRejected, StreamCut
from voiced.testing.http import Answer, Fault, HttpLoopback
from voiced.testing.http.catalogue import Stage
from voiced.testing.http.emission import EVENTS

from .desk import desk

SAID: Final = "Das hat jemand gesagt"

BATCH: Final[Mapping[str, Any]] = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/responses", "model": "gpt-5.4", "input_file_id": "file-1",
    "completion_window": "24h", "status": "completed", "created_at": 1, "errors": None,
    "request_counts": {"total": 1, "completed": 1, "failed": 0}, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
JOB: Final[Mapping[str, Any]] = {
    "id": "ftjob-1", "object": "fine_tuning.job", "created_at": 1, "model": "gpt-5.4", "status": "succeeded",
    "training_file": "file-1", "trained_tokens": 5, "result_files": [], "hyperparameters": {"n_epochs": 1},
}  # fmt: skip


def add(one: int) -> int:
    """Add one."""
    return one + 1


def called(function: object) -> dict[str, Any]:
    """An answer of a chat that wants this function to be called."""
    calls = [{"id": "call_1", "type": "function", "function": function}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}


def response(*items: object, **more: object) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": items, **more}


async def read(stream: AbstractAsyncContextManager[Any]) -> None:
    async with stream as pieces:
        _ = [piece async for piece in pieces]


async def complaint(stage: Stage, body: object, call: Callable[[AiService], Awaitable[object]]) -> ApiError:
    content = "application/json"
    if isinstance(body, list):
        content, told = EVENTS, "".join(f"data: {json.dumps(event)}\n\n" for event in body).encode()
    else:
        told = json.dumps(body).encode()
    fault = Fault(Answer(200, told, content_type=content), stage, every=True)
    async with HttpLoopback(faults=[fault]) as server, desk(server) as here:
        with pytest.raises(ApiError) as raised:
            await call(here.ai)
    assert SAID not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("wrong", [{"endpoint": None}, {"endpoint": []}, {"status": 5}, {"id": "\ud800"}])
async def test_a_batch(wrong: dict[str, Any]) -> None:
    found = await complaint("batches", {**BATCH, **wrong}, lambda ai: ai.batches.get("batch_1"))
    assert isinstance(found, AnswerUnusable)


@pytest.mark.parametrize("wrong", [{"model": None}, {"result_files": [5]}, {"created_at": "today"}])
async def test_a_job(wrong: dict[str, Any]) -> None:
    found = await complaint("fine_tuning", {**JOB, **wrong}, lambda ai: ai.fine_tuning.get("ftjob-1"))
    assert isinstance(found, AnswerUnusable)


@pytest.mark.parametrize("name", [None, [], 5, "", "\ud800"])
async def test_a_call_of_a_function(name: object) -> None:
    body = called({"name": name, "arguments": "{}"})
    assert isinstance(await complaint("chat", body, lambda ai: ai.chat.run("Hi", [add])), AnswerUnusable)


@pytest.mark.parametrize(
    "choice",
    [
        {"index": ["x"], "delta": {"content": SAID}},
        {"index": 0, "delta": {"tool_calls": 5}},
        {"index": 0, "delta": {"content": "x"}, "logprobs": {"content": 5}},
    ],
)
async def test_a_piece_of_a_chat(choice: object) -> None:
    assert isinstance(
        await complaint("chat", [{"choices": [choice]}], lambda ai: read(ai.chat.stream("Hi"))), StreamCut
    )


async def test_what_was_said_is_in_no_warning() -> None:
    """The library warns of what it can't write, and quotes it; a warning is an error here."""
    message = {"type": "message", "id": "m", "role": "assistant", "content": SAID}
    found = await complaint("responses", response(message, usage=None), lambda ai: ai.responses.ask("Hi"))
    assert isinstance(found, AnswerUnusable)
    part = {"type": "output_text", "text": SAID, "annotations": [{"type": 5, "title": SAID}]}
    body = json.dumps(response({**message, "content": [part]})).encode()
    async with HttpLoopback(faults=[Fault(Answer(200, body), "responses")]) as server, desk(server) as here:
        assert (await here.ai.responses.ask("Hi")).text == SAID


@pytest.mark.parametrize("call", [{"temperature": float("nan")}, {"extra": {"x": object()}}, {"user": "\ud800"}])
async def test_a_request_that_can_not_be_written(call: dict[str, Any]) -> None:
    async with HttpLoopback() as server, desk(server) as here:
        with pytest.raises(RequestRejected):
            await here.ai.chat.ask("Hi", **call)
        assert not server.requests
