"""Everything that `ai.assistants` asks, for a server that judges it."""

from __future__ import annotations

import contextlib
from typing import Any

from voiced.ai.assistant_records import Run
from voiced.ai.service import AiService
from voiced.errors import ApiError

SEARCH: dict[str, Any] = {"type": "file_search", "file_search": {"max_num_results": 5}}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    assistants = ai.assistants
    with contextlib.suppress(ApiError):
        await assistants.create()
    with contextlib.suppress(ApiError):
        await assistants.create(
            model="gpt-4.1", name="Ada", instructions="Be brief.", tools=[add, SEARCH, {"type": "code_interpreter"}],
            description="Helps.", temperature=0.5, top_p=0.9, response_format={"type": "json_object"},
            reasoning_effort="low", metadata={"of": "Bob"},
            tool_resources={"file_search": {"vector_store_ids": ["vs_1"]}},
        )  # fmt: skip
    with contextlib.suppress(ApiError):
        await assistants.update("asst_1")
    with contextlib.suppress(ApiError):
        await assistants.update(
            "asst_1", model="gpt-4.1", name="Ada", instructions="", tools=[add], response_format="auto",
            tool_resources={"code_interpreter": {"file_ids": ["file-1"]}}, extra={"temperature": 0.1},
        )  # fmt: skip
    with contextlib.suppress(ApiError):
        await assistants.list(most=5)
    with contextlib.suppress(ApiError):
        await assistants.get("asst_1")
    await _threads(ai)
    await _runs(ai)
    with contextlib.suppress(ApiError):
        await assistants.delete("asst_1")


async def _threads(ai: AiService) -> None:
    assistants = ai.assistants
    with contextlib.suppress(ApiError):
        await assistants.thread()
    with contextlib.suppress(ApiError):
        await assistants.thread(
            ["Hi.", {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]}],
            metadata={"of": "Ada"},
            tool_resources={"file_search": {"vector_store_ids": ["vs_1"]}},
        )
    with contextlib.suppress(ApiError):
        await assistants.get_thread("thread_1")
    with contextlib.suppress(ApiError):
        await assistants.add_message("thread_1", "Hi.")
    with contextlib.suppress(ApiError):
        await assistants.add_message(
            "thread_1", "See.", role="assistant", images=["https://example.org/cat.png", PNG], file_ids=["file-1"],
            metadata={"of": "Ada"},
        )  # fmt: skip
    with contextlib.suppress(ApiError):
        await assistants.messages("thread_1")
    with contextlib.suppress(ApiError):
        await assistants.messages("thread_1", run_id="run_1", most=5)
    with contextlib.suppress(ApiError):
        await assistants.delete_thread("thread_1")


async def _runs(ai: AiService) -> None:
    """The first answer is that of a run which calls functions."""
    assistants = ai.assistants

    def enough(_: Run) -> None:
        raise ApiError("it would never end")

    with contextlib.suppress(ApiError):
        await assistants.run("thread_1", "asst_1", progress=enough, poll_s=0)
    with contextlib.suppress(ApiError):
        await assistants.run(
            "thread_1", "asst_1", tools=[add, SEARCH], tool_choice=add, instructions="Add.", model="gpt-4.1",
            progress=enough, poll_s=0, temperature=0.5, top_p=0.9, response_format={"type": "text"},
            reasoning_effort="low", additional_instructions="Be brief.", max_prompt_tokens=256,
            max_completion_tokens=256, truncation_strategy={"type": "last_messages", "last_messages": 5},
            parallel_tool_calls=False, metadata={"of": "Ada"},
        )  # fmt: skip
    with contextlib.suppress(ApiError):
        await assistants.runs("thread_1")
    with contextlib.suppress(ApiError):
        await assistants.get_run("thread_1", "run_1")
    with contextlib.suppress(ApiError):
        await assistants.cancel_run("thread_1", "run_1")
    with contextlib.suppress(ApiError):
        await assistants.ask("asst_1", "Hi.", poll_s=0)
