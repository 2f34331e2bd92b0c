"""Vector stores on loopback: what is refused there as it is by the real server, and what is found."""

from __future__ import annotations

from typing import Any

import pytest

from voiced.testing.http import HttpLoopback, vector_stores
from voiced.testing.http.files import Files
from voiced.testing.http.stored_files import VectorStores

from .http_client import Raw, sdk_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints

EQ = {"type": "eq", "key": "by", "value": "Ada"}
CHUNKS = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 100}}


def kept(server: HttpLoopback, name: str = "a.txt", data: bytes = b"The key.") -> str:
    """The id of a file."""
    file_id: str = server.kept(Files).add(name, data, "assistants")["id"]
    return file_id


async def store(raw: Raw, **body: Any) -> str:
    store_id: str = (await raw.ask("vector_stores", json=body)).json["id"]
    return store_id


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("", {"file_ids": "file-1"}, "invalid_type"),
        ("", {"file_ids": ["file-1"] * 501}, "array_above_max_length"),
        ("", {"name": None}, "invalid_type"),
        ("", {"expires_after": {"anchor": "created_at", "days": 1}}, "invalid_value"),
        ("", {"expires_after": {"anchor": "last_active_at", "days": 366}}, "integer_above_max_value"),
        ("", {"expires_after": {"days": 1}}, "missing_required_parameter"),
        ("", {"chunking_strategy": {"type": "dynamic"}}, "invalid_value"),
        ("", {"chunking_strategy": {"type": "static"}}, "missing_required_parameter"),
        ("", {"chunking_strategy": CHUNKS | {"static": CHUNKS["static"] | {"chunk_overlap_tokens": 101}}}, "integer_above_max_value"),  # type: ignore[operator] # noqa: E501
        ("", {"metadata": {"a": 1}}, "invalid_type"),
        ("", {"files": []}, "unknown_parameter"),
        ("/{0}", {"file_ids": []}, "unknown_parameter"),
        ("/{0}", {"name": 5}, "invalid_type"),
        ("/{0}/files", {}, "missing_required_parameter"),
        ("/{0}/files", {"file_id": "{1}", "attributes": {"a": [1]}}, "invalid_type"),
        ("/{0}/files", {"file_id": "{1}", "attributes": {"a": None}}, "invalid_type"),
        ("/{0}/files", {"file_id": "{1}", "attributes": {"a": "x" * 513}}, "string_above_max_length"),
        ("/{0}/files", {"file_id": "{1}", "attributes": {str(n): n for n in range(17)}}, "object_above_max_properties"),
        ("/{0}/files/{1}", {}, "missing_required_parameter"),
        ("/{0}/search", {}, "missing_required_parameter"),
        ("/{0}/search", {"query": ""}, "invalid_value"),
        ("/{0}/search", {"query": []}, "invalid_value"),
        ("/{0}/search", {"query": 5}, "invalid_type"),
        ("/{0}/search", {"query": "key", "max_num_results": 51}, "integer_above_max_value"),
        ("/{0}/search", {"query": "key", "max_num_results": 0}, "integer_below_min_value"),
        ("/{0}/search", {"query": "key", "rewrite_query": "yes"}, "invalid_type"),
        ("/{0}/search", {"query": "key", "ranking_options": {"ranker": "best"}}, "invalid_value"),
        ("/{0}/search", {"query": "key", "ranking_options": {"score_threshold": 2}}, "decimal_above_max_value"),
        ("/{0}/search", {"query": "key", "filters": {"by": "Ada"}}, "missing_required_parameter"),
        ("/{0}/search", {"query": "key", "filters": EQ | {"type": "like"}}, "invalid_value"),
        ("/{0}/search", {"query": "key", "filters": EQ | {"value": None}}, "invalid_type"),
        ("/{0}/search", {"query": "key", "filters": EQ | {"value": [True]}}, "invalid_type"),
        ("/{0}/search", {"query": "key", "filters": {"type": "or", "filters": [EQ, {}]}}, "missing_required_parameter"),
        ("/{0}/search", {"query": "key", "limit": 5}, "unknown_parameter"),
        ("/{0}/file_batches", {}, "invalid_value"),
        ("/{0}/file_batches", {"file_ids": [], "files": []}, "invalid_array_length"),
        ("/{0}/file_batches", {"file_ids": ["{1}"], "files": [{"file_id": "{1}"}]}, "invalid_value"),
        ("/{0}/file_batches", {"files": [{}]}, "missing_required_parameter"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for(
    server: HttpLoopback, raw: Raw, path: str, body: dict[str, Any], code: str
) -> None:
    store_id, file_id = await store(raw), kept(server)
    await raw.ask(f"vector_stores/{store_id}/files", json={"file_id": file_id})
    answer = await raw.ask(f"vector_stores{path.format(store_id, file_id)}", json=_filled(body, file_id))
    assert (answer.status, answer.error["code"]) == (400, code)
    assert len(server.violations) == 1


def _filled(body: Any, file_id: str) -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, file_id) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, file_id) for value in body]
    return file_id if body == "{1}" else body


