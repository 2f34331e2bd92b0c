"""Everything that `ai.vector_stores` asks, for a server that judges it."""

from __future__ import annotations

import contextlib

from voiced.ai.service import AiService
from voiced.errors import ApiError

NOTES = ("notes.txt", b"notes")


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    stores = ai.vector_stores
    with contextlib.suppress(ApiError):
        await stores.create()
    with contextlib.suppress(ApiError):
        await stores.create(
            "notes", files=[NOTES, "file-1"], description="Of Ada.", expires_days=7, metadata={"of": "Ada"}
        )
    with contextlib.suppress(ApiError):
        await stores.list()
    with contextlib.suppress(ApiError):
        await stores.list(most=5)
    with contextlib.suppress(ApiError):
        await stores.get("vs_1")
    with contextlib.suppress(ApiError):
        await stores.update("vs_1", name="notes", expires_days=30, metadata={"of": "Bob"})
    with contextlib.suppress(ApiError):
        await stores.add("vs_1", "file-1")
    with contextlib.suppress(ApiError):
        await stores.add("vs_1", NOTES, attributes={"year": 2026, "by": "Ada", "done": True})
    with contextlib.suppress(ApiError):
        await stores.files("vs_1")
    for status in ("in_progress", "completed", "failed", "cancelled"):
        with contextlib.suppress(ApiError):
            await stores.files("vs_1", status=status)
    with contextlib.suppress(ApiError):
        await stores.search("vs_1", "key")
    with contextlib.suppress(ApiError):
        await stores.search(
            "vs_1", ["key", "door"], most=50, filters={"by": "Ada", "year": 2026}, least_score=0.5, rewrite=True
        )
    with contextlib.suppress(ApiError):
        either = [{"type": "eq", "key": "by", "value": "Bob"}, {"type": "in", "key": "year", "value": [2024]}]
        await stores.search("vs_1", "key", filters={"type": "or", "filters": either})
    with contextlib.suppress(ApiError):
        await stores.wait("vs_1", within_s=1.0, poll_s=0)
    with contextlib.suppress(ApiError):
        await stores.remove("vs_1", "file-1")
    with contextlib.suppress(ApiError):
        await stores.delete("vs_1")
