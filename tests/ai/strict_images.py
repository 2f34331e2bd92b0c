"""Every request that `ai.images` can make."""

from __future__ import annotations

from contextlib import suppress

from voiced.ai.service import AiService
from voiced.errors import AnswerUnusable, StreamCut
from voiced.testing.http.pictures import png

CAT = png(64, 64)
SEEN_THROUGH = png(64, 64, b"\0\0\0\0")


async def everything(ai: AiService) -> None:
    with suppress(AnswerUnusable):
        await ai.images.generate("A cat", user="somebody")
    with suppress(AnswerUnusable):
        await ai.images.generate(
            "A cat",
            n=2,
            size="1536x1024",
            quality="high",
            background="transparent",
            format="webp",
            compression=80,
            moderation="low",
        )
    with suppress(AnswerUnusable):
        await ai.images.generate(
            "A cat", size="1792x1024", quality="hd", style="natural", response_format="url", model="dall-e-3"
        )
    with suppress(AnswerUnusable):
        await ai.images.edit([CAT, CAT], "A dog")
    with suppress(AnswerUnusable):
        await ai.images.edit(
            CAT,
            "A dog",
            mask=SEEN_THROUGH,
            n=2,
            size="1024x1024",
            quality="low",
            background="opaque",
            format="jpeg",
            compression=80,
            fidelity="high",
            user="somebody",
            model="gpt-image-1.5",
        )
    with suppress(AnswerUnusable):
        await ai.images.edit(CAT, "A dog", size="512x512", response_format="b64_json", model="dall-e-2")
    with suppress(AnswerUnusable):
        await ai.images.vary(CAT, n=2, size="256x256", response_format="url", user="somebody", model="dall-e-2")
    with suppress(AnswerUnusable, StreamCut):
        async with ai.images.stream("A cat", partial=3, quality="low") as stream:
            async for _ in stream:
                pass
    with suppress(AnswerUnusable, StreamCut):
        async with ai.images.stream("A dog", images=CAT, mask=SEEN_THROUGH, partial=1) as stream:
            async for _ in stream:
                pass