async def test_what_is_not_there(server: HttpLoopback, raw: Raw) -> None:
    store_id, file_id = await store(raw), kept(server)
    for method, path in (
        ("GET", "vs_9"), ("POST", "vs_9"), ("DELETE", "vs_9"), ("GET", "vs_9/files"), ("POST", "vs_9/search"),
        ("POST", "vs_9/files"), ("GET", f"{store_id}/files/{file_id}"), ("DELETE", f"{store_id}/files/{file_id}"),
        ("GET", f"{store_id}/files/{file_id}/content"), ("GET", f"{store_id}/file_batches/vsfb_9"),
        ("POST", f"{store_id}/file_batches/vsfb_9/cancel"),
    ):  # fmt: skip
        bodies: dict[str, dict[str, Any]] = {"search": {"query": "key"}, "files": {"file_id": file_id}}
        what = {"json": bodies.get(path.rsplit("/", 1)[-1], {})} if method == "POST" else {}
        answer = await raw.ask(f"vector_stores/{path}", method=method, **what)
        assert answer.status == 404, path
        assert answer.error["type"] == "invalid_request_error"
    wrong: dict[str, dict[str, Any]] = {"": {"file_ids": ["file-9"]}, f"/{store_id}/files": {"file_id": "file-9"}}
    for path, body in wrong.items():
        answer = await raw.ask(f"vector_stores{path}", json=body)
        assert (answer.status, answer.error["message"]) == (404, "No such File object: file-9")
    assert len((await raw.ask("vector_stores", method="GET")).json["data"]) == 1  # the one that failed was not made


async def test_files_are_taken_in_while_somebody_looks(server: HttpLoopback) -> None:
    server.kept(VectorStores).polls = 2
    async with sdk_of(server) as sdk:
        made = await sdk.vector_stores.create(file_ids=[kept(server)], name="notes")
        seen = [made, *[await sdk.vector_stores.retrieve(made.id) for _ in range(3)]]
        assert [(each.status, each.file_counts.completed) for each in seen] == [
            ("in_progress", 0), ("in_progress", 0), ("in_progress", 0), ("completed", 1),
        ]  # fmt: skip
        assert seen[-1].usage_bytes > 0 == made.usage_bytes
    assert server.violations == ()


async def test_a_search_finds_words_in_files_that_were_taken_in(server: HttpLoopback) -> None:
    server.kept(VectorStores).polls = 0
    text = b"The spare key is at Anna's.\n\nThe shed has another key.\n\nBuy milk."
    async with sdk_of(server) as sdk:
        made = await sdk.vector_stores.create(file_ids=[kept(server, data=text), kept(server, "b.png", b"key")])
        page = await sdk.vector_stores.search(made.id, query="spare key")
        assert [(each.content[0].text, each.score) for each in page.data] == [
            ("The spare key is at Anna's.", 1.0),
            ("The shed has another key.", 0.5),
        ]
        few = await sdk.vector_stores.search(
            made.id, query=["spare", "key"], max_num_results=1, ranking_options={"score_threshold": 0.6}
        )
        assert len(few.data) == 1
        parts = await sdk.vector_stores.files.content(page.data[0].file_id, vector_store_id=made.id)
        assert [part.text for part in parts.data] == text.decode().split("\n\n")
        failed = await sdk.vector_stores.files.list(made.id, filter="failed")
        assert [(each.last_error.code, each.status) for each in failed.data if each.last_error] == [
            ("unsupported_file", "failed")
        ]
    assert server.violations == ()


async def test_attributes_say_which_files_are_searched(server: HttpLoopback) -> None:
    server.kept(VectorStores).polls = 0
    async with sdk_of(server) as sdk:
        made = await sdk.vector_stores.create()
        for name, attributes in (("ada", {"by": "Ada", "year": 2024.0}), ("bob", {"by": "Bob"}), ("eve", None)):
            file_id = kept(server, f"{name}.txt")
            await sdk.vector_stores.files.create(made.id, file_id=file_id, attributes=attributes)  # type: ignore[arg-type]  # of both

        async def found(filters: Any) -> list[str]:
            page = await sdk.vector_stores.search(made.id, query="key", filters=filters)
            return [each.filename.removesuffix(".txt") for each in page.data]

        assert await found(EQ) == ["ada"]
        assert await found(EQ | {"type": "ne"}) == ["bob", "eve"]
        assert await found({"type": "lt", "key": "year", "value": 2025}) == ["ada"]
        assert await found({"type": "lt", "key": "year", "value": "2025"}) == []
        assert await found({"type": "nin", "key": "by", "value": ["Ada", "Bob"]}) == ["eve"]
        assert await found({"type": "or", "filters": [EQ, {"type": "in", "key": "by", "value": ["Bob"]}]}) == [
            "ada", "bob",
        ]  # fmt: skip
        await sdk.vector_stores.files.update(file_id, vector_store_id=made.id, attributes={"by": "Ada"})
        assert await found(EQ) == ["ada", "eve"]
        assert server.kept(VectorStores).attributes(made.id, file_id) == {"by": "Ada"}
    assert server.violations == ()


