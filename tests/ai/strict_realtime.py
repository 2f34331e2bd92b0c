"""Every request that `ai.realtime` can make."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable


async def everything(ai: AiService) -> None:
    with suppress(AnswerUnusable):
        await ai.realtime.client_secret(session={"instructions": "Be brief."}, seconds=60)
    with suppress(AnswerUnusable):
        session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
        await ai.realtime.client_secret(session=session)
