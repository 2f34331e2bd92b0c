"""Everything that `ai.fine_tuning` asks, for a server that judges it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from voiced.ai.service import AiService
from voiced.errors import ApiError

USER = {"role": "user", "content": "Lamp?"}
SAID = {"role": "assistant", "content": "On."}
GRADER = {"type": "string_check", "name": "g", "operation": "eq", "input": "a", "reference": "b"}


def file(example: dict[str, Any]) -> tuple[str, bytes]:
    return "talk.jsonl", (json.dumps(example).encode() + b"\n") * 10


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    tuning = ai.fine_tuning
    talk = file({"messages": [USER, SAID]})
    with suppress(ApiError):
        await tuning.create(talk)
    with suppress(ApiError):
        await tuning.create(
            "file-1",
            validation_file="file-2",
            suffix="lamps",
            epochs=3,
            learning_rate_multiplier=0.5,
            batch_size=4,
            seed=7,
            metadata={"room": "hall"},
        )
    with suppress(ApiError):
        await tuning.create(
            talk, validation_file=talk, epochs="auto", learning_rate_multiplier="auto", batch_size="auto"
        )
    with suppress(ApiError):
        preferred = {"input": {"messages": [USER]}, "preferred_output": [SAID], "non_preferred_output": [SAID]}
        await tuning.create(
            file(preferred), method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}, epochs=1
        )
    with suppress(ApiError):
        await tuning.create(file(preferred), method="dpo")
    with suppress(ApiError):
        method = {"type": "reinforcement", "reinforcement": {"grader": GRADER}}
        await tuning.create(file({"messages": [USER]}), method=method, epochs=1)
    for ask in (tuning.get, tuning.cancel, tuning.pause, tuning.resume, tuning.events, tuning.checkpoints):
        with suppress(ApiError):
            await ask("ftjob-1")
    with suppress(ApiError):
        await tuning.list(most=3)
    with suppress(ApiError):
        await tuning.follow("ftjob-1", within_s=1.0, poll_s=0)
