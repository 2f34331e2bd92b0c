"""The keys of a desktop over its life: they come, go, are changed, and come back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from tests.inbox import Inbox
from tests.keys.journal import journal
from tests.keys.private_bus import Desktop, PrivateBus
from tests.keys.x_display import Fingers, XDisplay
from voiced.conversation.events import MuteAsked, TalkKeyMoved
from voiced.keys.choosing import Surroundings
from voiced.keys.keypad import Keypad
from voiced.keys.listener import KeyListener
from voiced.keys.port import KeysAbsent, KeySource, KeysRefused, OnReady
from voiced.keys.settings import KeySettings, SourceName
from voiced.testing.clock import turns
from voiced.testing.swift_time import SwiftTime

DOWN, UP = TalkKeyMoved("down"), TalkKeyMoved("up")
NO_PAUSE = (0.001,)
AN_HOUR_S = 3600


@asynccontextmanager
async def listening(listener: KeyListener) -> Any:
    running = asyncio.ensure_future(listener.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


def on(display: XDisplay, inbox: Inbox, hotkey: str = "ctrl+f9", **others: Any) -> KeyListener:
    settings = KeySettings(hotkey=hotkey, **others)
    return KeyListener(settings, inbox.post, {"DISPLAY": display.name}, muted=lambda: False, backoff_s=NO_PAUSE)


async def test_a_server_that_goes_away_lets_go_and_one_that_comes_back_is_found() -> None:
    inbox = Inbox()
    with XDisplay() as display, journal() as log:
        async with listening(listener := on(display, inbox)):
            await log.until(lambda: "keys.ready" in log.events)
            with Fingers(display) as fingers:
                fingers.press("Control_L", "F9")
                await inbox.until(lambda: inbox.events == [DOWN])
                display.stop()
                await inbox.until(lambda: inbox.events == [DOWN, UP])
                assert listener.standing()["working"] == ""
                fingers.forget()
            display.start()
            await log.until(lambda: log.events.count("keys.ready") == 2)
            with Fingers(display) as fingers:
                fingers.press("Control_L", "F9")
                await inbox.until(lambda: inbox.events == [DOWN, UP, DOWN])
            await inbox.until(lambda: inbox.events == [DOWN, UP, DOWN, UP])
    assert [line["reason"] for line in log.lines if line["event"] == "keys.unavailable"][:1] == ["the X server is gone"]


async def test_a_hotkey_that_another_program_has_is_told_once_and_had_when_it_is_free(
    display: XDisplay, fingers: Fingers
) -> None:
    inbox, other = Inbox(), Inbox()
    taken = "another program has the hotkey ctrl+f8 already: choose another one in [keys], or take it away there"
    with journal() as log:
        first = on(display, other, "ctrl+f8")
        async with listening(first):
            await log.until(lambda: log.lines)
            tried = 0

            async def look() -> Surroundings:
                nonlocal tried
                tried += 1
                log.notice()
                return Surroundings("x11")

            listener = KeyListener(
                KeySettings(hotkey="ctrl+f8"),
                inbox.post,
                {"DISPLAY": display.name},
                muted=lambda: False,
                look=look,
                backoff_s=NO_PAUSE,
            )
            async with listening(listener):
                await log.until(lambda: tried > 3)
                assert listener.standing() == {"working": "", "problem": taken}
                first.reconfigure(KeySettings())
                await log.until(lambda: not listener.problem)
                assert listener.standing() == {"working": "ctrl+f8", "problem": ""}
                assert first.standing() == {}
                fingers.tap("Control_L", "F8")
                await inbox.until(lambda: inbox.events == [DOWN, UP])
    assert [line.get("reason") for line in log.lines] == [None, taken, None]


async def test_one_that_another_program_has_leaves_the_others_working(display: XDisplay, fingers: Fingers) -> None:
    inbox, other = Inbox(), Inbox()
    with journal() as log:
        async with listening(on(display, other, "ctrl+f8")):
            await log.until(lambda: log.lines)
            async with listening(listener := on(display, inbox, "ctrl+f7", mute_hotkey="ctrl+f8")):
                await log.until(lambda: listener.standing()["working"])
                told = listener.standing()
                assert told["working"] == "ctrl+f7"
                assert told["problem"].startswith("another program has the hotkey ctrl+f8 already")
                fingers.tap("Control_L", "F7")
                await inbox.until(lambda: inbox.events == [DOWN, UP])
    assert log.events == ["keys.ready", "keys.ready", "keys.unavailable"]


async def test_a_reload_changes_the_keys(display: XDisplay, fingers: Fingers) -> None:
    inbox, next_one = Inbox(), Inbox()
    with journal() as log:
        listener = on(display, inbox, "ctrl+f7")
        async with listening(listener):
            await log.until(lambda: len(log.lines) == 1)
            listener.reconfigure(KeySettings(hotkey="ctrl+f7"))  # nothing changed: nothing is done
            fingers.press("Control_L", "F7")
            await inbox.until(lambda: inbox.events == [DOWN])
            listener.reconfigure(KeySettings(hotkey="ctrl+f6", mute_hotkey="ctrl+f5", style="toggle"))
            await inbox.until(lambda: inbox.events == [DOWN, UP])
            fingers.let_go("F7", "Control_L")
            await log.until(lambda: len(log.lines) == 2)
            fingers.tap("Control_L", "F5")
            fingers.tap("Control_L", "F6")
            await inbox.until(lambda: len(inbox.events) == 4)
            assert inbox.events == [DOWN, UP, MuteAsked(True), TalkKeyMoved("toggle")]
            assert log.events == ["keys.ready", "keys.ready"]
            listener.reconfigure(KeySettings())
            async with listening(on(display, next_one, "ctrl+f6")):  # which has it once it is let go
                await log.until(lambda: log.events.count("keys.ready") == 3)


class Failing:
    """A source that ends as it was told to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def run(self) -> None:
        raise self._error


