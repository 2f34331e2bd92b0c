"""Whatever is sent to files, vector stores, assistants and threads on loopback is right, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.testing.http import assistant_shapes, assistants, files, threads, uploads, vector_stores
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.files import Files
from voiced.testing.http.form import Part
from voiced.testing.http.pace import Pace
from voiced.testing.http.refusal import Refusal
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Script

ROUTES = [*files.ROUTES, *uploads.ROUTES, *vector_stores.ROUTES, *assistants.ROUTES, *threads.ROUTES]
TAKING = [route for route in ROUTES if route.takes != "nothing" or not route.path.endswith("}")]
IDS = {
    "vector_store_id": "vs_000000000001",
    "assistant_id": "asst_000000000002",
    "thread_id": "thread_000000000001",
    "run_id": "run_000000000003",
    "file_id": "file-000000000001",
    "batch_id": "vsfb_1",
    "upload_id": "upload_000000000003",
    "message_id": "msg_000000000002",
}
KEYS = st.sampled_from(
    sorted(
        frozenset().union(
            files.PARAMETERS,
            *uploads.PARAMETERS.values(),
            *vector_stores.PARAMETERS.values(),
            *assistant_shapes.PARAMETERS.values(),
        )
        | {"type", "key", "value", "filters", "function", "static", "days", "anchor", "seconds", "tool_call_id", "text"}
    )
)
WORDS = st.sampled_from(
    [
        *IDS.values(), "gpt-4o", "a.jsonl", "batch", "text", "function", "eq", "and", "user", "static", "auto",
        "created_at", "",
    ]
)  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
PARTS = st.lists(
    st.builds(
        Part,
        st.sampled_from(["file", "purpose", "data", "expires_after[anchor]", "expires_after[seconds]", "model"]),
        st.sampled_from([b"", b"{}\n", b"batch", b"created_at", b"3600", b"\xff"]),
        st.none() | st.sampled_from(["a.jsonl", "a.png", "", "."]),
    ),
    max_size=4,
)
RIGHT: Mapping[str, Any] = {
    "uploads": {"filename": "a.jsonl", "purpose": "batch", "bytes": 3, "mime_type": "text/jsonl"},
    "assistants": {"model": "gpt-4o"},
    "threads/{thread_id}/messages": {"role": "user", "content": "Hi."},
    "threads/{thread_id}/runs": {"assistant_id": IDS["assistant_id"]},
    "threads/runs": {"assistant_id": IDS["assistant_id"]},
    "vector_stores/{vector_store_id}/files": {"file_id": IDS["file_id"]},
    "vector_stores/{vector_store_id}/search": {"query": "key"},
}


def world() -> World:
    """One that has something of each kind, with the ids above."""
    found = World(Catalogue(), Script(), Pace(), lambda *_: (404, {}), assistants=True)
    found.of(Files).add("a.txt", b"The key.", "assistants")
    for path, body in (
        ("vector_stores", {"file_ids": [IDS["file_id"]]}),
        ("assistants", {"model": "gpt-4o"}),
        ("threads", {"messages": [{"role": "user", "content": "Hi."}]}),
        ("threads/{thread_id}/runs", {"assistant_id": IDS["assistant_id"]}),
        ("uploads", RIGHT["uploads"]),
    ):
        route = next(each for each in ROUTES if (each.method, each.path) == ("POST", path))
        assert answer(found, route, body)[0] == 200
    return found


def answer(
    world: World, route: Route, body: Any = None, query: Mapping[str, str] | None = None, form: Sequence[Part] = ()
) -> tuple[int, str]:
    """The status, and why it is refused."""
    try:
        route.answer(Request(route.method, IDS, query or {}, body, form, {"openai-beta": "assistants=v2"}), world)
    except Refusal as refusal:
        return refusal.status, refusal.why.message
    return 200, ""


@pytest.mark.parametrize("route", TAKING, ids=lambda route: f"{route.method} {route.path}")
@settings(max_examples=25)  # of each of so many
@given(
    body=st.dictionaries(KEYS, ANY, max_size=4) | ANY,
    query=st.dictionaries(
        st.sampled_from(["limit", "order", "after", "before", "filter", "purpose"]), WORDS | st.just("5")
    ),
    form=PARTS,
)
def test_any_request_is_right_or_refused(route: Route, body: Any, query: dict[str, str], form: list[Part]) -> None:
    there = world()
    bodies = [body]
    if isinstance(body, dict):
        bodies.append(RIGHT.get(route.path, {}) | body)
    for each in bodies:
        asked_for = query if route.method == "GET" else {}
        status, _ = answer(there, route, each, asked_for, form if route.takes == "form" else ())
        assert status in (200, 400, 404, 413, 501)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_kept_can_be_asked_for(route: Route) -> None:
    """The ids above are right: or nothing behind the first check would be tried."""
    status, why = answer(world(), route, RIGHT.get(route.path, {}))
    assert status in (200, 400) or "vsfb_1" in why
