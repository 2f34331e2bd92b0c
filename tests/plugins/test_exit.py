"""voiced is gone soon after SIGTERM, whatever plugins do."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

STUBBORN = """
import asyncio, threading
from voiced.api import Plugin, tool

class Stubborn(Plugin):
    async def teardown(self):
        await never()

    @tool
    async def ignores_its_cancellation(self):
        'Never ends.'
        await never()

    @tool
    def hangs_in_a_thread(self):
        'Never ends.'
        threading.Event().wait()

async def never():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
"""

DAEMON = """
import asyncio, signal, sys
from pathlib import Path
from voiced.conversation.commands import RunTool
from voiced.conversation.events import CallId, ToolsChanged
from voiced.plugins.host import PluginHost
from voiced.plugins.settings import PluginSettings

async def main():
    loaded = asyncio.Event()
    def post(event):
        if isinstance(event, ToolsChanged):
            loaded.set()
    folder = Path(sys.argv[1])
    host = PluginHost(PluginSettings(folder=str(folder)), post=post, state_folder=folder, volume=lambda: 50)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(host.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await loaded.wait()
        host.do(RunTool(CallId("1"), "ignores_its_cancellation", "{}"))
        host.do(RunTool(CallId("2"), "hangs_in_a_thread", "{}"))
        await asyncio.sleep(0)
        print("ready", flush=True)

asyncio.run(main())
"""


@pytest.mark.real_time
async def test_plugins_that_hang_do_not_hold_up_the_exit(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DAEMON, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert daemon.stdout
    while (line := await daemon.stdout.readline()) != b"ready\n":
        assert line, await daemon.communicate()
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    output, errors = await asyncio.wait_for(daemon.communicate(), 60)
    assert (daemon.returncode, errors) == (0, b""), output
    assert time.monotonic() - began < 2.0
