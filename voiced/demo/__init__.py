"""`voiced demo`: the very same daemon, on a sound card in memory and against a Realtime server on loopback.

Needs no microphone, no key and no network. What is said, and what the server answers, is written down beforehand;
everything between microphone and socket, and between socket and loudspeaker, is what `voiced run` does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from voiced.app import Daemon
from voiced.config import Loaded, load_config
from voiced.demo.account import Account
from voiced.demo.story import Storyteller
from voiced.log import LogSettings, set_up
from voiced.testing.loopback import LoopbackServer, Pace, Script
from voiced.testing.sound_card import VirtualCard

CARD_RATE: Final = 24_000
PACE: Final = Pace(first_delta_delay_s=0.15, speed=5.0, transcription_delay_s=0.1)
"""About what a real server takes to its first sound, on top of the silence that ends a turn."""


def main(output: Path | None = None) -> int:
    """Run the demo and write what was heard to `output` (demo.wav); the exit code."""
    output = output or Path("demo.wav")
    set_up(LogSettings(level="error"), sys.stderr)
    with tempfile.TemporaryDirectory(prefix="voiced-demo-") as folder:
        return asyncio.run(_demo(output, Path(folder)))


async def _demo(output: Path, folder: Path) -> int:
    card = VirtualCard(rate=CARD_RATE)
    account = Account(card.time)
    storyteller = Storyteller(card, account)
    async with LoopbackServer(Script(storyteller.reply, storyteller.transcript), pace=PACE) as server:
        stop = asyncio.Event()
        daemon = Daemon(_settings(server.base_url, folder), card, sinks=(account, storyteller))
        card.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(daemon.run(stop))
                try:
                    told = await storyteller.tell(server)
                finally:
                    stop.set()
                    await asyncio.wait({running})
        finally:
            await asyncio.to_thread(card.stop)
        card.save_wav(output)
    account.summary(output, server.violations)
    return 0 if told and not server.violations else 1


def _settings(base_url: str, folder: Path) -> Loaded:
    """Nothing of this machine's own settings, and nothing left behind."""
    home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
    return load_config(
        environ={**home, "OPENAI_API_KEY": "demo", "TZ": os.environ.get("TZ", "")},
        overrides=(
            f'realtime.base_url="{base_url}"',
            f'plugins.folder="{folder / "plugins"}"',
            'capture.echo="off"',  # the card in memory has no echo
        ),
        system_file=folder / "voiced.toml",
    )
