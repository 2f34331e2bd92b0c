"""Large files in parts: in order, one at a time, and told to the server where they end before their end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from voiced.errors import ApiDenied, ApiUnreachable, RequestRejected
from voiced.testing.http import (
    Answer,
    Drop,
    Fault,
    HttpLoopback,
    Stall,
    rate_limited,
    server_error,
    wrong_key,
)
from voiced.testing.http.files import Files
from voiced.testing.http.refusal import error_body
from voiced.testing.http.uploads import Uploads

from .desk import Desk, desk

DATA = bytes(range(256)) * 40
"""10240 bytes: ten parts of 1000, and one of 240."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "book.pdf"
    path.write_bytes(DATA)
    return path


def lines(server: HttpLoopback) -> list[str]:
    return [entry.line for entry in server.of("uploads")]


async def test_a_large_file_goes_in_parts_and_is_one_file_again(server: HttpLoopback, here: Desk, path: Path) -> None:
    told: list[tuple[int, int]] = []
    sent = await here.ai.files.upload(
        path,
        "assistants",
        expires_after_s=7200,
        in_parts_over=1000,
        part_bytes=1000,
        progress=lambda done, size: told.append((done, size)),
    )
    assert (sent.filename, sent.bytes, sent.status, sent.purpose) == ("book.pdf", 10_240, "processed", "assistants")
    assert sent.expires_at == sent.created_at + 7200
    assert server.kept(Files).content(sent.id) == DATA
    begun, *parts, completed = server.of("uploads")
    assert begun.body == {
        "bytes": 10_240,
        "filename": "book.pdf",
        "mime_type": "application/pdf",
        "purpose": "assistants",
        "expires_after": {"anchor": "created_at", "seconds": 7200},
    }
    assert [part.body["data"]["bytes"] for part in parts] == [1000] * 10 + [240]
    assert completed.line.endswith("/complete")
    assert set(completed.body) == {"part_ids", "md5"}
    assert told == [(done, 10_240) for done in [*range(1000, 10_001, 1000), 10_240]]
    assert (server.of("files"), server.violations, here.spent) == ((), (), [])


async def test_bytes_in_memory_and_a_file_that_just_fits_one_part(server: HttpLoopback, here: Desk) -> None:
    line = b'{"prompt": "' + bytes([97]) * 986 + b'"}'
    sent = await here.ai.files.upload(("talk.jsonl", line), "fine-tune", in_parts_over=999, part_bytes=1000)
    assert server.kept(Files).content(sent.id) == line
    assert len(server.of("uploads")) == 3
    await here.ai.files.upload(("talk.jsonl", line), "fine-tune", in_parts_over=1000)
    assert (len(server.of("uploads")), len(server.of("files"))) == (3, 1)
    assert server.violations == ()


async def test_one_part_alone_is_sent_again(server: HttpLoopback, here: Desk, path: Path) -> None:
    server.add_fault(Fault(Drop(after=0), "uploads", 3))  # the server has this part twice then
    server.add_fault(Fault(rate_limited(0), "uploads", 4))
    sent = await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000)
    assert server.kept(Files).content(sent.id) == DATA
    parts = [entry.body["data"]["bytes"] for entry in server.of("uploads") if entry.line.endswith("/parts")]
    assert parts == [4000, 4000, 4000, 4000, 2240]
    assert server.violations == ()


async def test_where_a_part_cannot_be_sent_the_server_is_told(server: HttpLoopback, path: Path) -> None:
    async with desk(server, retries=1) as here:
        server.add_fault(Fault(server_error(), "uploads", 3))
        server.add_fault(Fault(server_error(), "uploads", 4))
        with pytest.raises(ApiUnreachable):
            await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000)
    assert [upload["status"] for upload in server.kept(Uploads).all] == ["cancelled"]
    assert lines(server)[-1].endswith("/cancel")
    assert server.kept(Files).all == []


async def test_a_failure_is_told_as_it_is_where_the_server_cannot_be_told(server: HttpLoopback, path: Path) -> None:
    async with desk(server, retries=0) as here:
        server.add_fault(Fault(wrong_key(), "uploads", 2))
        server.add_fault(Fault(server_error(), "uploads", 3))
        with pytest.raises(ApiDenied):
            await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000)
    assert len(server.of("uploads")) == 3


async def test_an_upload_that_is_cancelled_is_cancelled_at_the_server(
    server: HttpLoopback, here: Desk, path: Path
) -> None:
    server.add_fault(Fault(Stall(), "uploads", 3))
    sending = asyncio.create_task(here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000))
    await server.wait_for("uploads", count=3, outcome="faulted")
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert [upload["status"] for upload in server.kept(Uploads).all] == ["cancelled"]
    assert (await server.wait_for("uploads", count=3, ended=True)).outcome == "faulted"
    assert server.kept(Files).all == []


async def test_the_end_is_not_asked_for_twice(server: HttpLoopback, here: Desk, path: Path) -> None:
    server.add_fault(Fault(Drop(after=0), "uploads", 5))
    with pytest.raises(ApiUnreachable):
        await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000)
    assert [line.rsplit("/", 1)[-1] for line in lines(server)[-2:]] == ["complete", "cancel"]
    assert len(server.kept(Files).all) == 1  # it was there already, which nobody could know


async def test_a_file_that_changes_while_it_is_sent(server: HttpLoopback, here: Desk, path: Path) -> None:
    def shorten(done: int, size: int) -> None:
        path.write_bytes(DATA[:5000])

    with pytest.raises(RequestRejected, match="got shorter while it was sent"):
        await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000, progress=shorten)
    assert [upload["status"] for upload in server.kept(Uploads).all] == ["cancelled"]


async def test_an_upload_that_expired_is_told(server: HttpLoopback, here: Desk, path: Path) -> None:
    def expire(done: int, size: int) -> None:
        (upload,) = server.kept(Uploads).all
        server.kept(Uploads).expire(upload["id"])

    with pytest.raises(RequestRejected, match="is expired"):
        await here.ai.files.upload(path, "assistants", in_parts_over=1000, part_bytes=4000, progress=expire)


async def test_a_server_without_uploads_gets_the_file_in_one_piece(
    server: HttpLoopback, here: Desk, path: Path
) -> None:
    missing = Answer(404, error_body("Not Found", "invalid_request_error"))
    server.add_fault(Fault(missing, "uploads", every=True))
    told: list[int] = []
    sent = await here.ai.files.upload(
        path, "assistants", in_parts_over=1000, part_bytes=4000, progress=lambda done, _: told.append(done)
    )
    assert server.kept(Files).content(sent.id) == DATA
    assert told[-1] == 10_240
    assert (len(server.of("uploads")), len(server.of("files"))) == (1, 1)


async def test_what_the_server_takes_in_no_parts_is_sent_off_the_disk(
    server: HttpLoopback, here: Desk, path: Path
) -> None:
    sent = await here.ai.files.upload(path, "user_data", in_parts_over=1000)
    assert server.kept(Files).content(sent.id) == DATA
    assert server.of("uploads") == ()
    assert server.violations == ()
