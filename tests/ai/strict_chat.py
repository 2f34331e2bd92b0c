"""Everything that `ai.chat` asks, for a server that judges it."""

from __future__ import annotations

import contextlib
import enum
from typing import Any

from pydantic import BaseModel

from voiced.ai.service import AiService
from voiced.errors import ApiError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Kind(enum.Enum):
    SOUP = "soup"
    CAKE = "cake"


class Step(BaseModel):
    what: str
    minutes: int | None = None


class Recipe(BaseModel):
    """A dish."""

    kind: Kind
    steps: list[Step]


async def lamp(on: bool, room: str = "hall") -> str:
    """Switch a lamp.

    Args:
        on: Whether it shall shine.
        room: Where it is.
    """
    return f"{room} {on}"


def oven(degrees: int) -> int:
    """Heat the oven."""
    return degrees


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    with contextlib.suppress(ApiError):
        await ai.chat.ask("Hi", instructions="Be brief.")
    with contextlib.suppress(ApiError):
        await ai.chat.ask(_conversation(), model="gpt-4o")
    for model in ("gpt-4o", "gpt-5.4-mini"):
        with contextlib.suppress(ApiError):
            await ai.chat.ask(
                "Hi",
                model=model,
                max_tokens=50,
                temperature=0.5,
                top_p=0.9,
                n=2,
                stop=["\n", "END"],
                presence_penalty=-1.0,
                frequency_penalty=1.5,
                seed=7,
                logit_bias={"50256": -100},
                logprobs=True,
                top_logprobs=2,
                user="anna",
                extra={"prompt_cache_key": "home", "metadata": {"room": "hall"}, "store": False},
            )
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh"):
        with contextlib.suppress(ApiError):
            await ai.chat.ask("Why?", reasoning_effort=effort, max_completion_tokens=99)
    for detail in ("auto", "low", "high"):
        with contextlib.suppress(ApiError):
            await ai.chat.ask(
                "What is it?",
                images=["https://example.org/a.jpg", PNG],
                detail=detail,
            )
    with contextlib.suppress(ApiError):
        await ai.chat.ask("A list", json=True)
    for form in ("text", "json_object"):
        with contextlib.suppress(ApiError):
            await ai.chat.ask("A list, as JSON", response_format={"type": form})
    await _with_functions(ai)
    await _streamed(ai)
    with contextlib.suppress(ApiError):
        await ai.chat.parse(Recipe, "Cook", instructions="Be brief.", images=[PNG], temperature=0)


async def _with_functions(ai: AiService) -> None:
    choices: list[Any] = ["none", "auto", "required", "lamp", oven]
    for choice in choices:
        with contextlib.suppress(ApiError):
            await ai.chat.ask("Light", tools=[lamp, oven], tool_choice=choice, parallel_tool_calls=False)
        with contextlib.suppress(ApiError):
            await ai.chat.run("Light", [lamp, oven], tool_choice=choice, rounds=2)


async def _streamed(ai: AiService) -> None:
    for options in ({}, {"tools": [lamp], "tool_choice": "required"}, {"n": 2, "logprobs": True}):
        with contextlib.suppress(ApiError):
            async with ai.chat.stream("Hi", model="gpt-4o", **options) as stream:
                async for _ in stream:
                    pass


def _conversation() -> list[dict[str, Any]]:
    call = {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": '{"on": true}'}}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Speak German."}]},
        {"role": "user", "content": "Light!", "name": "anna"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "on"},
        {"role": "assistant", "content": "It shines.", "name": "lamp"},
        {"role": "user", "content": [{"type": "text", "text": "Thanks"}, {"type": "image_url", "image_url": PNG}]},
    ]
