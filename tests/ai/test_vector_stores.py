"""Vector stores: filled, waited for, searched, and what is told of files that can't be taken in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from voiced.ai.vector_stores import FileCounts, Found
from voiced.errors import AnswerUnusable, ApiDenied, ApiUnreachable, RequestRejected
from voiced.testing.http import Answer, Drop, Fault, HttpLoopback, Stall, html_page, wrong_key
from voiced.testing.http.files import Files
from voiced.testing.http.stored_files import VectorStores

from .desk import Desk

KEYS = ("keys.txt", b"The spare key is at Anna's.\n\nThe key of the shed hangs in the hall.")
MILK = ("milk.md", b"Buy milk and bread on Monday.")


async def test_files_are_uploaded_taken_in_and_found(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    path = tmp_path / "milk.md"
    path.write_bytes(MILK[1])
    stores, uploaded, taken = here.ai.vector_stores, [], []
    server.kept(VectorStores).polls = 2
    store = await stores.create(
        "notes", files=[KEYS, path], metadata={"of": "Ada"}, progress=lambda *done: uploaded.append(done)
    )
    assert (store.name, store.status, store.files.in_progress, store.metadata) == (
        "notes",
        "in_progress",
        2,
        {"of": "Ada"},
    )
    ready = await stores.wait(store.id, poll_s=0, progress=lambda *done: taken.append(done))
    assert (ready.status, ready.files) == ("completed", FileCounts(0, 2, 0, 0, 2))
    assert (uploaded, taken) == ([(1, 2), (2, 2)], [(0, 2), (0, 2), (2, 2)])
    best, other, *_ = await stores.search(store.id, "Where is the spare key?")
    assert (best.text, best.filename) == ("The spare key is at Anna's.", "keys.txt")
    assert best.score > other.score > 0
    assert server.kept(Files).content(best.file_id) == KEYS[1]
    assert "spare" not in repr(best)
    assert server.violations == ()
    assert here.spent == []


async def test_a_search_is_narrowed_by_what_is_known_of_the_files(server: HttpLoopback, here: Desk) -> None:
    stores = here.ai.vector_stores
    store = await stores.create()
    for year, by in ((2024, "Ada"), (2025, "Ada"), (2026, "Bob")):
        await stores.add(store.id, (f"{year}.txt", b"The key."), attributes={"year": year, "by": by, "done": True})
    await stores.wait(store.id, poll_s=0)

    async def found(**options: Any) -> list[str]:
        return sorted(hit.filename for hit in await stores.search(store.id, "key", **options))

    assert await found() == ["2024.txt", "2025.txt", "2026.txt"]
    assert await found(most=1) == ["2024.txt"]
    assert await found(filters={"by": "Ada"}) == ["2024.txt", "2025.txt"]
    assert await found(filters={"by": "Ada", "year": 2025}) == ["2025.txt"]
    assert await found(filters={"type": "gte", "key": "year", "value": 2025}) == ["2025.txt", "2026.txt"]
    either = [{"type": "eq", "key": "by", "value": "Bob"}, {"type": "in", "key": "year", "value": [2024]}]
    assert await found(filters={"type": "or", "filters": either}) == ["2024.txt", "2026.txt"]
    assert await found(filters={"by": "Eve"}) == []
    assert [hit.attributes for hit in await stores.search(store.id, ["key", "door"], filters={"by": "Bob"})] == [
        {"year": 2026, "by": "Bob", "done": True}
    ]
    assert await stores.search(store.id, "key of the door", least_score=0.9, rewrite=True) == []
    assert server.violations == ()


async def test_a_file_that_the_server_has_is_not_uploaded_again(server: HttpLoopback, here: Desk) -> None:
    known = await here.ai.files.upload(KEYS, "user_data")
    other = await here.ai.files.upload(MILK, "user_data")
    store = await here.ai.vector_stores.create(files=[known, other.id])
    assert [file.id for file in await here.ai.vector_stores.files(store.id)] == [other.id, known.id]
    assert len(server.kept(Files).all) == 2
    assert server.violations == ()


async def test_a_store_is_changed_listed_and_deleted(server: HttpLoopback, here: Desk) -> None:
    stores = here.ai.vector_stores
    made = [await stores.create(f"{number}", expires_days=7) for number in range(3)]
    assert made[0].expires_at == made[0].last_active_at + 7 * 86_400
    changed = await stores.update(made[0].id, name="first", expires_days=1, metadata={"a": "b"})
    assert (changed.name, changed.metadata) == ("first", {"a": "b"})
    assert changed.expires_at == changed.last_active_at + 86_400
    assert [store.name for store in await stores.list()] == ["2", "1", "first"]
    assert [store.name for store in await stores.list(most=1)] == ["2"]
    await stores.delete(made[1].id)
    assert [store.name for store in await stores.list()] == ["2", "first"]
    with pytest.raises(RequestRejected, match="the server has none of this id"):
        await stores.get(made[1].id)
    assert [found.status for found in server.violations] == [404]


async def test_a_file_that_is_taken_out_stays_at_the_server(server: HttpLoopback, here: Desk) -> None:
    stores = here.ai.vector_stores
    store = await stores.create(files=[KEYS, MILK])
    milk, keys = await stores.files(store.id)
    await stores.remove(store.id, milk.id)
    assert [file.id for file in await stores.files(store.id)] == [keys.id]
    assert len(server.kept(Files).all) == 2
    await here.ai.files.delete(keys.id)
    assert await stores.files(store.id) == []
    with pytest.raises(RequestRejected, match=f"{milk.id} of {store.id}: the server has none"):
        await stores.remove(store.id, milk.id)


async def test_files_that_fail_are_named_with_the_reason(server: HttpLoopback, here: Desk) -> None:
    stores = here.ai.vector_stores
    server.kept(VectorStores).failing = {f"{number}.txt": "It is damaged." for number in range(6)}
    damaged = [(f"{number}.txt", b"a") for number in range(6)]
    store = await stores.create(files=[KEYS, ("song.tar", b"a"), *damaged])
    with pytest.raises(RequestRejected) as raised:
        await stores.wait(store.id, poll_s=0)
    assert str(raised.value) == (
        "vector stores: 7 of 8 files could not be taken in: 5.txt (It is damaged.), 4.txt (It is damaged.), "
        "3.txt (It is damaged.), 2.txt (It is damaged.), 1.txt (It is damaged.), and 2 more"
    )
    failed = await stores.files(store.id, status="failed")
    assert [(file.error_code, file.status) for file in failed[-1:]] == [("unsupported_file", "failed")]
    assert len(failed) == 7
    assert [hit.filename for hit in await stores.search(store.id, "spare key")] == ["keys.txt", "keys.txt"]


async def test_a_store_that_expired_is_told(server: HttpLoopback, here: Desk) -> None:
    store = await here.ai.vector_stores.create(files=[KEYS])
    server.kept(VectorStores).polls = 0
    await here.ai.vector_stores.wait(store.id, poll_s=0)
    server.kept(VectorStores).expire(store.id)
    with pytest.raises(RequestRejected, match="is expired, since it was not used for long: make it again"):
        await here.ai.vector_stores.wait(store.id, poll_s=0)
    with pytest.raises(RequestRejected, match="is expired"):
        await here.ai.vector_stores.search(store.id, "key")


async def test_waiting_has_an_end(server: HttpLoopback, here: Desk) -> None:
    server.kept(VectorStores).polls = 10**9
    store = await here.ai.vector_stores.create(files=[KEYS])
    with pytest.raises(ApiUnreachable, match=f"{store.id} is not ready after 0.05 s"):
        await here.ai.vector_stores.wait(store.id, within_s=0.05, poll_s=0)


# What is wrong before it is sent.


async def test_all_files_are_looked_at_before_one_is_sent(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    stores = here.ai.vector_stores
    for wrong in (tmp_path / "none.txt", tmp_path, ("song.mp3", b"a"), ("empty.txt", b"")):
        with pytest.raises(RequestRejected):
            await stores.create(files=[KEYS, wrong])
        with pytest.raises(RequestRejected):
            await stores.add("vs_1", wrong)
    with pytest.raises(RequestRejected, match="501 files are too many at once"):
        await stores.create(files=[KEYS] * 501)
    assert server.requests == ()


async def test_what_can_be_no_request_is_not_sent(server: HttpLoopback, here: Desk) -> None:
    stores = here.ai.vector_stores
    for query in ("", "  ", [], ["key", ""]):
        with pytest.raises(RequestRejected, match="the query is empty"):
            await stores.search("vs_1", query)
    for most in (0, 51):
        with pytest.raises(RequestRejected, match="from 1 to 50"):
            await stores.search("vs_1", "key", most=most)
    with pytest.raises(RequestRejected, match="from 0 to 1"):
        await stores.search("vs_1", "key", least_score=1.1)
    for days in (0, 366):
        with pytest.raises(RequestRejected, match="from 1 to 365"):
            await stores.create(expires_days=days)
        with pytest.raises(RequestRejected, match="from 1 to 365"):
            await stores.update("vs_1", expires_days=days)
    for store_id in ("", "vs/1", ".."):
        for call in (stores.get, stores.delete, stores.wait, stores.files, stores.update):
            with pytest.raises(RequestRejected, match="that is no id"):
                await call(store_id)
        with pytest.raises(RequestRejected, match="that is no id"):
            await stores.remove("vs_1", store_id)
    assert server.requests == ()


async def test_no_other_provider_is_asked_for_what_only_one_has(server: HttpLoopback, here: Desk) -> None:
    with pytest.raises(RequestRejected, match="vector_stores: kimi has none"):
        await here.ai.vector_stores.list(provider="kimi")
    here.refusal = "the budget of today is spent"
    with pytest.raises(ApiDenied, match="budget"):
        await here.ai.vector_stores.list()
    assert server.requests == ()


# What goes wrong.


@pytest.mark.parametrize("fault", [wrong_key(), Drop(after=0)])
async def test_what_was_uploaded_in_vain_is_deleted(server: HttpLoopback, here: Desk, fault: Any) -> None:
    server.add_fault(Fault(fault, "vector_stores", every=True))
    with pytest.raises((ApiDenied, ApiUnreachable)):
        await here.ai.vector_stores.create(files=[KEYS, MILK])
    assert [entry.line.split(" ")[0] for entry in server.of("files")] == ["POST", "POST", "DELETE", "DELETE"]
    assert server.kept(Files).all == []
    assert len(server.of("vector_stores")) == 1


async def test_a_store_that_is_not_there_keeps_no_file(server: HttpLoopback, here: Desk) -> None:
    with pytest.raises(RequestRejected, match="vs_9: the server has none of this id"):
        await here.ai.vector_stores.add("vs_9", KEYS)
    assert server.kept(Files).all == []


async def test_what_was_there_before_stays(server: HttpLoopback, here: Desk) -> None:
    known = await here.ai.files.upload(KEYS, "user_data")
    server.add_fault(Fault(wrong_key(), "vector_stores"))
    with pytest.raises(ApiDenied):
        await here.ai.vector_stores.create(files=[known])
    assert [file["id"] for file in server.kept(Files).all] == [known.id]


async def test_cancelled_in_an_upload_nothing_is_left(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(Stall(), "files", 2))
    creating = asyncio.create_task(here.ai.vector_stores.create(files=[KEYS, MILK]))
    await server.wait_for("files", count=2, outcome="faulted")
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    await server.wait_for("files", count=2, ended=True)
    assert server.kept(Files).all == []
    assert server.of("vector_stores") == ()


async def test_an_answer_of_another_form(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(html_page(), "vector_stores", 1))
    bodies: list[dict[str, Any]] = [{}, {"id": "vs_1"}, {"id": "vs_1", "file_counts": {}}]
    for number, body in enumerate(bodies, 2):
        server.add_fault(Fault(Answer(200, body), "vector_stores", number))
    for _ in range(4):
        with pytest.raises(AnswerUnusable):
            await here.ai.vector_stores.get("vs_1")
    server.add_fault(Fault(Answer(200, {"data": [{"score": "high", "content": []}]}), "vector_stores"))
    with pytest.raises(AnswerUnusable):
        await here.ai.vector_stores.search("vs_1", "key")


def test_what_is_found_is_not_said_in_logs() -> None:
    assert repr(Found("secret", 0.5, "file-1", "a.txt", {})) == (
        "Found(score=0.5, file_id='file-1', filename='a.txt', attributes={})"
    )
