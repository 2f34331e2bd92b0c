"""Fine-tuning at the HTTP server on loopback: as OpenAI's own client has it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voiced.testing.http import HttpLoopback, Script, fine_tuning
from voiced.testing.http.files import Files

from .http_client import Answered, Raw, sdk_of

MODEL = "gpt-4.1-mini-2025-04-14"


def example(number: int, **changes: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": f"Hi {number}"}, {"role": "assistant", "content": "Hello."}]
    return {"messages": said} | changes


def kept(server: HttpLoopback, lines: list[Any] | None = None, purpose: str = "fine-tune") -> str:
    given = [example(number) for number in range(10)] if lines is None else lines
    data = b"".join(json.dumps(line).encode() + b"\n" for line in given)
    file_id: str = server.kept(Files).add("examples.jsonl", data, purpose)["id"]
    return file_id


async def create(raw: Raw, file_id: str, **body: Any) -> Answered:
    whole = {"model": MODEL, "training_file": file_id} | body
    return await raw.ask("fine_tuning/jobs", json={name: value for name, value in whole.items() if value is not None})


async def ended(raw: Raw, job_id: str) -> tuple[list[str], dict[str, Any]]:
    """How it went, and what came of it."""
    seen: list[str] = []
    while True:
        job = (await raw.ask(f"fine_tuning/jobs/{job_id}", method="GET")).json
        seen.append(job["status"])
        if job["status"] in ("succeeded", "failed", "cancelled"):
            return seen, job


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(Script(["Tuned."])) as server:
        yield server


async def test_a_job_goes_step_by_step_and_its_model_can_be_asked(server: HttpLoopback) -> None:
    async with sdk_of(server) as sdk:
        job = await sdk.fine_tuning.jobs.create(
            model=MODEL,
            training_file=kept(server),
            suffix="lamps",
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        )
        seen = [str(job.status)]
        while job.status != "succeeded":
            job = await sdk.fine_tuning.jobs.retrieve(job.id)
            seen.append(job.status)
        events = [event async for event in sdk.fine_tuning.jobs.list_events(job.id)]
        checkpoints = (await sdk.fine_tuning.jobs.checkpoints.list(job.id)).data
        answer = await sdk.chat.completions.create(
            model=job.fine_tuned_model or "", messages=[{"role": "user", "content": "Hi"}]
        )
        listed = [each async for each in sdk.fine_tuning.jobs.list()]
    assert seen == ["validating_files", "queued", "running", "running", "succeeded"]
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.startswith(f"ft:{MODEL}:loopback:lamps:")
    assert job.hyperparameters.n_epochs == 2
    assert (job.trained_tokens or 0) > 0
    assert answer.choices[0].message.content == "Tuned."
    assert [each.id for each in listed] == [job.id]
    assert len(events) == 4 + 20 + 3
    assert [event.message for event in events[:2]] == [
        "The job has successfully completed",
        f"New fine-tuned model created: {job.fine_tuned_model}",
    ]
    assert [each.step_number for each in checkpoints] == [20, 10]
    assert server.violations == ()


async def test_a_job_may_pause_and_be_cancelled(server: HttpLoopback, raw: Raw) -> None:
    job_id = (await create(raw, kept(server))).json["id"]
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/pause")).status == 400
    for _ in range(2):
        await raw.ask(f"fine_tuning/jobs/{job_id}", method="GET")
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/pause")).json["status"] == "paused"
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}", method="GET")).json["status"] == "paused"
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/resume")).json["status"] == "queued"
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/cancel")).json["status"] == "cancelled"
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/cancel")).status == 400
    assert (await raw.ask(f"fine_tuning/jobs/{job_id}/resume")).status == 400


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([example(number) for number in range(9)], "has 9 example(s)"),
        ([*map(example, range(10)), {"prompt": "Hi", "completion": "Hello."}], "Line 11 has no key 'messages'"),
        ([*map(example, range(10)), {"messages": []}], "Line 11 has no messages"),
        ([*map(example, range(10)), {"messages": example(1)["messages"][:1]}], "Line 11: the last message"),
    ],
)
async def test_a_job_fails_with_its_file(server: HttpLoopback, raw: Raw, lines: list[Any], words: str) -> None:
    seen, job = await ended(raw, (await create(raw, kept(server, lines))).json["id"])
    assert seen == ["failed"]
    assert words in job["error"]["message"]
    assert (job["error"]["code"], job["error"]["param"]) == ("invalid_training_file", "training_file")


async def test_a_job_breaks(server: HttpLoopback, raw: Raw) -> None:
    server.kept(fine_tuning.FineTuning).breaking = "The machine is gone."
    seen, job = await ended(raw, (await create(raw, kept(server))).json["id"])
    assert seen == ["queued", "running", "failed"]
    assert job["error"]["message"] == "The machine is gone."


async def test_an_account_that_may_not(server: HttpLoopback, raw: Raw) -> None:
    server.kept(fine_tuning.FineTuning).allowed = False
    assert (await create(raw, kept(server))).status == 403


async def test_other_methods_and_models(server: HttpLoopback, raw: Raw) -> None:
    preferred = {"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}
    grader = {"type": "string_check", "name": "g", "operation": "eq", "input": "a", "reference": "b"}
    for lines, method, model in (
        ([preferred] * 10, {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}, MODEL),
        (
            [example(number) for number in range(10)],
            {"type": "reinforcement", "reinforcement": {"grader": grader}},
            "o4-mini-2025-04-16",
        ),
        ([{"prompt": "Hi", "completion": "Hello."}] * 10, None, "davinci-002"),
    ):
        _, job = await ended(raw, (await create(raw, kept(server, lines), method=method, model=model)).json["id"])
        assert job["status"] == "succeeded"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, "missing_required_parameter", "model"),
        ({"model": "gpt-5"}, "model_not_available", None),
        ({"training_file": "file-9"}, "invalid_file", "training_file"),
        ({"validation_file": "file-9"}, "invalid_file", "validation_file"),
        ({"suffix": ""}, "invalid_value", "suffix"),
        ({"suffix": "x" * 65}, "string_above_max_length", "suffix"),
        ({"seed": -1}, "integer_below_min_value", "seed"),
        ({"hyperparameters": {"n_epochs": 51}}, "integer_above_max_value", "hyperparameters.n_epochs"),
        ({"hyperparameters": {"epochs": 3}}, "unknown_parameter", "hyperparameters.epochs"),
        (
            {"hyperparameters": {"learning_rate_multiplier": 0}},
            "decimal_below_min_value",
            "hyperparameters.learning_rate_multiplier",
        ),
        ({"method": {"type": "magic"}}, "invalid_value", "method.type"),
        ({"method": {"type": "reinforcement"}}, "missing_required_parameter", "method.reinforcement"),
        ({"epochs": 3}, "unknown_parameter", "epochs"),
    ],
)
async def test_what_is_refused(
    server: HttpLoopback, raw: Raw, change: dict[str, Any], code: str, param: str | None
) -> None:
    answer = await create(raw, kept(server), **change)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)


async def test_what_there_is_not(server: HttpLoopback, raw: Raw) -> None:
    assert (await create(raw, kept(server, purpose="batch"))).error["code"] == "invalid_file_purpose"
    for path in ("", "/events", "/checkpoints"):
        assert (await raw.ask(f"fine_tuning/jobs/ftjob-9{path}", method="GET")).status == 404
    assert (await raw.ask("fine-tunes", json={"training_file": "file-1"})).status == 404
    assert (await raw.ask("fine-tunes", method="GET")).status == 404


async def test_jobs_are_found_by_their_metadata(server: HttpLoopback, raw: Raw) -> None:
    ids = [(await create(raw, kept(server), metadata={"room": room})).json["id"] for room in ("hall", "bath")]
    found = (await raw.ask("fine_tuning/jobs", method="GET", params={"metadata[room]": "hall"})).json["data"]
    assert [job["id"] for job in found] == ids[:1]
