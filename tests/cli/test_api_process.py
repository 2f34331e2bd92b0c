"""`voiced api` as a process among others: pipes that break, Ctrl-C, a disk that is full."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from tests.cli.api_bench import KEY, PATIENCE_S, Bench
from voiced.testing.http import Fault, HttpLoopback, Say, Stall


async def begun(bench: Bench, *arguments: str, **streams: Any) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "voiced", "api", *arguments, "--config", str(bench.settings)]
    return await asyncio.create_subprocess_exec(*command, **{"stdout": PIPE, "stderr": PIPE, **streams})


async def end_of(process: asyncio.subprocess.Process) -> tuple[int | None, bytes, bytes]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out or b"", err or b""


async def test_nobody_reads_on(bench: Bench) -> None:
    async with HttpLoopback(valid_key=KEY) as server:
        bench.before(server)
        read, write = os.pipe()
        process = await begun(bench, "embed", stdin=PIPE, stdout=write)
        os.close(write)
        os.close(read)  # as `head -1` does sooner or later
        assert process.stdin is not None
        process.stdin.write(b"line\n" * 200)
        process.stdin.write_eof()
        code, _, err = await end_of(process)
        assert (code, err) == (128 + signal.SIGPIPE, b"")
        assert len(server.of("embeddings")) == 1


async def test_ctrl_c_ends_it_at_once_and_leaves_nothing_half_written(bench: Bench) -> None:
    target = bench.folder / "answer.txt"
    faults = [Fault(Stall(after=2), "chat")]
    async with HttpLoopback([Say("One two", pieces=("One ", "two"))], valid_key=KEY, faults=faults) as server:
        bench.before(server)
        process = await begun(bench, "ask", "--stream", "Count.", "--output", str(target), stdin=PIPE)
        await server.wait_for("chat", PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert await end_of(process) == (130, b"", b"")
        await server.wait_for("chat", ended=True)
        assert [each.name for each in bench.folder.iterdir() if each.name.endswith((".txt", ".part"))] == []


async def test_ctrl_c_while_it_waits_for_standard_input(bench: Bench) -> None:
    async with HttpLoopback(valid_key=KEY) as server:
        bench.before(server)
        process = await begun(bench, "embed", stdin=PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"line\n" * 64)
        async with asyncio.timeout(PATIENCE_S):
            await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        code, _, err = await end_of(process)
        assert (code, err) == (130, b"")


async def test_a_full_disk_is_one_line(bench: Bench) -> None:
    async with HttpLoopback(["Hi."], valid_key=KEY) as server:
        bench.before(server)
        with open("/dev/full", "wb") as full:
            process = await begun(bench, "ask", "Hi", stdin=PIPE, stdout=full)
            code, _, err = await end_of(process)
        assert (code, err) == (1, b"voiced: standard output takes no more (No space left on device)\n")


async def test_the_result_goes_to_a_pipe_that_has_a_name(bench: Bench) -> None:
    async with HttpLoopback(["Hi."], valid_key=KEY) as server:
        bench.before(server)
        process = await begun(bench, "ask", "Hi", "--output", "/dev/stdout", stdin=PIPE)
        assert await end_of(process) == (0, b"Hi.\n", b"")


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        ("ask <&-", (2, b"", b"voiced: there is no standard input\n")),
        ("ask Hi >&-", (0, b"", b"")),
        ("ask 2>&- <&-", (2, b"", b"")),
    ],
)
async def test_a_stream_that_is_closed_is_no_surprise(bench: Bench, typed: str, end: tuple[int, bytes, bytes]) -> None:
    async with HttpLoopback(["Hi."], valid_key=KEY) as server:
        bench.before(server)
        script = f'"$0" -m voiced api {typed} --config "$1"'
        command = ["sh", "-c", script, sys.executable, str(bench.settings)]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        assert await end_of(process) == end
