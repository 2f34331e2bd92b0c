"""A key to talk, pressed on a real X server, and what the daemon makes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.daemon.household import Household
from tests.keys.x_display import Fingers, XDisplay
from voiced.control.protocol import Reload, Status
from voiced.conversation.commands import Muted, ReplyHeard, TalkKeyHeld
from voiced.testing.loopback import Say


@pytest.fixture(scope="module")
def display() -> Iterator[XDisplay]:
    with XDisplay() as display:
        yield display


async def test_who_holds_the_key_is_answered_and_who_does_not_is_not(
    household: Callable[..., Household], display: XDisplay
) -> None:
    home = household(
        [Say("It is full.")],
        settings={"listen.modes": ["ptt"], "keys.hotkey": "ctrl+f9", "keys.mute_hotkey": "ctrl+f8"},
        environ={"DISPLAY": display.name},
    )
    async with home:
        await home.ready()
        await home.until(lambda: [line for line in home.log if line["event"] == "keys.ready"])
        with Fingers(display) as fingers:
            _, end = home.say("moon")
            await home.run(end - home.card.time() + 1)
            assert home.received("input_audio_buffer.append") == []

            fingers.press("Control_L", "F9")
            assert await home.next(TalkKeyHeld) == TalkKeyHeld(True)
            _, end = home.say("moon")
            await home.run(end - home.card.time())
            fingers.let_go("F9", "Control_L")
            assert await home.next(TalkKeyHeld) == TalkKeyHeld(False)
            await home.next(ReplyHeard)
            assert home.of(TalkKeyHeld) == [TalkKeyHeld(True), TalkKeyHeld(False)]

            for muted in (True, False):
                fingers.tap("Control_L", "F8")
                assert await home.next(Muted) == Muted(muted)

            home.write_settings(keys__hotkey="ctrl+f7")
            await home.control(Reload())
            await home.until(lambda: len([line for line in home.log if line["event"] == "keys.ready"]) == 2)
            (told,) = await home.control(Status())
            assert told["status"]["keys"] == {"working": "ctrl+f7, ctrl+f8", "problem": ""}
            fingers.tap("Control_L", "F9")
            fingers.press("Control_L", "F7")
            assert await home.next(TalkKeyHeld) == TalkKeyHeld(True)


def test_who_wants_no_key_pays_for_none() -> None:
    code = "import sys, voiced.app, voiced.cli; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    )
    assert loaded & {"Xlib", "dbus_fast", "gpiozero", "voiced.keys.listener", "voiced.keys.notifier"} == set()
