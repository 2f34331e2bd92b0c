"""Every request that `ai.moderations` can make."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable
from voiced.testing.http.pictures import png


async def everything(ai: AiService) -> None:
    with suppress(AnswerUnusable):
        await ai.moderations.check("Hello.")
    with suppress(AnswerUnusable):
        await ai.moderations.check("Look!", images=["https://example.org/cat.png", png(8, 8)])
    with suppress(AnswerUnusable):
        await ai.moderations.check_all(["Hello.", "Bye."], model="omni-moderation-2024-09-26")
