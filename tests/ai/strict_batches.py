"""Everything that `ai.batches` asks, for a server that judges it."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.batches import BatchCall
from voiced.ai.service import AiService
from voiced.errors import ApiError


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    batches = ai.batches
    chats = [await batches.chat(f"q{number}", "Hi", max_tokens=9, json=True) for number in range(2)]
    for calls in (
        chats,
        [await batches.responses("a", "Hi", instructions="Be short.", reasoning_effort="low")],
        [batches.embeddings("a", ["Hi", "Bye"], dimensions=8)],
        [batches.completions("a", "Once", max_tokens=5)],
        [batches.moderations("a", ["Hi", "Bye"])],
        [BatchCall("a", "/v1/images/generations", {"prompt": "A cat"})],
    ):
        with suppress(ApiError):
            await batches.submit(calls)
    with suppress(ApiError):
        await batches.submit(chats, endpoint="/v1/chat/completions", metadata={"night": "1"}, model="gpt-4o")
    with suppress(ApiError):
        await batches.get("batch_1")
    with suppress(ApiError):
        await batches.list(most=3)
    with suppress(ApiError):
        await batches.wait("batch_1", within_s=1.0, poll_s=0)
    with suppress(ApiError):
        await batches.results("batch_1")
    with suppress(ApiError):
        await batches.cancel("batch_1")
