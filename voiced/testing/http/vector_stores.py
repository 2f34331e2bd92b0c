"""Vector stores: what may be asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.files import Files
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.shape import judged
from voiced.testing.http.stored_files import COMPARISONS, STATUSES, VectorStores, pieces
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    array,
    boolean,
    either,
    integer,
    metadata,
    nullable,
    number,
    obj,
    one_of,
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection

MOST_FILES_AT_CREATION: Final = 500
MOST_FILES_IN_A_BATCH: Final = 2000


def _static(value: Any, path: str) -> None:
    obj(
        {"max_chunk_size_tokens": integer(100, 4096), "chunk_overlap_tokens": integer(0)},
        "max_chunk_size_tokens",
        "chunk_overlap_tokens",
    )(value, path)
    most = value["max_chunk_size_tokens"] // 2
    if value["chunk_overlap_tokens"] > most:
        raise rejection.above(f"{path}.chunk_overlap_tokens", "integer", most, value["chunk_overlap_tokens"])


def _attributes(value: Any, path: str) -> None:
    any_object(value, path)
    plain = {key: member for key, member in value.items() if isinstance(member, str)}
    metadata(plain | {key: "" for key in value if key not in plain}, path)
    for key, member in value.items():
        if not isinstance(member, str | int | float):
            raise rejection.wrong_type(f"{path}.{key}", "a string, a number or a boolean", member)


def _filled(inner: Check, most: int) -> Check:
    members = array(inner)

    def judge(value: Any, path: str) -> None:
        members(value, path)
        if not 1 <= len(value) <= most:
            expected = f"Expected an array with 1 to {most} members, but got one with {len(value)} instead."
            raise Rejection(f"Invalid '{path}': {expected}", "invalid_array_length", path)

    return judge


def _value(value: Any, path: str) -> None:
    if isinstance(value, list):
        for index, member in enumerate(value):
            if isinstance(member, bool) or not isinstance(member, str | int | float):
                raise rejection.wrong_type(f"{path}[{index}]", "a string or a number", member)
    elif not isinstance(value, str | int | float):
        raise rejection.wrong_type(path, "a string, a number, a boolean or an array", value)


def _filters(value: Any, path: str) -> None:
    comparison = obj({"type": anything, "key": string(), "value": _value}, "key", "value")
    compound = obj({"type": anything, "filters": array(_filters)}, "filters")
    tagged("type", {**dict.fromkeys(COMPARISONS, comparison), "and": compound, "or": compound})(value, path)


def _query(value: Any, path: str) -> None:
    either(string(), array(string()))(value, path)
    if not value or not all(value):
        raise Rejection(f"Invalid '{path}': it is empty.", "invalid_value", path)


_CHUNKING: Final = tagged(
    "type", {"auto": obj({"type": anything}), "static": obj({"type": anything, "static": _static}, "static")}
)
_EXPIRES: Final = obj({"anchor": one_of("last_active_at"), "days": integer(1, 365)}, "anchor", "days")
_FILE: Final[Mapping[str, Check]] = {
    "file_id": string(),
    "chunking_strategy": _CHUNKING,
    "attributes": nullable(_attributes),
}
_SHAPES: Final[Mapping[str, Mapping[str, Check]]] = {
    "CreateVectorStoreRequest": {
        "file_ids": array(string()),
        "name": string(),
        "description": string(),
        "expires_after": _EXPIRES,
        "chunking_strategy": _CHUNKING,
        "metadata": nullable(metadata),
    },
    "UpdateVectorStoreRequest": {
        "name": nullable(string()),
        "expires_after": nullable(_EXPIRES),
        "metadata": nullable(metadata),
    },
    "CreateVectorStoreFileRequest": _FILE,
    "UpdateVectorStoreFileAttributesRequest": {"attributes": nullable(_attributes)},
    "CreateVectorStoreFileBatchRequest": {
        "file_ids": _filled(string(), MOST_FILES_IN_A_BATCH),
        "files": _filled(obj(_FILE, "file_id"), MOST_FILES_IN_A_BATCH),
        "chunking_strategy": _CHUNKING,
        "attributes": nullable(_attributes),
    },
    "VectorStoreSearchRequest": {
        "query": _query,
        "rewrite_query": boolean,
        "max_num_results": integer(1, 50),
        "filters": _filters,
        "ranking_options": obj(
            {"ranker": one_of("none", "auto", "default-2024-11-15"), "score_threshold": number(0, 1)}
        ),
    },
}
_NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "CreateVectorStoreFileRequest": ("file_id",),
    "UpdateVectorStoreFileAttributesRequest": ("attributes",),
    "VectorStoreSearchRequest": ("query",),
}

PARAMETERS: Final = {name: frozenset(shape) for name, shape in _SHAPES.items()}
"""All that a request may have, by its name in the description."""


def _asked(request: Request, name: str) -> dict[str, Any]:
    return judged(obj(_SHAPES[name], *_NEEDED.get(name, ())), {} if request.body is None else request.body)


def _status_is(file: dict[str, Any], status: str) -> bool:
    try:
        one_of(*STATUSES)(status, "filter")
    except Rejection as why:
        raise Refusal(400, why) from None
    return bool(file["status"] == status)


def _create(request: Request, world: World) -> Emission:
    asked = _asked(request, "CreateVectorStoreRequest")
    if len(asked.get("file_ids", [])) > MOST_FILES_AT_CREATION:
        message = f"Invalid 'file_ids': array too long. At most {MOST_FILES_AT_CREATION} are taken."
        raise bad_request(message, "file_ids", "array_above_max_length")
    return whole(world.of(VectorStores).create(asked, world.new_id("vs_"), world.of(Files)))


def _list(request: Request, world: World) -> Emission:
    return whole(page(request.query, world.of(VectorStores).all(world.of(Files))))


def _get(request: Request, world: World) -> Emission:
    stores, files, store_id = world.of(VectorStores), world.of(Files), request.ids["vector_store_id"]
    found = stores.seen(store_id, files)
    stores.look(store_id, files)
    return whole(found)


def _change(request: Request, world: World) -> Emission:
    asked = _asked(request, "UpdateVectorStoreRequest")
    return whole(world.of(VectorStores).change(request.ids["vector_store_id"], asked, world.of(Files)))


def _delete(request: Request, world: World) -> Emission:
    store_id = request.ids["vector_store_id"]
    world.of(VectorStores).remove(store_id)
    return whole({"id": store_id, "object": "vector_store.deleted", "deleted": True})


def _search(request: Request, world: World) -> Emission:
    asked = _asked(request, "VectorStoreSearchRequest")
    queries = [asked["query"]] if isinstance(asked["query"], str) else asked["query"]
    found = world.of(VectorStores).find(
        request.ids["vector_store_id"],
        queries,
        world.of(Files),
        most=asked.get("max_num_results", 10),
        filters=asked.get("filters"),
        threshold=asked.get("ranking_options", {}).get("score_threshold", 0.0),
    )
    kind = "vector_store.search_results.page"
    return whole({"object": kind, "search_query": queries, "data": found, "has_more": False, "next_page": None})


def _add(request: Request, world: World) -> Emission:
    asked = _asked(request, "CreateVectorStoreFileRequest")
    return whole(world.of(VectorStores).add(request.ids["vector_store_id"], asked, world.of(Files)))


def _files(request: Request, world: World) -> Emission:
    stores, files, store_id = world.of(VectorStores), world.of(Files), request.ids["vector_store_id"]
    found = page(request.query, stores.listed(store_id, files), filters={"filter": _status_is})
    stores.look(store_id, files)
    return whole(found)


def _file(request: Request, world: World) -> Emission:
    stores, files = world.of(VectorStores), world.of(Files)
    store_id, file_id = request.ids["vector_store_id"], request.ids["file_id"]
    found = stores.file(store_id, file_id, files)
    stores.look(store_id, files, [file_id])
    return whole(found)


def _change_file(request: Request, world: World) -> Emission:
    asked = _asked(request, "UpdateVectorStoreFileAttributesRequest")
    stores, store_id, file_id = world.of(VectorStores), request.ids["vector_store_id"], request.ids["file_id"]
    stores.set_attributes(store_id, file_id, asked["attributes"])
    return whole(stores.file(store_id, file_id, world.of(Files)))


def _take_out(request: Request, world: World) -> Emission:
    world.of(VectorStores).take_out(request.ids["vector_store_id"], request.ids["file_id"])
    return whole({"id": request.ids["file_id"], "object": "vector_store.file.deleted", "deleted": True})


def _content(request: Request, world: World) -> Emission:
    files = world.of(Files)
    file_id = world.of(VectorStores).file(request.ids["vector_store_id"], request.ids["file_id"], files)["id"]
    texts = [{"type": "text", "text": text} for text in pieces(files.content(file_id))]
    kind = "vector_store.file_content.page"
    return whole({"object": kind, "data": texts, "has_more": False, "next_page": None})


def _create_batch(request: Request, world: World) -> Emission:
    asked = _asked(request, "CreateVectorStoreFileBatchRequest")
    if ("file_ids" in asked) == ("files" in asked):
        raise bad_request("Exactly one of 'file_ids' and 'files' must be given.", "file_ids", "invalid_value")
    same = {name: asked.get(name) for name in ("attributes", "chunking_strategy")}
    members = asked.get("files") or [{"file_id": file_id, **same} for file_id in asked["file_ids"]]
    stores, files, store_id = world.of(VectorStores), world.of(Files), request.ids["vector_store_id"]
    batch_id = world.new_id("vsfb_")
    stores.create_batch(store_id, members, batch_id, files)
    return whole(stores.batch(store_id, batch_id, files))


def _batch(request: Request, world: World) -> Emission:
    stores, files = world.of(VectorStores), world.of(Files)
    store_id, batch_id = request.ids["vector_store_id"], request.ids["batch_id"]
    found = stores.batch(store_id, batch_id, files)
    stores.look(store_id, files, stores.in_batch(store_id, batch_id))
    return whole(found)


def _cancel_batch(request: Request, world: World) -> Emission:
    stores, store_id, batch_id = world.of(VectorStores), request.ids["vector_store_id"], request.ids["batch_id"]
    stores.cancel_batch(store_id, batch_id)
    return whole(stores.batch(store_id, batch_id, world.of(Files)))


def _batch_files(request: Request, world: World) -> Emission:
    stores, files, store_id = world.of(VectorStores), world.of(Files), request.ids["vector_store_id"]
    members = stores.in_batch(store_id, request.ids["batch_id"])
    found = [file for file in stores.listed(store_id, files) if file["id"] in members]
    return whole(page(request.query, found, filters={"filter": _status_is}))


_STORE: Final = "vector_stores/{vector_store_id}"

ROUTES: Final = (
    Route("POST", "vector_stores", "vector_stores", _create, "maybe json"),
    Route("GET", "vector_stores", "vector_stores", _list),
    Route("GET", _STORE, "vector_stores", _get),
    Route("POST", _STORE, "vector_stores", _change, "json"),
    Route("DELETE", _STORE, "vector_stores", _delete),
    Route("POST", f"{_STORE}/search", "vector_stores", _search, "json"),
    Route("POST", f"{_STORE}/files", "vector_stores", _add, "json"),
    Route("GET", f"{_STORE}/files", "vector_stores", _files),
    Route("GET", f"{_STORE}/files/{{file_id}}", "vector_stores", _file),
    Route("POST", f"{_STORE}/files/{{file_id}}", "vector_stores", _change_file, "json"),
    Route("DELETE", f"{_STORE}/files/{{file_id}}", "vector_stores", _take_out),
    Route("GET", f"{_STORE}/files/{{file_id}}/content", "vector_stores", _content),
    Route("POST", f"{_STORE}/file_batches", "vector_stores", _create_batch, "json"),
    Route("GET", f"{_STORE}/file_batches/{{batch_id}}", "vector_stores", _batch),
    Route("POST", f"{_STORE}/file_batches/{{batch_id}}/cancel", "vector_stores", _cancel_batch, "maybe json"),
    Route("GET", f"{_STORE}/file_batches/{{batch_id}}/files", "vector_stores", _batch_files),
)
