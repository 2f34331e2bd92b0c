"""Everything that `ai.responses` asks, for a server that judges it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Any

from pydantic import BaseModel

from voiced.ai.responses import code_interpreter, file_search, image_generation, web_search
from voiced.ai.service import AiService
from voiced.errors import ApiError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class City(BaseModel):
    """A city."""

    name: str
    people: int


def lamp(on: bool) -> str:
    """Switch the lamp."""
    return "on" if on else "off"


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    responses = ai.responses
    hosted = [
        web_search(city="Oslo", region="Oslo", country="NO", timezone="Europe/Oslo", search_context_size="low"),
        web_search(domains=["example.org"]),
        code_interpreter(files=["file-1"], memory="4g"),
        code_interpreter("cntr_1"),
        image_generation(size="1024x1536", quality="low", format="webp", background="opaque", compression=50),
        image_generation(model="gpt-image-2"),
        file_search("vs_1", most=5, score=0.5, filters={"type": "eq", "key": "year", "value": 2026}),
        file_search(
            ["vs_1", "vs_2"],
            filters={"type": "or", "filters": [{"type": "in", "key": "a", "value": ["b", "c"]}]},
        ),
    ]
    await _try(responses.ask("Hi", instructions="Be brief.", tools=hosted, tool_choice="auto"))
    for choice in ("none", "auto", "required", "lamp", lamp, "web_search", "code_interpreter", "image_generation"):
        await _try(responses.ask("Hi", tools=[lamp, *hosted], tool_choice=choice))
    await _try(responses.ask("Look.", images=[PNG, "https://example.org/a.png"], detail="low"))
    await _try(responses.ask(_conversation()))
    await _try(
        responses.ask(
            "Hi",
            previous_response_id="resp_1",
            parallel_tool_calls=False,
            max_tool_calls=2,
            max_output_tokens=16,
            temperature=0.5,
            top_p=0.9,
            top_logprobs=2,
            include=["message.output_text.logprobs"],
            reasoning_effort="low",
            reasoning_summary="auto",
            verbosity="low",
            store=False,
            truncation="auto",
            metadata={"a": "b"},
            service_tier="flex",
            user="me",
            safety_identifier="me",
            prompt_cache_key="key",
            extra={"prompt_cache_retention": "24h"},
        )
    )
    await _try(responses.ask("Hi", json=True))
    schema: dict[str, Any] = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    await _try(responses.ask("Hi", text={"format": schema}, background=True))
    await _try(responses.parse(City, "Which?"))
    await _try(responses.run("On!", [lamp, web_search()], rounds=2))
    with contextlib.suppress(ApiError):
        async with responses.stream("Hi", tools=[lamp]) as stream:
            async for _ in stream:
                pass
    await _try(responses.get("resp_1", include=["file_search_call.results"]))
    await _try(responses.wait("resp_1", within_s=1.0, poll_s=0))
    await _try(responses.cancel("resp_1"))
    await _try(responses.input_items("resp_1", most=2))
    await _try(responses.delete("resp_1"))


def _conversation() -> list[dict[str, Any]]:
    """All that goes back to a server which keeps nothing."""
    return [
        {"role": "developer", "content": "Obey."},
        {"role": "user", "content": [{"type": "text", "text": "On!"}, {"type": "image_url", "image_url": PNG}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "lamp", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "on"},
        {"role": "assistant", "content": "It is on."},
        {"role": "user", "content": "Thanks."},
    ]


async def _try(request: Awaitable[object]) -> None:
    with contextlib.suppress(ApiError):
        await request
