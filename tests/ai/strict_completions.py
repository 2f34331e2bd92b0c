"""Everything that `ai.completions` asks, for a server that judges it."""

from __future__ import annotations

import contextlib

from voiced.ai.service import AiService
from voiced.errors import ApiError


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    with contextlib.suppress(ApiError):
        await ai.completions.ask("Once")
    with contextlib.suppress(ApiError):
        await ai.completions.ask(
            ["Once", "Twice"],
            model="davinci-002",
            max_tokens=16,
            temperature=0.5,
            top_p=0.9,
            n=2,
            best_of=3,
            stop=["\n", "END"],
            presence_penalty=-1.0,
            frequency_penalty=1.0,
            logit_bias={"50256": -100},
            logprobs=3,
            echo=True,
            seed=7,
            user="anna",
        )
    with contextlib.suppress(ApiError):
        await ai.completions.ask("Once", suffix=" a time", stop=".")
    with contextlib.suppress(ApiError):
        async with ai.completions.stream("Once", max_tokens=5, n=1) as stream:
            async for _ in stream:
                pass
