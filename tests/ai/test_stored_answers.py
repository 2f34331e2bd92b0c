"""Whatever a server tells of files, vector stores and assistants is understood, or not the API's form."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types import FileObject, VectorStore, VectorStoreSearchResponse
from openai.types.vector_stores import VectorStoreFile

from voiced.ai import vector_stores
from voiced.ai.assistant_records import Run, read_assistant, read_message, read_run, read_thread
from voiced.ai.client import WRONG_FORM
from voiced.ai.files import file_object
from voiced.ai.token_usage import TokenUsage

KEYS = st.sampled_from(
    [
        "id", "bytes", "created_at", "expires_at", "filename", "status", "name", "model", "metadata", "tools", "type",
        "function", "thread_id", "assistant_id", "role", "content", "text", "value", "attachments", "file_id", "usage",
        "prompt_tokens", "completion_tokens", "prompt_token_details", "cached_tokens", "required_action",
        "submit_tool_outputs", "tool_calls", "arguments", "last_error", "code", "message", "incomplete_details",
        "reason", "file_counts", "in_progress", "completed", "failed", "cancelled", "total", "usage_bytes",
        "last_active_at", "vector_store_id", "attributes", "score", "run_id",
    ]
)  # fmt: skip
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()  # JSON has numbers that are too large for a float: they are infinite
    | st.sampled_from(["", "a", "function", "text", "image_file", "refusal", "requires_action", "completed"])
)
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8))
RUN = {"id": "run_1", "thread_id": "thread_1", "assistant_id": "asst_1", "status": "completed"}


@given(ANY)
def test_of_assistants(raw: Any) -> None:
    bodies = [raw, RUN | raw | {"id": "run_1"}] if isinstance(raw, dict) else [raw]
    for body in bodies:
        for read in (read_assistant, read_thread, read_message, read_run):
            try:
                told = read(body)
            except WRONG_FORM:
                continue
            assert told.id
            if isinstance(told, Run):
                assert told.usage is None or 0 <= told.usage.cached <= told.usage.prompt
                assert bool(told.calls) == (told.status == "requires_action")


@given(st.dictionaries(KEYS, ANY, max_size=12))
def test_of_files_and_stores(fields: dict[str, Any]) -> None:
    for kind, read in (
        (FileObject, file_object),
        (VectorStore, vector_stores._store),
        (VectorStoreFile, vector_stores._stored),
        (VectorStoreSearchResponse, vector_stores._found),
    ):
        try:
            told = read(kind.construct(None, **fields))
        except WRONG_FORM:
            continue
        assert told is not None


def test_what_a_run_used_in_part_from_the_cache() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_token_details": {"cached_tokens": 4}}
    assert read_run({**RUN, "usage": usage}).usage == TokenUsage(10, 5, 15, cached=4)