async def test_a_person_who_said_no_is_left_alone_until_the_next_reload() -> None:
    asked: list[str] = []

    async def look() -> Surroundings:
        return Surroundings("wayland", portal=True)

    def open_source(source: SourceName, _keys: Keypad, _ready: OnReady) -> KeySource:
        asked.append(source)
        return Failing(KeysRefused("the desktop's hotkey was refused"))

    listener = KeyListener(
        KeySettings(hotkey="f9"), Inbox().post, {}, muted=bool, look=look, open_source=open_source, backoff_s=NO_PAUSE
    )
    time = SwiftTime()
    with time.kept(), journal() as log:
        async with listening(listener):
            await log.until(lambda: listener.problem)
            time.hurry_to(time.time() + AN_HOUR_S)
            await turns()
            assert asked == ["portal"]
            listener.reconfigure(KeySettings(hotkey="f9"))
            await turns()
            assert asked == ["portal", "portal"]


async def test_where_the_portal_can_not_after_all_the_keyboards_are_read(bus: PrivateBus) -> None:
    opened: list[SourceName] = []

    def open_source(source: SourceName, _keys: Keypad, _ready: OnReady) -> KeySource:
        opened.append(source)
        return Failing(KeysAbsent(f"{source} is not here"))

    listener = KeyListener(
        KeySettings(hotkey="f9"),
        Inbox().post,
        {"WAYLAND_DISPLAY": "wayland-0", **bus.environ},
        muted=bool,
        open_source=open_source,
        backoff_s=NO_PAUSE,
    )
    with journal() as log:
        async with Desktop(bus), listening(listener):
            await log.until(lambda: len(log.lines) > 1)
    assert log.lines[0]["reason"] == "portal is not here"
    assert "evdev" in opened or "no GlobalShortcuts portal" in log.lines[1]["reason"]
    assert opened[0] == "portal"
    assert "portal" not in opened[1:]


async def test_with_no_display_it_says_what_to_do() -> None:
    listener = KeyListener(KeySettings(hotkey="f9", source="x11"), Inbox().post, {}, muted=bool, backoff_s=NO_PAUSE)
    with journal() as log:
        async with listening(listener):
            await log.until(lambda: listener.problem)
    assert listener.problem.startswith("keys.source = 'x11', and there is no DISPLAY")


async def test_the_portal_of_a_real_bus_is_chosen_on_wayland(bus: PrivateBus) -> None:
    inbox = Inbox()
    environ = {"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":9999", **bus.environ}
    listener = KeyListener(KeySettings(hotkey="f9"), inbox.post, environ, muted=bool, backoff_s=NO_PAUSE)
    async with Desktop(bus) as desktop, listening(listener):
        await desktop.until(lambda: desktop.bound)
        desktop.activate("talk")
        await inbox.until(lambda: inbox.events == [DOWN])
        await desktop.leave()
        await inbox.until(lambda: inbox.events == [DOWN, UP])
        async with Desktop(bus) as desktop:
            await desktop.until(lambda: desktop.bound)
            desktop.activate("talk")
            await inbox.until(lambda: inbox.events == [DOWN, UP, DOWN])


async def test_what_breaks_in_a_source_is_not_hidden() -> None:
    async def look() -> Surroundings:
        return Surroundings("x11")

    listener = KeyListener(
        KeySettings(hotkey="f9"),
        Inbox().post,
        {},
        muted=bool,
        look=look,
        open_source=lambda *_: Failing(ZeroDivisionError()),
    )
    (error,) = await asyncio.gather(listener.run(), return_exceptions=True)
    assert isinstance(error, ZeroDivisionError)
