"""A question of a tool with no cloud: asked and answered aloud, with the recogniser and the voice of the device."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.brains.offline.spoken import spoken
from tests.facts import Facts
from voiced.app import Daemon
from voiced.audio import RATE
from voiced.config import load_config
from voiced.conversation.commands import (
    BrainChanged,
    DeviceChanged,
    FloorChanged,
    ReplyHeard,
    RequestEnded,
    ToolEnded,
    UserHeard,
)
from voiced.testing.sound_card import VirtualCard

DOOR = """
from voiced.api import ToolContext, tool

@tool(confirm="Shall I unlock the door?", sentences=["unlock the door"])
async def unlock() -> str:
    "Unlock the door."
    return "The door is open."

@tool(permissions=["say", "listen"], sentences=["choose a colour for the wall"])
async def paint(context: ToolContext) -> str:
    "Choose a colour for the wall."
    colour = await context.ask("Which colour?", choices=["dark red", "light green"])
    return f"Now it is {colour}."
"""


@pytest.mark.parametrize(
    ("said", "answer", "heard", "ok", "ends"),
    [
        ("Unlock the door.", "Yes please.", ["unlock the door", "yes please"], True, "The door is open."),
        ("Unlock the door.", "Never mind.", ["unlock the door", "never mind"], False, ""),
        (
            "Choose a colour for the wall.",
            "Light green.",
            ["choose a colour for the wall", "light green"],
            True,
            "Now it is light green.",
        ),
    ],
)
async def test_a_question_is_asked_and_answered_aloud(
    tmp_path: Path, said: str, answer: str, heard: list[str], ok: bool, ends: str
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "door.py").write_text(DOOR)
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
    settings = (
        'brain.order=["offline"]', 'capture.echo="off"', "brain.local_commands=false", "offline.hang_s=30",
        f'plugins.folder="{tmp_path / "plugins"}"', "brain.silent_after_s=60",
    )  # fmt: skip
    card, facts, stop = VirtualCard(rate=RATE, noise_dbfs=-66.0), Facts(), asyncio.Event()
    daemon = Daemon(load_config(environ=home, overrides=settings, system_file=tmp_path / "none"), card, sinks=(facts,))
    utterance, reply = await spoken(said, answer)
    card.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(daemon.run(stop))
            try:
                await facts.until(lambda: sum(fact.ok for fact in facts.of(DeviceChanged)) == 2)
                await facts.until(lambda: BrainChanged("ready", brain="offline") in facts.all)
                card.say(utterance, at=card.time())
                await facts.until(lambda: facts.of(FloorChanged)[-1:] == [FloorChanged("speaking")])
                await facts.until(lambda: facts.of(FloorChanged)[-1:] == [FloorChanged("listening")])
                card.say(reply, at=card.time() + 0.3)
                await facts.until(lambda: facts.of(ReplyHeard))
            finally:
                stop.set()
                await asyncio.wait({running})
    finally:
        await asyncio.to_thread(card.stop)
    assert [fact.text for fact in facts.of(UserHeard)] == heard
    assert [fact.ok for fact in facts.of(ToolEnded)] == [ok]
    assert [fact.text.lower().rstrip(".") for fact in facts.of(RequestEnded)] == [heard[1]]
    (told,) = [fact.text for fact in facts.of(ReplyHeard)]
    assert told.endswith(ends)