async def test_batches_of_files(server: HttpLoopback) -> None:
    async with sdk_of(server) as sdk:
        made = await sdk.vector_stores.create()
        ids = [kept(server, f"{number}.txt") for number in range(3)]
        batch = await sdk.vector_stores.file_batches.create(made.id, file_ids=ids[:2], attributes={"a": 1})
        assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 2)
        await sdk.vector_stores.file_batches.retrieve(batch.id, vector_store_id=made.id)
        done = await sdk.vector_stores.file_batches.retrieve(batch.id, vector_store_id=made.id)
        assert (done.status, done.file_counts.completed) == ("completed", 2)
        other = await sdk.vector_stores.file_batches.create(made.id, files=[{"file_id": ids[2]}])
        cancelled = await sdk.vector_stores.file_batches.cancel(other.id, vector_store_id=made.id)
        assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 1)
        listed = await sdk.vector_stores.file_batches.list_files(batch.id, vector_store_id=made.id)
        assert [(each.id, each.attributes) for each in listed.data] == [(ids[1], {"a": 1}), (ids[0], {"a": 1})]
    assert server.violations == ()


async def test_a_store_is_changed_and_forgets_what_is_null(raw: Raw) -> None:
    life = {"anchor": "last_active_at", "days": 2}
    store_id = await store(raw, name="a", metadata={"a": "b"}, expires_after=life)
    changed = (await raw.ask(f"vector_stores/{store_id}", json={"name": "b"})).json
    assert (changed["name"], changed["metadata"], changed["expires_after"]) == ("b", {"a": "b"}, life)
    assert changed["expires_at"] == changed["last_active_at"] + 2 * 86_400
    bare = {"name": None, "metadata": None, "expires_after": None}
    changed = (await raw.ask(f"vector_stores/{store_id}", json=bare)).json
    assert (changed["name"], changed["metadata"], changed["expires_at"]) == ("", {}, None)


@pytest.mark.shared_data
@needs_description[1]
async def test_what_is_answered_is_described(server: HttpLoopback, raw: Raw) -> None:
    stores = server.kept(VectorStores)
    files = [kept(server), kept(server, "a.png")]
    expiring = {"anchor": "last_active_at", "days": 2}
    made = (await raw.ask("vector_stores", json={"file_ids": files, "expires_after": expiring})).json
    base = f"vector_stores/{made['id']}"
    batch = (await raw.ask(f"{base}/file_batches", json={"file_ids": files, "chunking_strategy": CHUNKS})).json
    await raw.ask(base, method="GET")
    seen = [made, (await raw.ask(base, method="GET")).json, (await raw.ask(base, json={"name": "a"})).json]
    listing = (await raw.ask("vector_stores", method="GET")).json
    in_it = (await raw.ask(f"{base}/files", method="GET")).json
    found = (await raw.ask(f"{base}/search", json={"query": "key"})).json
    content = (await raw.ask(f"{base}/files/{files[0]}/content", method="GET")).json
    assert [each["status"] for each in in_it["data"]] == ["failed", "completed"]
    assert len(found["data"]) == 1
    assert complaints("VectorStoreObject", *seen, *listing["data"]) == []
    assert complaints("ListVectorStoresResponse", listing) == []
    assert complaints("VectorStoreFileObject", *in_it["data"]) == []
    assert complaints("ListVectorStoreFilesResponse", in_it) == []
    assert complaints("VectorStoreFileBatchObject", batch) == []
    assert complaints("VectorStoreSearchResultsPage", found) == []
    assert complaints("VectorStoreSearchResultItem", *found["data"]) == []
    assert complaints("VectorStoreFileContentResponse", content) == []
    out = (await raw.ask(f"{base}/files/{files[0]}", method="DELETE")).json
    assert complaints("DeleteVectorStoreFileResponse", out) == []
    assert complaints("DeleteVectorStoreResponse", (await raw.ask(base, method="DELETE")).json) == []
    assert stores.all(server.kept(Files)) == []


@pytest.mark.shared_data
@needs_description[1]
def test_the_requests_have_what_is_described_and_nothing_else() -> None:
    for name, known in vector_stores.PARAMETERS.items():
        assert set(described_schemas()[name]["properties"]) == known, name
