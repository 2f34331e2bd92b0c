"""`voiced run` as a process: it runs with next to nothing, says what is missing, and ends when it is told to."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.daemon.process import NO_DEVICES, Process
from voiced.testing.loopback import CallTool, LoopbackServer, Pace, Say, Silence

TEA = Say("Tea comes from the leaves of a bush.")
STOP_S = 2.0

pytestmark = pytest.mark.real_time


def at(server: LoopbackServer) -> str:
    return f'realtime.base_url="{server.base_url}"'


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """A server that takes connections and says nothing."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()


async def test_without_devices_it_says_so_and_answers_what_is_typed(
    tmp_path: Path, loopback: Callable[..., LoopbackServer]
) -> None:
    async with loopback([TEA]) as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        lost = await voiced.logged("microphone.lost")
        assert "no such microphone" in lost["reason"]
        await voiced.logged("speaker.lost")
        assert await voiced.command("ask", "Tell me about tea.") == (0, f"{TEA.text}\nlean\n", "")
        code, out, _ = await voiced.command("status")
        assert code == 1
        assert "microphone" in out
        assert await _ends(voiced) == "lean\n"


async def test_without_portaudio_it_says_so_and_answers_what_is_typed(
    tmp_path: Path, loopback: Callable[..., LoopbackServer]
) -> None:
    async with loopback([TEA]) as server, Process(tmp_path, at(server), portaudio=False) as voiced:
        lost = await voiced.logged("microphone.lost")
        assert "libportaudio2" in lost["reason"] or "PortAudio" in lost["reason"]
        await voiced.logged("brain.ready")
        assert await voiced.command("ask", "Tell me about tea.") == (0, f"{TEA.text}\nlean\n", "")
        assert await _ends(voiced) == "lean\n"
        reasons = [line["reason"] for line in voiced.log if line["event"] == "microphone.lost"]
        assert len(reasons) == 1


async def test_without_a_key_it_says_so_and_answers_by_itself(tmp_path: Path) -> None:
    order = '["realtime", "cascade", "offline"]'
    async with Process(tmp_path, *NO_DEVICES, key=None, order=order) as voiced:
        refused = await voiced.logged("brain.refused")
        assert "OPENAI_API_KEY" in refused["reason"]
        await voiced.logged("brain.ready")
        code, out, error = await voiced.command("ask", "set a timer for ten minutes")
        assert (code, error) == (0, "")
        assert "10 minutes" in out
        code, out, _ = await voiced.command("status")
        assert "brain        offline, ready" in out
        assert "OPENAI_API_KEY" in out
        assert await _ends(voiced) == "lean\n"


async def test_with_no_brain_at_all_it_says_so_and_goes_on(tmp_path: Path) -> None:
    async with Process(tmp_path, *NO_DEVICES, key=None) as voiced:
        refused = await voiced.logged("brain.refused")
        assert "OPENAI_API_KEY" in refused["reason"]
        code, _, error = await voiced.command("ask", "Is anybody there?")
        assert code == 1
        assert error.startswith("voiced: ")
        code, out, _ = await voiced.command("status")
        assert "OPENAI_API_KEY" in out
        assert await _ends(voiced) == "lean\n"


async def test_a_second_one_is_told_that_one_runs(tmp_path: Path) -> None:
    async with Process(tmp_path, *NO_DEVICES) as voiced:
        await voiced.logged("microphone.lost")
        code, out, error = await voiced.command("run")
        assert (code, out) == (1, "lean\n")
        assert "another voiced is running" in error
        assert len([line for line in error.splitlines() if not line.startswith("{")]) == 1  # the others are its log
        assert await _ends(voiced) == "lean\n"


