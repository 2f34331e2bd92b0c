"""A light of somebody's own shows what a running voiced does, also one that comes with a reload."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.household import Household
from voiced.conversation.commands import ReplyHeard
from voiced.conversation.events import MuteAsked
from voiced.errors import ConfigError
from voiced.testing.loopback import Say

WITHIN_S = 5000
"""Of the household's time: a program takes real time, in which much of that passes."""


def leds(folder: Path) -> Path:
    """A program that writes each state down."""
    program = folder / "leds"
    program.write_text(f"#!/bin/sh\necho $1 >> {folder}/seen\n")
    program.chmod(0o755)
    return program


def seen(home: Household) -> list[str]:
    path = home.folder / "seen"
    return path.read_text().split() if path.exists() else []


async def test_what_it_does_is_seen_and_its_end(household: Callable[..., Household], tmp_path: Path) -> None:
    settings = {"lights.command": [str(leds(tmp_path))]}
    async with household([Say("Tea comes from the leaves of a bush.")], settings=settings) as home:
        await home.ready()
        await home.until(lambda: seen(home)[-1:] == ["attentive"], within_s=WITHIN_S)
        home.say("tea")
        await home.next(ReplyHeard)
        home.daemon.post(MuteAsked(True))
        await home.until(lambda: seen(home)[-1:] == ["muted"], within_s=WITHIN_S)
        home.daemon.post(MuteAsked(False))
        await home.until(lambda: seen(home)[-1:] == ["attentive"], within_s=WITHIN_S)
    states = seen(home)
    assert states[-1] == "off"
    assert set(states) <= {"off", "offline", "attentive", "listening", "thinking", "speaking", "muted"}


async def test_a_light_comes_with_a_reload_and_knows_how_things_stand(
    household: Callable[..., Household], tmp_path: Path
) -> None:
    program = leds(tmp_path)
    async with household([]) as home:
        await home.ready()
        home.daemon.post(MuteAsked(True))
        await home.run(0.5)
        home.write_settings(lights__command=[str(program)])
        home.daemon.reload()
        await home.until(lambda: seen(home) == ["muted"], within_s=WITHIN_S)
        home.write_settings(lights__command=[])
        home.daemon.reload()
        await home.until(lambda: seen(home) == ["muted", "off"], within_s=WITHIN_S)
        home.daemon.post(MuteAsked(False))
        await home.run(0.5)
        assert seen(home) == ["muted", "off"]


async def test_a_light_that_is_not_there_costs_one_line_in_the_log(household: Callable[..., Household]) -> None:
    settings = {"lights.command": ["/nowhere/leds"]}
    async with household([Say("Tea comes from the leaves of a bush.")], settings=settings) as home:
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        await home.run(0.5)
        told = [line for line in home.log if line["event"].startswith("lights.")]
        assert [(line["event"], line["level"]) for line in told] == [("lights.program", "warning")]


async def test_pins_without_their_library_are_refused(
    household: Callable[..., Household], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)  # as where it is not installed
    async with household([]) as home:
        await home.ready()
        home.write_settings(lights__rgb=[5, 6, 13])
        with pytest.raises(ConfigError, match=r"lights.rgb needs gpiozero"):
            home.daemon.reload()
