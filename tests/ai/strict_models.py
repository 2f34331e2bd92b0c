"""Every request that `ai.models` can make."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable


async def everything(ai: AiService) -> None:
    with suppress(AnswerUnusable):
        await ai.models.list()
    with suppress(AnswerUnusable):
        await ai.models.get("gpt-5.4-mini")
    with suppress(AnswerUnusable):
        await ai.models.delete("ft:gpt-4.1-mini-2025-04-14:acme:lamps:A1b2C3")
