"""Files and uploads on loopback: what is refused there as it is by the real server, and what is answered."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import aiohttp
import pytest

from voiced.testing.http import HttpLoopback, files, uploads
from voiced.testing.http.files import Files
from voiced.testing.http.uploads import Uploads

from .http_client import Answered, Raw, sdk_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints

NEW = {"filename": "talk.jsonl", "purpose": "fine-tune", "bytes": 10, "mime_type": "text/jsonl"}
FIRST, SECOND = b'{"ab"', b": 1}\n"
LINES = b'{"a": 1}\n'
LIFE = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}


async def upload(raw: Raw, data: bytes | str | None = LINES, name: str = "a.jsonl", **fields: str | None) -> Answered:
    """`data`: a text is no file. `fields`: None leaves one out."""
    form = aiohttp.FormData(default_to_multipart=True)
    if isinstance(data, bytes):
        form.add_field("file", io.BytesIO(data), filename=name)  # bytes that are many make aiohttp complain
    elif data is not None:
        form.add_field("file", data)
    for key, value in ({"purpose": "batch"} | fields).items():
        if value is not None:
            form.add_field(key, value)
    return await raw.ask("files", data=form)


async def part(raw: Raw, upload_id: str, data: bytes, name: str = "data") -> Answered:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field(name, io.BytesIO(data), filename="part")
    return await raw.ask(f"uploads/{upload_id}/parts", data=form)


# Files.


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data": None}, "missing_required_parameter"),
        ({"data": "text"}, "invalid_type"),
        ({"data": b""}, "invalid_value"),
        ({"purpose": None}, "missing_required_parameter"),
        ({"purpose": "fun"}, "invalid_value"),
        ({"purpose": "batch_output"}, "invalid_value"),
        ({"name": "a.json"}, None),
        ({"name": "a.json", "purpose": "fine-tune"}, None),
        ({"data": b'{"a": 1}\n[]\n', "purpose": "fine-tune"}, "invalid_jsonl"),
        ({"data": b"{", "purpose": "fine-tune"}, "invalid_jsonl"),
        ({"name": "a.mp3", "purpose": "assistants"}, "unsupported_file"),
        ({"name": "a", "purpose": "assistants"}, "unsupported_file"),
        ({"name": "a.txt", "purpose": "vision"}, "unsupported_file"),
        ({"model": "gpt-4o"}, "unknown_parameter"),
        ({"expires_after": "3600"}, "unknown_parameter"),
        ({"expires_after[anchor]": "created_at"}, "missing_required_parameter"),
        (LIFE | {"expires_after[anchor]": "now"}, "invalid_value"),
        (LIFE | {"expires_after[seconds]": "3599"}, "integer_below_min_value"),
        (LIFE | {"expires_after[seconds]": "2592001"}, "integer_above_max_value"),
        (LIFE | {"expires_after[seconds]": "long"}, "invalid_type"),
    ],
)
async def test_a_file_that_is_not_taken(
    server: HttpLoopback, raw: Raw, change: dict[str, Any], code: str | None
) -> None:
    answer = await upload(raw, **change)
    assert (answer.status, answer.error["code"]) == (400, code)
    assert answer.error["type"] == "invalid_request_error"
    assert len(server.violations) == 1
    assert server.kept(Files).all == []


async def test_a_field_that_is_there_twice(raw: Raw) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("file", LINES, filename="a.jsonl")
    for purpose in ("batch", "evals"):
        form.add_field("purpose", purpose)
    assert (await raw.ask("files", data=form)).error["code"] == "duplicate_parameter"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "integer_below_min_value"),
        ({"limit": "10001"}, "integer_above_max_value"),
        ({"limit": "many"}, "invalid_type"),
        ({"order": "up"}, "invalid_value"),
        ({"after": "file-9"}, "invalid_value"),
        ({"before": "file-9"}, "unknown_parameter"),
        ({"page": "2"}, "unknown_parameter"),
    ],
)
async def test_a_list_that_cannot_be_asked_for(raw: Raw, query: dict[str, str], code: str) -> None:
    answer = await raw.ask("files", method="GET", params=query)
    assert (answer.status, answer.error["code"]) == (400, code)


async def test_pages(server: HttpLoopback) -> None:
    for number in range(7):
        server.kept(Files).add(f"{number}.jsonl", LINES, "batch" if number % 2 else "evals")
    async with sdk_of(server) as sdk:
        assert [file.filename async for file in sdk.files.list(limit=3)] == [f"{n}.jsonl" for n in reversed(range(7))]
        assert [file.filename async for file in sdk.files.list(limit=1, order="asc", purpose="batch")] == [
            "1.jsonl", "3.jsonl", "5.jsonl",
        ]  # fmt: skip
    assert len(server.of("files")) == 3 + 3
    assert server.violations == ()


async def test_what_is_not_there_and_what_is_not_given_back(server: HttpLoopback, raw: Raw) -> None:
    for path, method in (("files/file-9", "GET"), ("files/file-9/content", "GET"), ("files/file-9", "DELETE")):
        answer = await raw.ask(path, method=method)
        assert (answer.status, answer.error["message"]) == (404, "No such File object: file-9")
    for purpose in ("assistants", "user_data", "vision"):
        kept = server.kept(Files).add("a.png", b"a", purpose)
        answer = await raw.ask(f"files/{kept['id']}/content", method="GET")
        assert (answer.status, answer.error["message"]) == (400, f"Not allowed to download files of purpose: {purpose}")
    assert (await raw.ask("files/file-9", json={})).status == 405


async def test_a_file_fails_or_takes_its_time(server: HttpLoopback, raw: Raw) -> None:
    kept = server.kept(Files)
    kept.polls, kept.failing = 1, {"bad.txt": "It is damaged."}
    file_id = (await upload(raw, name="bad.txt", purpose="user_data")).json["id"]
    seen = [(await raw.ask(f"files/{file_id}", method="GET")).json for _ in range(2)]
    assert [(each["status"], each.get("status_details")) for each in seen] == [
        ("uploaded", None), ("error", "It is damaged."),
    ]  # fmt: skip


# Uploads.


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"filename": None}, "missing_required_parameter"),
        ({"bytes": None}, "missing_required_parameter"),
        ({"mime_type": None}, "missing_required_parameter"),
        ({"purpose": None}, "missing_required_parameter"),
        ({"purpose": "user_data"}, "invalid_value"),
        ({"bytes": 0}, "integer_below_min_value"),
        ({"bytes": 8 * 2**30 + 1}, "integer_above_max_value"),
        ({"bytes": "10"}, "invalid_type"),
        ({"filename": "talk.txt"}, None),
        ({"filename": "cat.png", "purpose": "vision"}, "invalid_value"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "integer_below_min_value"),
        ({"md5": "0"}, "unknown_parameter"),
    ],
)
async def test_an_upload_that_cannot_be_begun(raw: Raw, change: dict[str, Any], code: str | None) -> None:
    answer = await raw.ask("uploads", json={key: value for key, value in (NEW | change).items() if value is not None})
    assert (answer.status, answer.error["code"]) == (400, code)


async def test_parts_make_one_file_in_the_order_that_is_told(server: HttpLoopback) -> None:
    async with sdk_of(server) as sdk:
        begun = await sdk.uploads.create(**NEW)  # type: ignore[arg-type]  # a dict of several types
        second = await sdk.uploads.parts.create(begun.id, data=SECOND)
        first = await sdk.uploads.parts.create(begun.id, data=FIRST)
        md5 = hashlib.md5(FIRST + SECOND).hexdigest()
        assert [each["status"] for each in server.kept(Uploads).all] == ["pending"]
        done = await sdk.uploads.complete(begun.id, part_ids=[first.id, second.id], md5=md5)
        assert done.status == "completed"
        assert done.file is not None
        assert (await sdk.files.content(done.file.id)).content == FIRST + SECOND
    assert server.violations == ()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_required_parameter"),
        ({"part_ids": []}, "empty_array"),
        ({"part_ids": ["part_9"]}, "invalid_value"),
        ({"part_ids": "part_9"}, "invalid_type"),
        ({"part_ids": ["{0}"]}, "invalid_upload"),
        ({"part_ids": ["{0}", "{0}", "{1}"]}, "invalid_upload"),
        ({"part_ids": ["{0}", "{1}"], "md5": "0" * 32}, "invalid_upload"),
        ({"part_ids": ["{1}", "{0}"]}, "invalid_jsonl"),
        ({"part_ids": ["{0}", "{1}"], "bytes": 10}, "unknown_parameter"),
    ],
)
async def test_an_upload_that_cannot_be_completed(raw: Raw, body: dict[str, Any], code: str) -> None:
    upload_id = (await raw.ask("uploads", json=NEW)).json["id"]
    ids = [(await part(raw, upload_id, data)).json["id"] for data in (FIRST, SECOND)]
    if isinstance(body.get("part_ids"), list):
        body = body | {"part_ids": [each.format(*ids) for each in body["part_ids"]]}
    answer = await raw.ask(f"uploads/{upload_id}/complete", json=body)
    assert (answer.status, answer.error["code"]) == (400, code)


async def test_a_part_that_is_not_taken(server: HttpLoopback, raw: Raw) -> None:
    upload_id = (await raw.ask("uploads", json=NEW)).json["id"]
    assert (await part(raw, upload_id, b"")).error["code"] == "invalid_value"
    assert (await part(raw, upload_id, b"a", name="file")).error["code"] == "unknown_parameter"
    assert (await part(raw, "upload_9", b"a")).status == 404
    assert (await raw.ask(f"uploads/{upload_id}/parts", json={})).status == 400
    large = await part(raw, upload_id, bytes(uploads.MOST_PART_BYTES + 1))
    assert large.status == 413


async def test_after_its_end_an_upload_takes_nothing(server: HttpLoopback, raw: Raw) -> None:
    ids = [(await raw.ask("uploads", json=NEW)).json["id"] for _ in range(2)]
    assert (await raw.ask(f"uploads/{ids[0]}/cancel")).json["status"] == "cancelled"
    server.kept(Uploads).expire(ids[1])
    for upload_id, status in zip(ids, ("cancelled", "expired"), strict=True):
        for answer in (
            await part(raw, upload_id, b"a"),
            await raw.ask(f"uploads/{upload_id}/cancel"),
            await raw.ask(f"uploads/{upload_id}/complete", json={"part_ids": ["part_1"]}),
        ):
            assert (answer.status, answer.error["message"]) == (400, f"Upload {upload_id} is {status}.")


# What is described.


@pytest.mark.shared_data
@needs_description[1]
async def test_what_is_answered_is_described(raw: Raw) -> None:
    sent = [(await upload(raw, **LIFE)).json, (await upload(raw, name="a.png", purpose="vision")).json]
    listing = (await raw.ask("files", method="GET")).json
    deleted = (await raw.ask(f"files/{sent[0]['id']}", method="DELETE")).json
    assert complaints("OpenAIFile", *sent, *listing["data"]) == []
    assert complaints("ListFilesResponse", listing) == []
    assert complaints("DeleteFileResponse", deleted) == []
    begun = (await raw.ask("uploads", json=NEW | {"expires_after": {"anchor": "created_at", "seconds": 3600}})).json
    added = (await part(raw, begun["id"], FIRST + SECOND)).json
    done = (await raw.ask(f"uploads/{begun['id']}/complete", json={"part_ids": [added["id"]]})).json
    assert complaints("UploadPart", added) == []
    assert complaints("Upload", {key: value for key, value in begun.items() if value is not None}, done) == []


@pytest.mark.shared_data
@needs_description[1]
def test_the_requests_have_what_is_described_and_nothing_else() -> None:
    assert set(described_schemas()["CreateFileRequest"]["properties"]) == files.PARAMETERS
    for name, known in uploads.PARAMETERS.items():
        assert set(described_schemas()[name]["properties"]) == known, name
