"""Batches and fine-tuning jobs at the HTTP server on loopback are what the API's own description allows."""

from __future__ import annotations

import json

from voiced.testing.http import HttpLoopback, batches, fine_tuning

from . import test_http_batches, test_http_fine_tuning
from .http_client import raw_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints

pytestmark = needs_description


def test_the_parameters_are_those_that_are_described() -> None:
    assert set(described_schemas()["CreateBatchRequest"]["properties"]) == batches.PARAMETERS
    assert set(described_schemas()["CreateFineTuningJobRequest"]["properties"]) == fine_tuning.PARAMETERS


def test_the_endpoints_are_those_that_are_described() -> None:
    described = described_schemas()["CreateBatchRequest"]["properties"]["endpoint"]["enum"]
    assert sorted(described) == sorted(batches.ENDPOINTS)


async def test_batches() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        good = test_http_batches.kept(server, [test_http_batches.call("a")])
        bad = test_http_batches.kept(server, [test_http_batches.call("a"), b"{"])
        bodies = [(await test_http_batches.create(raw, each, metadata={})).json for each in (good, bad)]
        for batch_id in [body["id"] for body in bodies]:
            bodies += [(await raw.ask(f"batches/{batch_id}", method="GET")).json for _ in range(4)]
        listing = (await raw.ask("batches?limit=1", method="GET")).json
        assert {body["status"] for body in bodies} == {
            "validating", "in_progress", "finalizing", "completed", "failed",
        }  # fmt: skip
        assert complaints("Batch", *bodies) == []
        assert complaints("ListBatchesResponse", listing) == []
        assert listing["has_more"]


async def test_fine_tuning() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        good = test_http_fine_tuning.kept(server)
        bad = test_http_fine_tuning.kept(server, [json.loads("{}")] * 10)
        bodies = [(await test_http_fine_tuning.create(raw, each)).json for each in (good, bad)]
        for job_id in [body["id"] for body in bodies]:
            bodies += [(await raw.ask(f"fine_tuning/jobs/{job_id}", method="GET")).json for _ in range(5)]
        paths = [f"fine_tuning/jobs/{bodies[0]['id']}/{what}" for what in ("events", "checkpoints")]
        events, checkpoints = [(await raw.ask(path, method="GET")).json for path in paths]
        listing = (await raw.ask("fine_tuning/jobs", method="GET")).json
        assert {body["status"] for body in bodies} == {
            "validating_files", "queued", "running", "succeeded", "failed",
        }  # fmt: skip
        assert complaints("FineTuningJob", *bodies) == []
        assert complaints("ListPaginatedFineTuningJobsResponse", listing) == []
        assert complaints("ListFineTuningJobEventsResponse", events) == []
        assert complaints("FineTuningJobEvent", *events["data"]) == []
        assert complaints("ListFineTuningJobCheckpointsResponse", checkpoints) == []
        assert complaints("FineTuningJobCheckpoint", *checkpoints["data"]) == []
