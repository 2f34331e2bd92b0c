"""voiced itself on a given card, configured by nothing but what stands here."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.benchmarks.rules import HANGOVER_MS
from voiced.app import Daemon
from voiced.config import Loaded, load_config
from voiced.log import set_up
from voiced.sound_card import SoundCard

PLUGIN: Final = '''
from voiced.api import tool


@tool
async def echo(text: str) -> str:
    """Say it back.

    Args:
        text: What to say.
    """
    return text


@tool
def echo_plain(text: str) -> str:
    """Say it back, from a thread.

    Args:
        text: What to say.
    """
    return text
'''


async def serve(card: SoundCard, base_url: str, plugin: str = PLUGIN) -> None:
    """Converse until cancelled. `plugin`: the source of the one that is there."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = settings(base_url, Path(folder), plugin)
        set_up(loaded.config.log, sys.stderr)
        stop = asyncio.Event()
        running = asyncio.create_task(Daemon(loaded, card).run(stop))
        try:
            await asyncio.shield(running)
        finally:
            stop.set()
            await asyncio.wait({running})


def settings(base_url: str, folder: Path, plugin: str = PLUGIN) -> Loaded:
    """Defaults, but for the address and what `rules` asks for."""
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "benchmark.py").write_text(plugin)
    return load_config(
        overrides=(
            f'realtime.base_url="{base_url}"',
            f'plugins.folder="{plugins}"',
            f"turn.hangover_ms={HANGOVER_MS}",
            'capture.echo="off"',  # the card in memory has no echo
            "playout.volume=100",
        ),
        environ=environment(folder),
        system_file=folder / "voiced.toml",
    )


def environment(folder: Path) -> dict[str, str]:
    """Nothing of this machine's own settings, and nothing left behind."""
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
    return {"OPENAI_API_KEY": "benchmark"} | dict.fromkeys(places, str(folder))
