"""The HTTP server waits by the loop's clock alone, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import aiohttp
import pytest

from tests.daemon.swift_clock import SwiftClock
from voiced.testing.http import CallTool, Fault, HttpLoopback, Pace, Pause, Say, Script, Stage, Stall
from voiced.testing.http.journal import MAX_ENTRIES, MAX_SOUNDS
from voiced.testing.loopback.journal import MAX_TEXT

from .http_client import HI, raw_of, sdk_of, wav

STEP_S = 0.01
STALLED: list[Stage] = ["chat", "speech", "transcription"]
PACE = Pace(transcription_s=30, chat_s=20, piece_s=5, speech_s=10, models_s=7, chunk_ms=100, speed=0.1)


async def hurried(clock: SwiftClock, task: asyncio.Task[Any]) -> Any:
    """The result of `task`, while the clock goes on quicker than any watch."""
    for _ in range(200_000):
        if task.done():
            return task.result()
        clock.hurry_to(clock.time() + STEP_S)
        await asyncio.sleep(0)
    raise AssertionError("it takes too long")


async def test_every_wait_is_of_the_loop() -> None:
    clock = SwiftClock()
    script = Script([[Say("One."), Pause(60), Say(" Two.")], "Whole."])
    async with HttpLoopback(script, pace=PACE) as server, raw_of(server, patience_s=1e6) as raw:
        for asking in (
            raw.chat(stream=True),
            raw.chat(),
            raw.transcribe(),
            raw.speak(input="Hello you."),
            raw.ask("models", method="GET"),
        ):
            await hurried(clock, asyncio.create_task(asking))
        took = [(entry.first_byte_at or 0) - entry.at for entry in server.requests]
        assert took == [pytest.approx(wait, abs=2) for wait in (20, 20, 30, 10, 7)]
        chat, _, _, speech, _ = server.requests
        assert chat.ended_at is not None
        assert speech.ended_at is not None
        assert chat.ended_at - chat.at == pytest.approx(20 + 60 + 5 * 5, abs=3)
        assert speech.ended_at - speech.at == pytest.approx(10 + 6, abs=2)
        assert {entry.connection for entry in server.requests} == {1}


async def test_a_client_that_hangs_up_is_noticed_in_mid_stream() -> None:
    async with HttpLoopback([[Say("One."), Pause(60), Say(" Two.")]]) as server, sdk_of(server) as sdk:
        stream = await sdk.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        entry = await server.wait_for("chat", outcome="abandoned")
        assert entry.sent_bytes > 0


async def test_waiting_for_what_does_not_come() -> None:
    async with HttpLoopback(faults=[Fault(Stall(), "chat", 2)]) as server, raw_of(server) as raw:
        await raw.chat()
        with pytest.raises(TimeoutError, match=r"no chat 2 within 0.01 s; the last requests: chat 1 answered"):
            await server.wait_for("chat", 0.01, count=2)
        with pytest.raises(TimeoutError, match=r"no chat 1 abandoned within"):
            await server.wait_for("chat", 0.01, outcome="abandoned")


async def test_nothing_is_left_when_the_server_ends() -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    faults = [Fault(Stall(), "transcription"), Fault(Stall(after=1), "speech")]
    server = HttpLoopback(Script(lambda asked: [Say("One."), Pause(99)]), faults=faults)
    async with raw_of(server, base_url="") as raw:
        async with server:
            raw.base_url = server.base_url
            await raw.ask("models", method="GET")  # its connection stays idle
            asking = [asyncio.create_task(call) for call in (raw.chat(stream=True), raw.speak(), raw.transcribe())]
            for stage in STALLED:
                await server.wait_for(stage)
            assert server.connections == 3
        assert server.connections == 0
        assert {entry.outcome for entry in server.requests[1:]} <= {"abandoned", "faulted"}
        failed = await asyncio.gather(*asking, return_exceptions=True)
        assert [isinstance(error, aiohttp.ClientError) for error in failed] == [True] * 3
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == threads


async def test_the_journal_is_bounded() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        long = [{"role": "user", "content": "x" * (MAX_TEXT + 5)}]
        await raw.chat(messages=long)
        assert len(server.requests[0].body["messages"][0]["content"]) == MAX_TEXT
        for _ in range(MAX_SOUNDS + 2):
            await raw.transcribe(wav(0.2))
        kept = [bool(entry.pcm) for entry in server.of("transcription")]
        assert kept == [False] * 2 + [True] * MAX_SOUNDS
        for _ in range(MAX_ENTRIES):
            await raw.ask("models", method="GET")
        assert len(server.requests) == MAX_ENTRIES
        with pytest.raises(LookupError, match="older than the journal"):
            await server.wait_for("chat")
        for _ in range(150):
            await raw.ask("nowhere", method="GET")
        assert len(server.violations) == 100


async def test_the_port_is_there_once_the_server_runs() -> None:
    server = HttpLoopback()
    with pytest.raises(RuntimeError, match="async with"):
        assert server.port
    async with server:
        assert server.base_url == f"http://127.0.0.1:{server.port}/v1"


async def test_the_transcripts_of_a_script_are_in_the_script() -> None:
    with pytest.raises(ValueError, match="to the script"):
        HttpLoopback(Script([CallTool("lamp")]), transcripts=["Hello."])


def test_without_aiohttp_it_says_what_to_do() -> None:
    code = """
import sys, asyncio
sys.modules["aiohttp"] = None
import voiced.testing.http as http
async def run():
    async with http.HttpLoopback(): pass
try:
    asyncio.run(run())
except ImportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "voiced.testing.http needs aiohttp: pip install 'voiced[test]'"
