"""Starts a daemon that nobody talks to, in a process of its own, and tells which modules that loaded."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from voiced.app import Daemon
from voiced.config import load_config
from voiced.conversation.commands import BrainChanged, Fact
from voiced.log import set_up
from voiced.testing.sound_card import VirtualCard

PATIENCE_S: Final = 60.0


class _Readiness:
    """`ports.StatusSink`."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    def report(self, fact: Fact) -> None:
        if isinstance(fact, BrainChanged) and fact.state == "ready":
            self.reached.set()


async def modules(realtime_url: str, folder: Path) -> list[str]:
    """All that are loaded once the first brain is ready, which is after the plugins."""
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
    loaded = load_config(
        overrides=(f'realtime.base_url="{realtime_url}"', 'capture.echo="off"'),
        environ={"OPENAI_API_KEY": "sk-test"} | dict.fromkeys(places, str(folder)),
        system_file=folder / "nowhere.toml",
    )
    set_up(loaded.config.log, sys.stderr)
    card, ready, stop = VirtualCard(), _Readiness(), asyncio.Event()
    card.start()
    daemon = Daemon(loaded, card, sinks=(ready,))
    running = asyncio.create_task(daemon.run(stop))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ready.reached.wait()
        assert daemon.tools
        return list(sys.modules)
    finally:
        stop.set()
        await running
        await asyncio.to_thread(card.stop)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="voiced-") as own:
        print(json.dumps(asyncio.run(modules(sys.argv[1], Path(own)))))
