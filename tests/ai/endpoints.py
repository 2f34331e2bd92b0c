"""Which endpoints each helper asks, and a wrong request to each of them that takes any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ENDPOINTS: Final[Mapping[str, frozenset[str]]] = {
    "chat": frozenset({"POST /chat/completions"}),
    "responses": frozenset(
        {
            "POST /responses",
            "GET /responses/{response_id}",
            "DELETE /responses/{response_id}",
            "POST /responses/{response_id}/cancel",
            "GET /responses/{response_id}/input_items",
        }
    ),
    "completions": frozenset({"POST /completions"}),
    "images": frozenset({"POST /images/generations", "POST /images/edits", "POST /images/variations"}),
    "audio": frozenset({"POST /audio/transcriptions", "POST /audio/translations", "POST /audio/speech"}),
    "embeddings": frozenset({"POST /embeddings"}),
    "moderations": frozenset({"POST /moderations"}),
    "files": frozenset(
        {
            "POST /files",
            "GET /files",
            "GET /files/{file_id}",
            "DELETE /files/{file_id}",
            "GET /files/{file_id}/content",
            "POST /uploads",
            "POST /uploads/{upload_id}/parts",
            "POST /uploads/{upload_id}/complete",
            "POST /uploads/{upload_id}/cancel",
        }
    ),
    "vector_stores": frozenset(
        {
            "POST /vector_stores",
            "GET /vector_stores",
            "GET /vector_stores/{vector_store_id}",
            "POST /vector_stores/{vector_store_id}",
            "DELETE /vector_stores/{vector_store_id}",
            "POST /vector_stores/{vector_store_id}/files",
            "GET /vector_stores/{vector_store_id}/files",
            "DELETE /vector_stores/{vector_store_id}/files/{file_id}",
            "POST /vector_stores/{vector_store_id}/search",
        }
    ),
    "batches": frozenset(
        {
            "POST /batches",
            "GET /batches",
            "GET /batches/{batch_id}",
            "POST /batches/{batch_id}/cancel",
        }
    ),
    "fine_tuning": frozenset(
        {
            "POST /fine_tuning/jobs",
            "GET /fine_tuning/jobs",
            "GET /fine_tuning/jobs/{fine_tuning_job_id}",
            "GET /fine_tuning/jobs/{fine_tuning_job_id}/events",
            "GET /fine_tuning/jobs/{fine_tuning_job_id}/checkpoints",
            "POST /fine_tuning/jobs/{fine_tuning_job_id}/cancel",
            "POST /fine_tuning/jobs/{fine_tuning_job_id}/pause",
            "POST /fine_tuning/jobs/{fine_tuning_job_id}/resume",
        }
    ),
    "assistants": frozenset(
        {
            "POST /assistants",
            "GET /assistants",
            "GET /assistants/{assistant_id}",
            "POST /assistants/{assistant_id}",
            "DELETE /assistants/{assistant_id}",
            "POST /threads",
            "GET /threads/{thread_id}",
            "DELETE /threads/{thread_id}",
            "POST /threads/{thread_id}/messages",
            "GET /threads/{thread_id}/messages",
            "POST /threads/{thread_id}/runs",
            "GET /threads/{thread_id}/runs",
            "GET /threads/{thread_id}/runs/{run_id}",
            "POST /threads/{thread_id}/runs/{run_id}/cancel",
            "POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs",
        }
    ),
    "models": frozenset({"GET /models", "GET /models/{model}", "DELETE /models/{model}"}),
    "realtime": frozenset({"POST /realtime/client_secrets"}),
}
"""By the helper whose own they are. `batches`, `fine_tuning` and `vector_stores` ask those of `files` too."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong to send: a JSON body, a form and its files, or a query."""

    json: Any = None
    form: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


_MANY: Final = Wrong(query={"limit": "many"})
_WAV: Final = {"file": ("speech.wav", b"RIFF")}
_PNG: Final = {"image": ("cat.png", b"\x89PNG")}

WRONG: Final[Mapping[str, Wrong]] = {
    "POST /chat/completions": Wrong({"model": "m", "messages": "Hi"}),
    "POST /responses": Wrong({"model": "m", "input": "Hi", "max_output_tokens": "few"}),
    "GET /responses/{response_id}": Wrong(query={"starting_after": "the beginning"}),
    "GET /responses/{response_id}/input_items": _MANY,
    "POST /completions": Wrong({"model": "m", "prompt": "Hi", "n": "two"}),
    "POST /images/generations": Wrong({"prompt": "A cat", "quality": "splendid"}),
    "POST /images/edits": Wrong(form={"n": "2"}, files=_PNG),
    "POST /images/variations": Wrong(form={"size": "1x1"}, files=_PNG),
    "POST /audio/transcriptions": Wrong(form={"model": "m", "response_format": "pdf"}, files=_WAV),
    "POST /audio/translations": Wrong(form={"model": "m", "response_format": "pdf"}, files=_WAV),
    "POST /audio/speech": Wrong({"model": "tts-1", "voice": "alloy", "input": "Hi", "response_format": "ogg"}),
    "POST /embeddings": Wrong({"model": "m", "input": "Hi", "encoding_format": "hex"}),
    "POST /moderations": Wrong({"model": "m"}),
    "POST /files": Wrong(form={"purpose": "fun"}, files={"file": ("a.txt", b"a")}),
    "GET /files": _MANY,
    "POST /uploads": Wrong({"filename": "a.txt", "purpose": "batch", "bytes": "few", "mime_type": "text/plain"}),
    "POST /uploads/{upload_id}/parts": Wrong(form={"part": "1"}),
    "POST /uploads/{upload_id}/complete": Wrong({"part_ids": "part_1"}),
    "POST /vector_stores": Wrong({"name": "notes", "expires_after": {"anchor": "yesterday", "days": 3}}),
    "GET /vector_stores": _MANY,
    "POST /vector_stores/{vector_store_id}": Wrong({"metadata": "none"}),
    "POST /vector_stores/{vector_store_id}/files": Wrong({"attributes": {}}),
    "GET /vector_stores/{vector_store_id}/files": Wrong(query={"filter": "lost"}),
    "POST /vector_stores/{vector_store_id}/search": Wrong({"query": "keys", "max_num_results": "all"}),
    "POST /batches": Wrong({"input_file_id": "file-1", "endpoint": "/v1/files", "completion_window": "24h"}),
    "GET /batches": _MANY,
    "POST /fine_tuning/jobs": Wrong({"model": "m", "training_file": "file-1", "seed": "none"}),
    "GET /fine_tuning/jobs": _MANY,
    "GET /fine_tuning/jobs/{fine_tuning_job_id}/events": _MANY,
    "GET /fine_tuning/jobs/{fine_tuning_job_id}/checkpoints": _MANY,
    "POST /assistants": Wrong({"name": "Ada"}),
    "GET /assistants": _MANY,
    "POST /assistants/{assistant_id}": Wrong({"temperature": "warm"}),
    "POST /threads": Wrong({"messages": [{"role": "nobody", "content": "Hi"}]}),
    "POST /threads/{thread_id}/messages": Wrong({"role": "user"}),
    "GET /threads/{thread_id}/messages": _MANY,
    "POST /threads/{thread_id}/runs": Wrong({"instructions": "Help."}),
    "GET /threads/{thread_id}/runs": _MANY,
    "POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs": Wrong({"tool_outputs": "none"}),
    "POST /realtime/client_secrets": Wrong({"expires_after": {"anchor": "yesterday", "seconds": 600}}),
}
