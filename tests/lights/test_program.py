"""A light that is a program: one at a time, in time, and with one complaint at most."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unannounced import gone, until
from voiced.lights.program import OFF_WITHIN_S, Program
from voiced.testing.swift_time import SwiftTime

ENVIRON = {"PATH": os.defpath, "HOME": "/home/ada", "OPENAI_API_KEY": "sk-1", "VOICED_LOG__LEVEL": "debug"}


def script(path: Path, lines: str) -> str:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return str(path)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_it_is_told_the_state_and_nothing_else(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    leds = script(tmp_path / "leds", f'echo "$# $1 $2 $VOICED_LIGHT" >> {seen}; env >> {seen}; pwd >> {seen}; cat')
    program = Program([leds, "--strip"], 5.0, ENVIRON)
    await program.show("thinking")
    told = lines_of(seen)
    assert told[0] == "2 --strip thinking thinking"
    assert told[-1] == "/"
    assert "HOME=/home/ada" in told
    assert not [line for line in told if "sk-1" in line or "VOICED_LOG" in line]


async def test_it_shows_off_at_the_end(tmp_path: Path) -> None:
    program = Program([script(tmp_path / "leds", f"echo $1 >> {tmp_path}/seen")], 5.0, ENVIRON)
    await program.show("idle")
    await program.close()
    assert lines_of(tmp_path / "seen") == ["idle", "off"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "it can't be run (No such file or directory); see lights.command"),
        (lambda path: path.write_text("#!/bin/sh\n"), "it can't be run (Permission denied); see lights.command"),
        (lambda path: script(path, "exit 3"), "it ended with the code 3"),
        (lambda path: script(path, "kill -SEGV $$"), "it crashed or was killed: Segmentation fault"),
    ],
    ids=["missing", "no program", "fails", "crashes"],
)
async def test_what_is_wrong_is_told_once(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    make(tmp_path / "leds")
    program = Program([str(tmp_path / "leds")], 5.0, ENVIRON)
    with capture_logs() as log:
        for _ in range(5):
            await program.show("idle")
            await program.show("speaking")
    [told] = log
    assert (told["event"], told["log_level"], told["reason"]) == ("lights.program", "warning", reason)
    script(tmp_path / "leds", "exit 0")
    with capture_logs() as log:
        await program.show("idle")
        (tmp_path / "leds").unlink()
        await program.show("idle")
    assert [line["reason"] for line in log] == ["it can't be run (No such file or directory); see lights.command"]


async def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    leds = script(tmp_path / "leds", f"sleep 60 & echo $! >> {pids}; echo $$ >> {pids}; trap '' TERM; sleep 60")
    program = Program([leds], 30.0, ENVIRON)
    time = SwiftTime()
    with time.kept(), capture_logs() as log:
        showing = asyncio.create_task(program.show("idle"))
        await until(lambda: len(lines_of(pids)) == 2)
        time.hurry_to(time.time() + 30.0)
        await showing
    assert [line["reason"] for line in log] == ["it took longer than 30 s and was killed; see lights.command_timeout_s"]
    for pid in lines_of(pids):
        await gone(int(pid))


@pytest.mark.real_time
async def test_at_the_end_nobody_waits_for_one_that_hangs(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = Program([script(tmp_path / "leds", f"echo $$ >> {pids}; exec sleep 60")], 30.0, ENVIRON)
    showing = asyncio.create_task(program.show("idle"))
    await until(lambda: lines_of(pids))
    showing.cancel()
    async with asyncio.timeout(OFF_WITHIN_S + 2):
        with pytest.raises(asyncio.CancelledError):
            await showing
        await program.close()
    for pid in lines_of(pids):
        await gone(int(pid))
