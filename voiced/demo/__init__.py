"""`voiced demo`: the very same daemon, on a sound card in memory.

Needs no microphone, no key, no network and no system package. The user's voice is a recording; it is recognised, tools
are run, and answers are synthesised as `voiced run` does with no key. For the cloud, which comes and goes, a Realtime
server on loopback stands in, with answers that are written down.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from voiced.app import Daemon
from voiced.config import Loaded, load_config
from voiced.demo.account import Account
from voiced.demo.cloud import Cloud
from voiced.demo.progress import Progress
from voiced.demo.story import Story
from voiced.log import LogSettings, set_up
from voiced.testing.sound_card import VirtualCard

CARD_RATE: Final = 24_000
NOISE_DBFS: Final = -66.0
"""Of the microphone: that of a plain one in a quiet room."""
KEEP_S: Final = 1200.0
"""The longest demo that is recorded whole; a slow machine takes longer than a minute."""

PATIENT: Final = (
    'capture.echo="off"',  # the card in memory has no echo
    'log.level="error"',
    "brain.cooldown_s=1",  # so that the way back is short
    "brain.silent_after_s=30",  # and nothing is given up because a machine is slow
    "brain.connect_patience_s=30",
    "offline.hang_s=30",
)


def main(output: Path | None = None) -> int:
    """Run the demo and write what was heard to `output` (demo.wav); the exit code."""
    output = output or Path("demo.wav")
    set_up(LogSettings(level="error"), sys.stderr)
    with tempfile.TemporaryDirectory(prefix="voiced-demo-") as folder:
        return asyncio.run(_demo(output, _Home(Path(folder))))


async def _demo(output: Path, home: _Home) -> int:
    card = VirtualCard(rate=CARD_RATE, noise_dbfs=NOISE_DBFS, keep_s=KEEP_S)
    account, progress, cloud = Account(card.time), Progress(), Cloud()
    async with cloud.server as server:
        stop = asyncio.Event()
        daemon = Daemon(home.alone(), card, sinks=(progress, account))

        def plug_in() -> None:
            home.with_a_cloud(server.base_url)
            daemon.reload()

        card.start()
        account.begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(daemon.run(stop))
                try:
                    told = await Story(card, progress, account, cloud, plug_in).tell()
                finally:
                    stop.set()
                    await asyncio.wait({running})
        finally:
            await asyncio.to_thread(card.stop)
        card.save_wav(output)
    account.summary(output, progress.turns, server.violations)
    return 0 if told and not server.violations else 1


class _Home:
    """A folder of the demo's own: nothing of this machine's settings, and nothing left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "voiced.toml"

    def alone(self) -> Loaded:
        """The settings where there is no key."""
        self._write({"brain": {"order": ["offline"]}})
        names = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
        return load_config(
            environ={name: str(self._folder) for name in names} | {"TZ": os.environ.get("TZ", "")},
            overrides=(f'plugins.folder="{self._folder / "plugins"}"', *PATIENT),
            system_file=self._file,
        )

    def with_a_cloud(self, base_url: str) -> None:
        """Somebody writes a key and an address into the settings."""
        key = self._folder / "key"
        key.write_text("demo\n")
        key.chmod(0o600)
        self._write(
            {
                "brain": {"order": ["realtime", "offline"]},
                "openai": {"key_file": str(key)},
                "realtime": {"base_url": base_url},
            }
        )

    def _write(self, sections: dict[str, dict[str, Any]]) -> None:
        lines = [
            line
            for section, settings in sections.items()
            for line in (f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
        ]
        self._file.write_text("\n".join([*lines, ""]))
