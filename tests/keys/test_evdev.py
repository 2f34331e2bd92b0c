"""Keys as the kernel tells them. There is no input device here: named pipes stand in for /dev/input/event*, written
to as the kernel writes, and a function for the two ioctls."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.keys.recorder import PATIENCE_S, Recorder, failure_of, watching
from voiced.keys.evdev import KEYS_DOWN, KEYS_THERE, EvdevKeys, can_be_read
from voiced.keys.hotkey import hotkey_of
from voiced.keys.port import KeysLost
from voiced.keys.settings import KeyName
from voiced.testing.clock import turns

CTRL, ALT, SPACE, F9, SHIFT = 29, 56, 57, 67, 42
LEFT_BUTTON = 272
PEDAL = (F9,)
KEYBOARD = tuple(range(1, 128))


def bits(codes: set[int] | tuple[int, ...]) -> bytes:
    return sum(1 << code for code in codes).to_bytes(96, "little")


class Device:
    """A pipe with the name of an input device."""

    def __init__(self, path: Path, there: tuple[int, ...]) -> None:
        os.mkfifo(path)
        self.path = path
        self.inode = path.stat().st_ino
        self.there = there
        self.down: set[int] = set()
        self._fd = os.open(path, os.O_RDWR)

    def event(self, kind: int, code: int, value: int) -> None:
        os.write(self._fd, struct.pack("llHHi", 0, 0, kind, code, value))

    def press(self, *codes: int) -> None:
        for code in codes:
            self.down.add(code)
            self.event(1, code, 1)

    def let_go(self, *codes: int) -> None:
        for code in codes:
            self.down.discard(code)
            self.event(1, code, 0)

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self._fd)


class Desk:
    """A folder like /dev/input. `plug` puts a device there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.devices: list[Device] = []
        self.opened: list[int] = []
        self.fds: list[int] = []
        self.goes_on = threading.Event()
        """Devices that are opened wait for it."""
        self.goes_on.set()
        self._opened: Callable[[], object] = list

    def plug(self, name: str, there: tuple[int, ...] = KEYBOARD) -> Device:
        self.devices.append(Device(self.folder / name, there))
        return self.devices[-1]

    def ask(self, fd: int, request: int) -> bytes:
        device = next(device for device in self.devices if device.inode == os.fstat(fd).st_ino)
        if request == KEYS_THERE:
            self.opened.append(device.inode)
            self.fds.append(fd)
            self._opened()
            self.goes_on.wait(PATIENCE_S)
            return bits(device.there)
        assert request == KEYS_DOWN
        return bits(device.down)

    def watch(self, keys: Recorder, talk: str = "ctrl+alt+space", **others: str) -> EvdevKeys:
        loop = asyncio.get_running_loop()
        self._opened = lambda: loop.call_soon_threadsafe(keys.notice)
        texts: dict[KeyName, str] = {"talk": talk, **others}  # type: ignore[dict-item]
        hotkeys = {name: hotkey_of(text) for name, text in texts.items()}
        return EvdevKeys(
            hotkeys, keys, keys.on_ready, folder=self.folder, ask=self.ask, look_every_s=0.01, ask_every_s=0.01
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for device in desk.devices:
        if device.path.exists():
            device.unplug()


async def test_a_hotkey_is_held_until_its_key_is_let_go(desk: Desk) -> None:
    keyboard, keys = desk.plug("event3"), Recorder()
    async with watching(desk.watch(keys), keys):
        assert keys.ready == ["ctrl+alt+space"]
        keyboard.press(CTRL, ALT, SPACE)
        await keys.moved("talk down")
        keyboard.event(1, SPACE, 2)  # it repeats
        keyboard.let_go(CTRL, ALT)
        keyboard.let_go(SPACE)
        await keys.moved("talk down", "talk up")


async def test_with_another_modifier_it_is_another_key(desk: Desk) -> None:
    keyboard, keys = desk.plug("event3"), Recorder()
    async with watching(desk.watch(keys, "ctrl+f9", mute="f9"), keys):
        keyboard.press(CTRL, SHIFT, F9)  # nobody's
        keyboard.let_go(F9, SHIFT)
        keyboard.press(F9)
        await keys.moved("talk down")
        keyboard.let_go(CTRL, F9)
        keyboard.press(F9)
        await keys.moved("talk down", "talk up", "mute down")


async def test_a_pedal_and_a_keyboard_make_a_hotkey_together(desk: Desk) -> None:
    keyboard, pedal, keys = desk.plug("event3"), desk.plug("event11", PEDAL), Recorder()
    async with watching(desk.watch(keys, "ctrl+f9", mute="ctrl+space"), keys):
        keyboard.press(CTRL, SPACE)
        await keys.moved("mute down")
        pedal.press(F9)
        await keys.moved("mute down", "talk down")


async def test_a_keyboard_that_is_unplugged_lets_go_and_one_that_is_plugged_in_serves(desk: Desk) -> None:
    keyboard, _, keys = desk.plug("event3"), desk.plug("event4"), Recorder()
    async with watching(desk.watch(keys, "f9"), keys):
        keyboard.press(F9)
        await keys.moved("talk down")
        keyboard.unplug()
        await keys.moved("talk down", "talk up")
        keyboard = desk.plug("event3")
        await keys.until(lambda: keyboard.inode in desk.opened)
        keyboard.press(F9)
        await keys.moved("talk down", "talk up", "talk down")


async def test_a_release_that_is_lost_is_noticed(desk: Desk) -> None:
    keyboard, keys = desk.plug("event3"), Recorder()
    async with watching(desk.watch(keys, "f9"), keys):
        keyboard.press(F9)
        await keys.moved("talk down")
        keyboard.down.clear()  # the kernel knows, and told nobody
        await keys.moved("talk down", "talk up")


async def test_events_that_were_dropped_are_made_up_for(desk: Desk) -> None:
    keyboard, keys = desk.plug("event3"), Recorder()
    async with watching(desk.watch(keys, "f9", mute="ctrl+f9"), keys):
        keyboard.press(F9)
        await keys.moved("talk down")
        keyboard.down = {CTRL}
        keyboard.event(0, 3, 0)
        await keys.moved("talk down", "talk up")
        keyboard.press(F9)
        await keys.moved("talk down", "talk up", "mute down")


async def test_a_mouse_is_looked_at_once(desk: Desk) -> None:
    mouse, keyboard, keys = desk.plug("event1", (LEFT_BUTTON,)), desk.plug("event2"), Recorder()
    async with watching(desk.watch(keys, "f9"), keys):
        late = [desk.plug(f"event{number}") for number in (5, 6)]
        await keys.until(lambda: all(device.inode in desk.opened for device in late))
        keyboard.press(F9)
        await keys.moved("talk down")
    assert desk.opened.count(mouse.inode) == 1


async def test_a_keyboard_that_wakes_when_nobody_waits_for_it_any_more_is_let_go(desk: Desk) -> None:
    keys = Recorder()
    desk.plug("event3")
    desk.goes_on.clear()
    running = asyncio.ensure_future(desk.watch(keys).run())
    await keys.until(lambda: desk.fds)
    running.cancel()
    await turns()
    desk.goes_on.set()
    await asyncio.wait({running})
    assert running.cancelled()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(desk.fds[0])


async def test_without_a_keyboard_it_says_so(desk: Desk) -> None:
    keys = Recorder()
    desk.plug("event1", (LEFT_BUTTON,))
    error = await failure_of(desk.watch(keys))
    assert isinstance(error, KeysLost)
    assert str(error).startswith(f"there is no keyboard with such a key in {desk.folder}: plug one in, or")
    assert not can_be_read(desk.folder / "nowhere")


async def test_without_permission_it_says_how_to_get_it(desk: Desk) -> None:
    keys = Recorder()
    desk.plug("event3")
    (desk.folder / "event3").chmod(0)
    if os.access(desk.folder / "event3", os.R_OK):
        refused = EvdevKeys({"talk": hotkey_of("f9")}, keys, keys.on_ready, folder=desk.folder, open_device=forbidden)
    else:
        refused = desk.watch(keys)
    error = await failure_of(refused)
    assert isinstance(error, KeysLost)
    assert "can't be read: `sudo usermod -aG input $USER`, then log in again" in str(error)


def forbidden(path: Path, flags: int) -> int:
    """The superuser may read everything."""
    raise PermissionError
