"""Programs that plugins run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.unannounced import PATIENCE_S, gone, runs
from voiced.plugins.builtin import child_process
from voiced.plugins.builtin.child_process import MOST_OUTPUT, Ended, environment
from voiced.testing.swift_time import SwiftTime

pytestmark = pytest.mark.usefixtures("reaped")


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


async def run(*argv: str) -> Ended:
    return await child_process.run(argv, PATIENCE_S)


async def test_what_it_prints_and_how_it_ends() -> None:
    program = "import sys; print('all', sys.argv[1:]); sys.stdout.flush(); print('well', file=sys.stderr); sys.exit(3)"
    assert await run(*python(program, "a b", "$HOME; rm *", "")) == Ended(3, "all ['a b', '$HOME; rm *', '']\nwell", 0)


async def test_a_program_that_is_ended_by_a_signal() -> None:
    ended = await run(*python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert ended == Ended(-signal.SIGKILL, "", 0)


async def test_there_is_nothing_to_read() -> None:
    assert (await run(*python("import sys; print(repr(sys.stdin.read()))"))).output == "''"


async def test_no_secret_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("OPENAI_API_KEY", "CASCADE_API_KEY", "VOICED_SECRET_HOME_TOKEN", "CREDENTIALS_DIRECTORY", "PYTHONPATH")
    for name in secrets:
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    names = (await run(*python("import os; print(*os.environ)"))).output.split()
    assert {"PATH", "HOME", "LANG"} <= set(names)
    assert set(names) & set(secrets) == set()
    assert environment({"XDG_RUNTIME_DIR": "/run/user/0", "LC_ALL": "C", "LD_PRELOAD": "x.so", "home": "x"}) == {
        "XDG_RUNTIME_DIR": "/run/user/0",
        "LC_ALL": "C",
    }


async def test_it_runs_at_home_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    where = python("import os; print(os.getcwd())")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await run(*where)).output == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "nonexistent"))
    assert (await run(*where)).output == "/"


async def test_a_flood_is_read_to_its_end_and_dropped() -> None:
    size = 40 * MOST_OUTPUT
    ended = await run(*python(f"print('x' * {size}, end='')"))
    assert (ended.code, len(ended.output), ended.dropped) == (0, MOST_OUTPUT, size - MOST_OUTPUT)


async def test_output_that_is_no_text() -> None:
    program = r"import sys; sys.stdout.buffer.write(b'\x1b[1;31mred\x1b[0m\r\n\xff\x00\x07end\x1b[K\tx\n\n')"
    assert (await run(*python(program))).output == "red\n\ufffdend\tx"


async def test_a_character_that_is_cut_is_no_trouble() -> None:
    ended = await run(*python(f"print('x' + 'ä' * {MOST_OUTPUT}, end='')"))
    assert ended.output.endswith("ä\ufffd")


@pytest.mark.parametrize("polite", [True, False])
async def test_what_takes_too_long_is_ended_with_its_family(tmp_path: Path, polite: bool) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    program = (
        "import os, signal, sys, time\n"
        f"if not {polite}: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        f"if child: open({str(ready)!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
        "time.sleep(1000)\n"
    )
    time = SwiftTime()
    with time.kept():
        running = asyncio.create_task(run(*python(program)))
        pids = [int(pid) for pid in (await asyncio.to_thread(ready.read_text)).split()]
        assert all(runs(pid) for pid in pids)
        time.hurry_to(time.time() + PATIENCE_S)
        with pytest.raises(TimeoutError):
            await running
    for pid in pids:
        await gone(pid)


async def test_what_is_cancelled_is_ended(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    program = f"import os, time; open({str(ready)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    running = asyncio.create_task(run(*python(program)))
    pid = int(await asyncio.to_thread(ready.read_text))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(pid)


async def test_what_it_leaves_running_keeps_nobody_waiting() -> None:
    """As a program does that starts a service: the pipe stays open."""
    program = "import os, time\nif os.fork(): print('begun')\nelse: time.sleep(1000)"
    async with asyncio.timeout(PATIENCE_S):
        ended = await run(*python(f"import os\nprint(os.getpid(), flush=True)\n{program}"))
    group, begun = ended.output.split()
    assert (ended.code, begun) == (0, "begun")
    os.killpg(int(group), signal.SIGKILL)


@pytest.mark.parametrize(
    ("content", "mode", "error"),
    [(None, 0, FileNotFoundError), ("#!/bin/sh\n", 0o644, PermissionError), ("no program", 0o755, OSError)],
)
async def test_a_program_that_is_none(tmp_path: Path, content: str | None, mode: int, error: type[OSError]) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(mode)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(error):
        await run(str(program))
    await asyncio.sleep(0)  # the loop closes the pipe
    assert set(os.listdir("/proc/self/fd")) == before
