"""Authors of plugins test what asks the API against a server of their own: with no key and no network."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from voiced.api import ToolContext, tool
from voiced.testing.assistant import Assistant
from voiced.testing.http import Fault, HttpLoopback, unavailable
from voiced.testing.tool_bench import ToolBench
from voiced.usage import Usage


@tool(permissions=["api"])
async def measure(text: str, context: ToolContext) -> int:
    """Tell how many numbers a vector has."""
    return len((await context.ai.embed([text]))[0])


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    bench = ToolBench(tmp_path)
    bench.plugin(measure)
    return bench


@pytest.fixture
def assistant(tmp_path: Path) -> Assistant:
    assistant = Assistant(tmp_path)
    assistant.plugin(measure)
    return assistant


async def test_a_tool_asks_the_api(bench: ToolBench) -> None:
    async with HttpLoopback(valid_key="sk-test") as server:
        bench.api(server)
        async with bench.running():
            assert await bench.call("measure", text="Hello") == 1536
        assert bench.spent == [Usage("text-embedding-3-small", text_in=2)]
        assert [entry.body["input"] for entry in server.of("embeddings")] == [["Hello"]]
        await bench.until(lambda: not server.connections)
        async with bench.running():  # once more: with a client of its own
            assert await bench.call("measure", text="Bye") == 1536


async def test_asking_needs_no_other_permission(bench: ToolBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library looks which system it runs on, and runs a program for that: not as the plugin."""
    monkeypatch.setattr(platform, "_uname_cache", None)
    monkeypatch.setattr(platform, "_platform_cache", {})
    async with HttpLoopback() as server:
        bench.api(server)
        with capture_logs() as log:
            async with bench.running():
                await bench.call("measure", text="Hello")
    assert log == []


async def test_without_a_server_there_is_no_api(bench: ToolBench) -> None:
    async with bench.running():
        assert await bench.error("measure", text="Hello") == "There is no API here."


async def test_what_fails_is_told_at_once(bench: ToolBench) -> None:
    async with HttpLoopback(faults=[Fault(unavailable(), "embeddings")]) as server:
        bench.api(server)
        async with bench.running():
            assert (await bench.error("measure", text="Hello")).startswith("embeddings: the server is in trouble")
            assert await bench.call("measure", text="Hello") == 1536
        assert len(server.of("embeddings")) == 2


async def test_a_conversation_in_which_a_tool_asks_the_api(assistant: Assistant) -> None:
    async with HttpLoopback(valid_key="sk-test") as server:
        assistant.api(server)
        async with assistant.running():
            assistant.model_calls("measure", text="Hello")
            assistant.model_says("It has many.")
            assert await assistant.user_says("How many numbers has it?") == "It has many."
            assert assistant.tool_result("measure") == 1536
        assert server.connections == 0


async def test_a_conversation_without_a_server_has_no_api(assistant: Assistant) -> None:
    async with assistant.running():
        assistant.model_calls("measure", text="Hello")
        assistant.model_says("I can not tell.")
        await assistant.user_says("How many numbers has it?")
        assert assistant.tool_error("measure") == "There is no API here."