async def test_sighup_reads_the_settings_anew(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    file = tmp_path / "voiced" / "voiced.toml"
    file.parent.mkdir()
    async with loopback() as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        file.write_text('realtime.voice = "cedar"\n')
        voiced.signal(signal.SIGHUP)
        await voiced.logged("reloaded")
        await server.wait_for("session.updated", count=2)
        assert server.sessions[-1].settings["audio"]["output"]["voice"] == "cedar"
        file.write_text("realtime.voice = 5\n")
        voiced.signal(signal.SIGHUP)
        refused = await voiced.logged("reload.refused")
        assert "realtime.voice" in refused["reason"]
        assert (await voiced.command("reload"))[0] == 2 or (await voiced.command("reload"))[0] == 1
        assert await _ends(voiced) == "lean\n"


# SIGTERM, in each situation.


async def test_it_ends_when_idle(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    async with loopback() as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        await _ends(voiced)


async def test_it_ends_while_it_answers(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    async with (
        loopback([Say("A long answer. " * 60)], pace=Pace(speed=1.0)) as server,
        Process(tmp_path, at(server), *NO_DEVICES) as voiced,
    ):
        await voiced.logged("brain.ready")
        asking = asyncio.ensure_future(voiced.command("ask", "Tell me a long story."))
        await server.wait_for("response.output_audio.delta", count=3)
        await _ends(voiced)
        code, _, error = await asking
        assert code == 1
        assert "ended" in error


async def test_it_ends_while_it_waits_for_an_answer(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    async with loopback([Silence()]) as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        asking = asyncio.ensure_future(voiced.command("ask", "Hello?"))
        await server.wait_for("response.create")
        await _ends(voiced)
        assert (await asking)[0] == 1


async def test_it_ends_while_it_connects(tmp_path: Path) -> None:
    async with black_hole() as base_url, Process(tmp_path, f'realtime.base_url="{base_url}"', *NO_DEVICES) as voiced:
        await voiced.logged("brain.connecting")
        await _ends(voiced)


HANGING_TOOL = """
import threading, asyncio
from voiced.api import tool

@tool
def blocks():
    "Never ends."
    threading.Event().wait()

@tool
async def clings():
    "Never ends, and will not be cancelled."
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
"""
HANGING_SETUP = """
import asyncio, threading
from voiced.api import Plugin

class Slow(Plugin):
    async def setup(self, context):
        await asyncio.Event().wait()

    async def teardown(self):
        await asyncio.Event().wait()
"""
BLOCKING_IMPORT = """
import threading
threading.Event().wait()
"""
BLOCKING_LOOP = """
import time
from voiced.api import tool

@tool
async def blocks_the_loop():
    "Sleeps as one must not."
    time.sleep(60)
"""


@pytest.mark.parametrize("tool", ["blocks", "clings"])
async def test_it_ends_while_a_tool_hangs(tmp_path: Path, loopback: Callable[..., LoopbackServer], tool: str) -> None:
    _plugin(tmp_path, HANGING_TOOL)
    async with loopback([CallTool(tool)]) as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        asking = asyncio.ensure_future(voiced.command("ask", "Hang, please."))
        await server.wait_for("response.done")
        await _ends(voiced)
        assert (await asking)[0] == 1


@pytest.mark.parametrize("code", [HANGING_SETUP, BLOCKING_IMPORT], ids=["setup", "import"])
async def test_it_ends_while_a_plugin_hangs_in_its(
    tmp_path: Path, loopback: Callable[..., LoopbackServer], code: str
) -> None:
    _plugin(tmp_path, code)
    async with loopback() as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        await _ends(voiced)


async def test_it_ends_while_a_tool_blocks_everything(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    """A tool that sleeps on the event loop: signals are not even seen, but the process ends."""
    _plugin(tmp_path, BLOCKING_LOOP)
    async with loopback([CallTool("blocks_the_loop")]) as server, Process(tmp_path, at(server), *NO_DEVICES) as voiced:
        await voiced.logged("brain.ready")
        asking = asyncio.ensure_future(voiced.command("ask", "Hang, please."))
        await voiced.logged("plugin code blocks the event loop")
        await _ends(voiced)
        assert (await asking)[0] == 1


def _plugin(folder: Path, code: str) -> None:
    plugins = folder / "voiced" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "odd.py").write_text(code)


async def _ends(voiced: Process) -> str:
    """By SIGTERM, in time, with 0, and without a traceback; what it printed."""
    code, took = await voiced.terminated()
    assert code == 0
    assert took < STOP_S
    assert "Traceback" not in voiced.said
    return await voiced.output()
