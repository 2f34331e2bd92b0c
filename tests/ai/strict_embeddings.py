"""Every request that `ai.embeddings` can make."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable


async def everything(ai: AiService) -> None:
    with suppress(AnswerUnusable):
        await ai.embeddings.embed("Hello.")
    with suppress(AnswerUnusable):
        await ai.embeddings.embed(["Hello.", "Bye."], dimensions=256, user="somebody")
    with suppress(AnswerUnusable):
        await ai.embed(["Hello."])
