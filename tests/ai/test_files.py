"""Files at the server: what is sent, listed, fetched and deleted, and what is wrong before it is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from voiced.ai.settings import ProviderSettings
from voiced.errors import AnswerUnusable, ApiDenied, ApiUnreachable, RequestRejected
from voiced.testing.http import (
    Answer,
    Drop,
    Fault,
    HttpLoopback,
    Stall,
    html_page,
    rate_limited,
    server_error,
    unavailable,
)
from voiced.testing.http.files import Files

from .desk import Desk, desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
LINES = b'{"prompt": 1}\n'


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


async def hung_up(server: HttpLoopback) -> None:
    """Nobody holds a connection any more."""
    async with asyncio.timeout(5):
        while server.connections:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0)


async def test_a_file_from_the_disk_comes_back_as_it_was(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, "calls.jsonl", LINES * 100)
    told: list[tuple[int, int]] = []
    sent = await here.ai.files.upload(path, "batch", progress=lambda done, size: told.append((done, size)))
    assert (sent.filename, sent.purpose, sent.bytes, sent.status) == ("calls.jsonl", "batch", 1400, "processed")
    assert told[-1] == (1400, 1400)
    assert await here.ai.files.read(sent.id) == LINES * 100
    assert await here.ai.files.get(sent.id) == sent
    assert here.spent == []
    assert server.violations == ()


async def test_bytes_with_a_name_are_a_file_too(server: HttpLoopback, here: Desk) -> None:
    sent = await here.ai.files.upload(("seen/cat.png", PNG), "vision", expires_after_s=3600)
    assert sent.filename == "cat.png"
    assert sent.expires_at == sent.created_at + 3600
    assert server.kept(Files).content(sent.id) == PNG
    assert server.violations == ()


async def test_all_pages_are_listed_and_no_more_than_were_asked_for(server: HttpLoopback, here: Desk) -> None:
    files = server.kept(Files)
    for number in range(1203):
        files.add(f"{number}.jsonl", LINES, "batch" if number % 400 else "fine-tune")
    listed = await here.ai.files.list()
    assert [file.filename for file in listed] == [f"{number}.jsonl" for number in reversed(range(1203))]
    assert [file.filename for file in await here.ai.files.list("fine-tune")] == [
        "1200.jsonl", "800.jsonl", "400.jsonl", "0.jsonl",
    ]  # fmt: skip
    assert len(await here.ai.files.list(most=1001)) == 1001
    assert server.violations == ()


async def test_a_server_that_knows_no_cursor_is_not_asked_for_ever(server: HttpLoopback, here: Desk) -> None:
    file = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "batch"}
    server.add_fault(Fault(Answer(200, {"object": "list", "data": [file], "has_more": True}), "files", every=True))
    assert [(each.id, each.status) for each in await here.ai.files.list()] == [("file-1", "processed")]
    assert len(server.of("files")) == 2


async def test_what_is_deleted_is_gone(server: HttpLoopback, here: Desk) -> None:
    sent = await here.ai.files.upload(("a.txt", b"a"), "user_data")
    await here.ai.files.delete(sent.id)
    assert server.kept(Files).all == []
    with pytest.raises(RequestRejected, match=f"{sent.id}: the server has none of this id") as raised:
        await here.ai.files.get(sent.id)
    assert raised.value.status == 404
    with pytest.raises(RequestRejected, match="none of this id"):
        await here.ai.files.delete(sent.id)
    with pytest.raises(RequestRejected, match="none of this id"):
        await here.ai.files.read(sent.id)


async def test_it_is_waited_until_the_server_is_done_with_a_file(server: HttpLoopback, here: Desk) -> None:
    files = server.kept(Files)
    files.polls = 3
    sent = await here.ai.files.upload(("a.txt", b"a"), "user_data")
    assert sent.status == "uploaded"
    assert (await here.ai.files.wait(sent.id, poll_s=0)).status == "processed"
    assert len(server.of("files")) == 1 + 4


async def test_a_file_that_the_server_cannot_use_is_told_with_the_reason(server: HttpLoopback, here: Desk) -> None:
    files = server.kept(Files)
    files.polls, files.failing = 1, {"a.txt": "It is damaged."}
    sent = await here.ai.files.upload(("a.txt", b"a"), "user_data")
    with pytest.raises(RequestRejected, match=r"can't use a\.txt: It is damaged\."):
        await here.ai.files.wait(sent.id, poll_s=0)


async def test_waiting_has_an_end(server: HttpLoopback, here: Desk) -> None:
    server.kept(Files).polls = 10**9
    sent = await here.ai.files.upload(("a.txt", b"a"), "user_data")
    with pytest.raises(ApiUnreachable, match=f"{sent.id} is not ready after 0.05 s"):
        await here.ai.files.wait(sent.id, within_s=0.05, poll_s=0)


# On the disk.


async def test_a_file_is_saved_as_it_comes(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    sent = server.kept(Files).add("out.jsonl", data, "batch_output")
    told: list[tuple[int, int]] = []
    path = await here.ai.files.save(
        sent["id"], tmp_path / "out.jsonl", progress=lambda done, size: told.append((done, size))
    )
    assert path.read_bytes() == data
    assert told[-1] == (len(data), len(data))
    assert len(told) > 3
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("fault", [Drop(after=1), Drop(after=1, inside="piece")])
async def test_a_file_that_breaks_off_leaves_nothing_and_what_was_there_stays(
    server: HttpLoopback, here: Desk, tmp_path: Path, fault: Drop
) -> None:
    sent = server.kept(Files).add("out.jsonl", bytes(1_000_000), "batch_output")
    path = written(tmp_path, "out.jsonl", b"before")
    server.add_fault(Fault(fault, "files"))
    with pytest.raises(ApiUnreachable):
        await here.ai.files.save(sent["id"], path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


async def test_a_download_that_is_cancelled_leaves_nothing(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    sent = server.kept(Files).add("out.jsonl", bytes(1_000_000), "batch_output")
    server.add_fault(Fault(Stall(after=1), "files"))
    saving = asyncio.create_task(here.ai.files.save(sent["id"], tmp_path / "out.jsonl"))
    await server.wait_for("files", outcome="faulted")
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await server.wait_for("files", ended=True)
    assert list(tmp_path.iterdir()) == []
    await hung_up(server)


async def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
    server: HttpLoopback, here: Desk, tmp_path: Path
) -> None:
    with pytest.raises(RequestRejected, match="is a folder: name a file in it"):
        await here.ai.files.save("file-1", tmp_path)
    with pytest.raises(RequestRejected, match="there is no folder"):
        await here.ai.files.save("file-1", tmp_path / "none" / "out.jsonl")
    with pytest.raises(RequestRejected, match="can't be written"):
        await here.ai.files.save("file-1", Path("/proc/out.jsonl"))
    assert server.requests == ()


async def test_more_than_the_memory_should_hold_is_for_the_disk(server: HttpLoopback, here: Desk) -> None:
    sent = server.kept(Files).add("out.jsonl", bytes(1000), "batch_output")
    assert len(await here.ai.files.read(sent["id"], most_bytes=1000)) == 1000
    with pytest.raises(AnswerUnusable, match="save it to the disk"):
        await here.ai.files.read(sent["id"], most_bytes=999)


# What is wrong before it is sent.


async def test_a_file_that_is_none_is_not_sent(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    upload = here.ai.files.upload
    with pytest.raises(RequestRejected, match="no such file"):
        await upload(tmp_path / "none.jsonl", "batch")
    with pytest.raises(RequestRejected, match="is a folder"):
        await upload(tmp_path, "batch")
    with pytest.raises(RequestRejected, match="is empty"):
        await upload(written(tmp_path, "empty.jsonl", b""), "batch")
    with pytest.raises(RequestRejected, match="is empty"):
        await upload(("empty.jsonl", b""), "batch")
    with pytest.raises(RequestRejected, match="has no name"):
        await upload(("", b"a"), "user_data")
    assert server.requests == ()


@pytest.mark.parametrize(
    ("name", "data", "purpose", "says"),
    [
        ("calls.json", LINES, "batch", "another kind than is taken: jsonl"),
        ("talk.txt", LINES, "fine-tune", "another kind than is taken: jsonl"),
        ("cat.bmp", PNG, "vision", "another kind than is taken: gif, jpeg, jpg, png, webp"),
        ("cat.png", b"BM" + bytes(30), "vision", "is no picture: give a PNG, JPEG, WEBP or GIF"),
        ("song.mp3", b"ID3", "assistants", "another kind than is taken: c, cpp"),
        ("notes.txt", b"a", "assistant", "is no purpose: give one of assistants, batch"),
        ("notes.txt", b"a", "", "is no purpose"),
    ],
)
async def test_a_file_of_the_wrong_kind_is_not_sent(
    server: HttpLoopback, here: Desk, tmp_path: Path, name: str, data: bytes, purpose: str, says: str
) -> None:
    for file in (written(tmp_path, name, data), (name, data)):
        with pytest.raises(RequestRejected, match=says):
            await here.ai.files.upload(file, purpose)
    assert server.requests == ()


@pytest.mark.parametrize(
    ("name", "purpose", "most"),
    [
        ("a.jsonl", "batch", 200 * 2**20),
        ("a.txt", "user_data", 512 * 2**20),
        ("a.jsonl", "fine-tune", 8 * 2**30),
        ("a.pdf", "assistants", 8 * 2**30),
    ],
)
async def test_a_file_over_the_limit_is_not_sent(
    server: HttpLoopback, here: Desk, tmp_path: Path, name: str, purpose: str, most: int
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(most + 1)  # it takes no place on the disk
    with pytest.raises(RequestRejected, match=f"at most {most // 2**20} MiB are taken"):
        await here.ai.files.upload(path, purpose)
    assert server.requests == ()


@pytest.mark.parametrize("seconds", [3599, 30 * 86_400 + 1])
async def test_a_life_that_is_too_short_or_too_long(server: HttpLoopback, here: Desk, seconds: int) -> None:
    with pytest.raises(RequestRejected, match="expires_after_s"):
        await here.ai.files.upload(("a.txt", b"a"), "user_data", expires_after_s=seconds)
    assert server.requests == ()


@pytest.mark.parametrize("file_id", ["", "..", "file-1/content", "file 1", "a?b"])
async def test_an_id_that_is_none_is_not_asked_for(server: HttpLoopback, here: Desk, file_id: str) -> None:
    for call in (here.ai.files.get, here.ai.files.delete, here.ai.files.read, here.ai.files.wait):
        with pytest.raises(RequestRejected, match="that is no id"):
            await call(file_id)
    assert server.requests == ()


async def test_another_server_has_purposes_of_its_own(server: HttpLoopback) -> None:
    kimi = {"kimi": ProviderSettings(base_url=server.base_url)}
    async with desk(server, providers=kimi, orders={"files": ("kimi",)}) as here:
        with pytest.raises(RequestRejected) as raised:
            await here.ai.files.upload(("a.pdf", b"%PDF"), "file-extract")
    assert raised.value.status == 400  # it was asked: the loopback is no Kimi
    assert server.of("files")[0].body["purpose"] == "file-extract"


# What the server answers.


async def test_what_the_server_does_not_give_back_it_says(here: Desk) -> None:
    sent = await here.ai.files.upload(("notes.txt", b"a"), "assistants")
    with pytest.raises(RequestRejected, match="Not allowed to download files of purpose: assistants"):
        await here.ai.files.read(sent.id)


async def test_an_upload_is_not_made_twice_where_its_answer_was_lost(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(Drop(after=0), "files"))
    with pytest.raises(ApiUnreachable):
        await here.ai.files.upload(("a.txt", b"a"), "user_data")
    assert len(server.of("files")) == 1
    server.add_fault(Fault(rate_limited(0), "files"))
    server.add_fault(Fault(unavailable(0), "files", 2))
    sent = await here.ai.files.upload(("a.txt", b"abc"), "user_data")
    assert server.kept(Files).content(sent.id) == b"abc"  # all of it, though it was read before
    assert len(server.of("files")) == 4


async def test_an_upload_that_is_cancelled_leaves_no_connection(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(Stall(), "files"))
    sending = asyncio.create_task(here.ai.files.upload(("a.txt", b"a" * 1000), "user_data"))
    await server.wait_for("files", outcome="faulted")
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await server.wait_for("files", ended=True)
    await hung_up(server)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(html_page(), AnswerUnusable), (server_error(), ApiUnreachable)],
)
async def test_a_web_page_or_a_server_in_trouble(
    server: HttpLoopback, fault: Any, kind: type[Exception], tmp_path: Path
) -> None:
    async with desk(server, retries=0) as here:
        server.add_fault(Fault(fault, "files", every=True))
        calls = (here.ai.files.get, here.ai.files.read, here.ai.files.delete)
        for call in calls:
            with pytest.raises(kind):
                await call("file-1")
        with pytest.raises(kind):
            await here.ai.files.save("file-1", tmp_path / "out")
        with pytest.raises(kind):
            await here.ai.files.upload(("a.txt", b"a"), "user_data")
    assert list(tmp_path.iterdir()) == []


async def test_an_answer_of_another_form(server: HttpLoopback, here: Desk) -> None:
    for body in ({}, {"id": None}, {"id": "file-1", "bytes": "many"}):
        server.add_fault(Fault(Answer(200, body), "files"))
        with pytest.raises(AnswerUnusable):
            await here.ai.files.get("file-1")


async def test_nothing_is_asked_where_the_budget_is_spent(server: HttpLoopback, here: Desk) -> None:
    here.refusal = "the budget of today is spent"
    with pytest.raises(ApiDenied, match="budget"):
        await here.ai.files.upload(("a.txt", b"a"), "user_data")
    assert server.requests == ()
