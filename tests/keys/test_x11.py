"""Hotkeys on a real X server, with real key events."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from Xlib import X

from tests.keys.recorder import PATIENCE_S, Recorder, failure_of, watching
from tests.keys.x_display import Fingers, XDisplay
from voiced.keys.hotkey import hotkey_of
from voiced.keys.port import KeysLost
from voiced.keys.settings import KeyName
from voiced.keys.x11 import GONE_WITHIN_S, X11Keys
from voiced.keys.x11_server import XServer
from voiced.testing.clock import turns
from voiced.testing.swift_time import SwiftTime


def source(display: XDisplay, recorder: Recorder, talk: str = "ctrl+alt+space", **others: str) -> X11Keys:
    names: dict[KeyName, str] = {"talk": talk, **others}  # type: ignore[dict-item]
    return X11Keys({name: hotkey_of(text) for name, text in names.items()}, recorder, display.name, recorder.on_ready)


async def test_a_hotkey_is_held_until_its_key_is_let_go(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    async with watching(source(display, keys), keys):
        assert keys.ready == ["ctrl+alt+space"]
        fingers.press("Control_L", "Alt_L", "space")
        await keys.moved("talk down")
        fingers.let_go("Control_L", "Alt_L")  # the fingers come off one by one
        fingers.let_go("space")
        await keys.moved("talk down", "talk up")


class Counting(XServer):
    """Calls `on_release` in its thread at each release that the server tells of."""

    on_release: Callable[[], None]

    def events(self, timeout_s: float | None) -> Iterator[Any]:
        for event in super().events(timeout_s):
            if event.type == X.KeyRelease:
                self.on_release()
            yield event


async def test_a_key_that_repeats_while_it_is_held_goes_down_once(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    repeats: list[None] = []

    def connect(name: str) -> XServer:
        server = Counting(name)
        server.on_release = told
        return server

    loop = asyncio.get_running_loop()

    def told() -> None:
        repeats.append(None)
        loop.call_soon_threadsafe(keys.notice)

    hotkeys: dict[KeyName, Any] = {"talk": hotkey_of("f9")}
    async with watching(X11Keys(hotkeys, keys, display.name, keys.on_ready, connect=connect), keys):
        fingers.press("F9")
        await keys.until(lambda: len(repeats) > 5)
        assert keys.moves == ["talk down"]
        fingers.let_go("F9")
        await keys.moved("talk down", "talk up")


@pytest.mark.parametrize("lock", ["Num_Lock", "Caps_Lock"])
async def test_locks_make_no_difference(display: XDisplay, fingers: Fingers, lock: str) -> None:
    keys = Recorder()
    async with watching(source(display, keys, "super+f9"), keys):
        fingers.tap(lock)
        fingers.tap("Super_L", "F9")
        await keys.moved("talk down", "talk up")
        fingers.tap(lock)
        fingers.tap("Super_L", "F9")
        await keys.moved("talk down", "talk up", "talk down", "talk up")


async def test_with_another_modifier_it_is_another_key(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    async with watching(source(display, keys, "ctrl+f9", mute="ctrl+shift+f9", stop="f9"), keys):
        fingers.tap("Control_L", "Alt_L", "F9")  # nobody's
        fingers.tap("Control_L", "Shift_L", "F9")
        await keys.moved("mute down", "mute up")
        fingers.tap("F9")
        await keys.moved("mute down", "mute up", "stop down", "stop up")


async def test_a_modifier_alone_can_be_the_key(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    async with watching(source(display, keys, "rightctrl"), keys):
        fingers.press("Control_R")
        await keys.moved("talk down")
        fingers.let_go("Control_R")
        await keys.moved("talk down", "talk up")


class Forgetful(XServer):
    """Loses every release."""

    def events(self, timeout_s: float | None) -> Iterator[Any]:
        return (event for event in super().events(timeout_s) if event.type != X.KeyRelease)


async def test_a_release_that_is_lost_is_noticed(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    hotkeys: dict[KeyName, Any] = {"talk": hotkey_of("f9")}
    async with watching(X11Keys(hotkeys, keys, display.name, keys.on_ready, connect=Forgetful), keys):
        fingers.press("F9")
        await keys.moved("talk down")
        fingers.let_go("F9")
        await keys.moved("talk down", "talk up")


class Relearning(XServer):
    """Calls `on_grabs` in its thread whenever it looked where the keys are."""

    on_grabs: Callable[[], None]

    def grab(self, hotkeys: Any) -> Any:
        lacking = super().grab(hotkeys)
        self.on_grabs()
        return lacking


async def test_a_hotkey_follows_the_layout_of_the_keyboard(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    grabs: list[None] = []
    loop = asyncio.get_running_loop()

    def connect(name: str) -> XServer:
        server = Relearning(name)
        server.on_grabs = told
        return server

    def told() -> None:
        grabs.append(None)
        loop.call_soon_threadsafe(keys.notice)

    nine, ten = fingers.code("F9"), fingers.code("F10")
    symbols = {code: fingers.display.get_keyboard_mapping(code, 1)[0] for code in (nine, ten)}
    hotkeys: dict[KeyName, Any] = {"talk": hotkey_of("f9")}
    async with watching(X11Keys(hotkeys, keys, display.name, keys.on_ready, connect=connect), keys):
        try:
            fingers.display.change_keyboard_mapping(ten, [symbols[nine]])
            fingers.display.change_keyboard_mapping(nine, [symbols[ten]])
            fingers.display.sync()
            await keys.until(lambda: len(grabs) >= 3)
            fingers.press_code(nine)
            fingers.let_go_code(nine)
            fingers.press_code(ten)
            await keys.moved("talk down")
        finally:
            fingers.display.change_keyboard_mapping(nine, [symbols[nine]])
            fingers.display.change_keyboard_mapping(ten, [symbols[ten]])
            fingers.display.sync()


async def test_a_hotkey_that_another_program_has_is_named(display: XDisplay) -> None:
    other, keys = Recorder(), Recorder()
    async with watching(source(display, other, "ctrl+f8"), other):
        error = await failure_of(source(display, keys, "ctrl+f8"))
    assert isinstance(error, KeysLost)
    assert str(error).startswith("another program has the hotkey ctrl+f8 already: choose another one in [keys]")
    async with watching(source(display, keys, "ctrl+f8"), keys):  # which has let it go
        pass


async def test_of_several_hotkeys_those_that_are_free_work_and_the_taken_one_is_named_and_had_when_it_is_free(
    display: XDisplay, fingers: Fingers
) -> None:
    other, keys = Recorder(), Recorder()
    hotkeys: dict[KeyName, Any] = {"talk": hotkey_of("alt+f8"), "mute": hotkey_of("ctrl+f8"), "stop": hotkey_of("f8")}
    async with watching(source(display, other, "ctrl+f8"), other):
        ours = X11Keys(hotkeys, keys, display.name, keys.on_ready, again_every_s=0.01)
        running = asyncio.ensure_future(ours.run())
        await keys.until(lambda: keys.ready)
        taken = "another program has the hotkey ctrl+f8 already: choose another one in [keys], or take it away there"
        assert keys.ready == [f"alt+f8, f8; {taken}"]
        fingers.tap("Alt_L", "F8")
        fingers.tap("Control_L", "F8")
        await other.moved("talk down", "talk up")
        await keys.moved("talk down", "talk up")
        fingers.tap("F8")
        await keys.moved("talk down", "talk up", "stop down", "stop up")
    try:
        await keys.until(lambda: len(keys.ready) > 1)
        assert keys.ready[1:] == ["alt+f8, ctrl+f8, f8"]
        fingers.tap("Control_L", "F8")
        await keys.until(lambda: keys.moves[4:] == ["mute down", "mute up"])
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_a_key_that_the_keyboard_lacks_takes_no_other_with_it(display: XDisplay, fingers: Fingers) -> None:
    keys = Recorder()
    async with watching(source(display, keys, "f9", stop="f24"), keys):
        assert keys.ready == ["f9; this keyboard has no key 'f24': choose another hotkey in [keys]"]
        fingers.tap("F9")
        await keys.moved("talk down", "talk up")


async def test_a_key_that_is_held_already_is_no_order_until_it_is_pressed_anew(
    display: XDisplay, fingers: Fingers
) -> None:
    """It repeats, and was pressed when it meant something else."""
    keys, before = Recorder(), Recorder()
    repeats: list[None] = []
    noticed: list[int] = []
    loop = asyncio.get_running_loop()

    def note(what: list[Any], item: Any) -> None:
        what.append(item)
        keys.notice()

    class Telling(Counting):
        def is_down(self, code: int) -> bool:
            down = super().is_down(code)
            if not down:
                loop.call_soon_threadsafe(note, noticed, code)
            return down

        def on_release(self) -> None:
            loop.call_soon_threadsafe(note, repeats, None)

    async with watching(source(display, before, "f9"), before):
        fingers.press("F9")
        await before.moved("talk down")
    hotkeys: dict[KeyName, Any] = {"mute": hotkey_of("f9")}
    async with watching(X11Keys(hotkeys, keys, display.name, keys.on_ready, connect=Telling), keys):
        await keys.until(lambda: len(repeats) > 3)
        assert keys.moves == []
        fingers.let_go("F9")
        await keys.until(lambda: noticed)
        fingers.tap("F9")
        await keys.moved("mute down", "mute up")


class Late(XServer):
    """Tells of some events all at once, as they wait for a thread that is kept from its work. No key is down now."""

    def __init__(self, name: str, events: list[tuple[int, int]]) -> None:
        super().__init__(name)
        self._late = events

    def events(self, timeout_s: float | None) -> Iterator[Any]:
        if not self._late:
            yield from super().events(timeout_s)
        while self._late:
            kind, time = self._late.pop(0)
            yield SimpleNamespace(type=kind, time=time, detail=min(self._grabs)[0], state=0)


@pytest.mark.parametrize(
    ("pauses_ms", "taps"),
    [([0], 1), ([1, 0, 3], 1), ([80], 2), ([0, 150, 0, 90], 3)],
    ids=["repeats", "repeats as the server is busy", "tapped twice", "held long, and again"],
)
async def test_taps_that_are_noticed_late_are_as_many_as_they_were(
    display: XDisplay, pauses_ms: list[int], taps: int
) -> None:
    """The clock of a server begins anew now and then."""
    keys = Recorder()
    now = 2**32 - 100
    events = [(X.KeyPress, now)]
    for pause in [*pauses_ms, None]:
        now = (now + 40) % 2**32
        events.append((X.KeyRelease, now))
        if pause is not None:
            now = (now + pause) % 2**32
            events.append((X.KeyPress, now))
    source = X11Keys(
        {"talk": hotkey_of("f9")}, keys, display.name, keys.on_ready, connect=lambda name: Late(name, events)
    )
    async with watching(source, keys):
        await keys.until(lambda: len(keys.moves) == 2 * taps)
        assert keys.moves == ["talk down", "talk up"] * taps


async def test_a_key_that_the_keyboard_lacks_is_named(display: XDisplay) -> None:
    keys = Recorder()
    error = await failure_of(source(display, keys, "f24"))
    assert (type(error), str(error)) == (
        KeysLost,
        "this keyboard has no key 'f24': choose another hotkey in [keys]",
    )


async def test_a_display_that_is_not_there_is_named() -> None:
    keys = Recorder()
    error = await failure_of(X11Keys({"talk": hotkey_of("f9")}, keys, ":9999", keys.on_ready))
    assert isinstance(error, KeysLost)
    assert str(error).startswith("the X server :9999 does not answer")


async def test_a_server_that_goes_away_ends_it() -> None:
    keys = Recorder()
    with XDisplay() as display:
        running = asyncio.ensure_future(failure_of(source(display, keys)))
        await keys.until(lambda: keys.ready)
        display.stop()
        error = await running
    assert (type(error), str(error)) == (KeysLost, "the X server is gone")


async def test_a_thread_that_is_left_behind_ends_without_a_word(display: XDisplay) -> None:
    keys, time = Recorder(), SwiftTime()
    let_go = threading.Event()
    threads: list[threading.Thread] = []
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))

    class Hanging(XServer):
        def __init__(self, name: str) -> None:
            threads.append(threading.current_thread())
            super().__init__(name)

        def close(self) -> None:
            let_go.wait(PATIENCE_S)
            super().close()

    source = X11Keys({"talk": hotkey_of("f9")}, keys, display.name, keys.on_ready, connect=Hanging)
    with time.kept():
        running = asyncio.ensure_future(source.run())
        await keys.until(lambda: keys.ready)
        running.cancel()
        await turns()
        time.hurry_to(time.time() + GONE_WITHIN_S)
        await asyncio.wait({running})
    let_go.set()
    await asyncio.to_thread(threads[0].join)
    await turns()
    del running, source
    gc.collect()
    assert complaints == []
