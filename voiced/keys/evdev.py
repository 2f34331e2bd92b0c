"""Keys of any keyboard as the kernel tells them, on every desktop and on none: /dev/input/event*."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from collections.abc import Callable, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voiced.keys.choosing import COMMAND, GROUP
from voiced.keys.hotkey import MODIFIER_CODES, Hotkey
from voiced.keys.port import Keys, KeysLost, OnReady
from voiced.keys.settings import KeyName

DEVICES: Final = Path("/dev/input")

LOOK_EVERY_S: Final = 2.0
"""For keyboards that were plugged in."""

ASK_EVERY_S: Final = 0.25
"""While a hotkey is held, its keyboard is asked whether it still is: an event may get lost."""

_EVENT: Final = struct.Struct("llHHi")
"""input_event of linux/input.h: two words of time, kind, code, value."""

_SYN, _KEY = 0, 1

_DROPPED: Final = 3
"""SYN_DROPPED: the kernel's buffer ran over, events are missing."""

_UP, _DOWN = 0, 1  # 2 is a repetition

_KEY_BYTES: Final = 96
"""Of a bit for each key: KEY_MAX / 8, rounded up."""


def _request(number: int) -> int:
    """An ioctl of linux/input.h that reads such bits."""
    return 2 << 30 | _KEY_BYTES << 16 | ord("E") << 8 | number


KEYS_THERE: Final = _request(0x20 + _KEY)
"""EVIOCGBIT: the keys that the device has."""

KEYS_DOWN: Final = _request(0x18)
"""EVIOCGKEY: the keys that are down."""

Ask = Callable[[int, int], bytes]
"""What the device behind a file descriptor answers to KEYS_THERE or KEYS_DOWN. Raises OSError."""


def ask_kernel(fd: int, request: int) -> bytes:
    return fcntl.ioctl(fd, request, bytes(_KEY_BYTES))


def can_be_read(folder: Path = DEVICES) -> bool:
    """Whether there is an input device that this user may read."""
    return any(os.access(path, os.R_OK) for path in folder.glob("event*"))


@dataclass(slots=True, eq=False)
class _Keyboard:
    """A device that is open, and which of the keys that matter are down on it."""

    path: Path
    fd: int
    down: set[int]
    rest: bytes = b""


class EvdevKeys:
    """`port.KeySource`. Nothing is taken from other programs: they see the key too.

    Keyboards come and go; a key that was held goes up with its keyboard. A modifier on one keyboard and the key on
    another make a hotkey together.
    """

    def __init__(
        self,
        hotkeys: Mapping[KeyName, Hotkey],
        keys: Keys,
        on_ready: OnReady,
        *,
        folder: Path = DEVICES,
        open_device: Callable[[Path, int], int] = os.open,
        ask: Ask = ask_kernel,
        look_every_s: float = LOOK_EVERY_S,
        ask_every_s: float = ASK_EVERY_S,
    ) -> None:
        self._hotkeys = hotkeys
        self._keys = keys
        self._on_ready = on_ready
        self._folder = folder
        self._open_device = open_device
        self._ask = ask
        self._look_every_s = look_every_s
        self._ask_every_s = ask_every_s
        self._codes = {hotkey.key.code for hotkey in hotkeys.values()} | MODIFIER_CODES.keys()
        self._keyboards: dict[Path, _Keyboard] = {}
        self._of_no_use: dict[Path, int] = {}  # mice and lids, with their inodes: a number is given again
        self._held: dict[KeyName, _Keyboard] = {}
        self._alarm: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        ready = False
        try:
            while True:
                refused = await self._look()
                if not self._keyboards:
                    raise KeysLost(self._why_none(refused))
                if not ready:
                    ready = True
                    self._on_ready(", ".join(str(hotkey) for hotkey in self._hotkeys.values()))
                await asyncio.sleep(self._look_every_s)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            for keyboard in list(self._keyboards.values()):
                self._close(keyboard)

    def _why_none(self, refused: bool) -> str:
        if refused:
            return f"the keyboards in {self._folder} can't be read: {GROUP}; or {COMMAND}"
        return f"there is no keyboard with such a key in {self._folder}: plug one in, or {COMMAND}"

    async def _look(self) -> bool:
        """Watch what was plugged in; whether something may not be read."""
        looking = asyncio.ensure_future(asyncio.to_thread(self._found, frozenset(self._keyboards)))
        try:
            found, refused = await asyncio.shield(looking)
        except asyncio.CancelledError:
            for keyboard in (await looking)[0]:
                os.close(keyboard.fd)
            raise
        for keyboard in found:
            self._keyboards[keyboard.path] = keyboard
            self._loop.add_reader(keyboard.fd, self._read, keyboard)
        return refused

    def _found(self, known: Set[Path]) -> tuple[list[_Keyboard], bool]:
        """Keyboards that were plugged in, open. In a thread: devices take a while to wake."""
        found: list[_Keyboard] = []
        refused = False
        for path in sorted(self._folder.glob("event*")):
            if path in known:
                continue
            try:
                inode = path.stat().st_ino
                if self._of_no_use.get(path) == inode:
                    continue
                if (keyboard := self._opened(path)) is not None:
                    found.append(keyboard)
                else:
                    self._of_no_use[path] = inode
            except PermissionError:
                refused = True
            except OSError:
                continue  # it went away just now
        return found, refused

    def _opened(self, path: Path) -> _Keyboard | None:
        """None where it has none of the keys that matter."""
        fd = self._open_device(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with ExitStack() as unless_it_does:
            unless_it_does.callback(os.close, fd)
            if not self._asked(fd, KEYS_THERE):
                return None
            keyboard = _Keyboard(path, fd, self._asked(fd, KEYS_DOWN))
            unless_it_does.pop_all()
            return keyboard

    def _asked(self, fd: int, request: int) -> set[int]:
        """Of the keys that matter."""
        bits = self._ask(fd, request)
        return {code for code in self._codes if bits[code // 8] >> (code % 8) & 1}

    def _read(self, keyboard: _Keyboard) -> None:
        try:
            data = os.read(keyboard.fd, _EVENT.size * 64)
        except BlockingIOError:
            return
        except OSError:  # it was unplugged
            data = b""
        if not data:
            self._close(keyboard)
            return
        data = keyboard.rest + data
        whole = len(data) // _EVENT.size * _EVENT.size
        keyboard.rest = data[whole:]
        for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            if kind == _KEY and code in self._codes:
                self._moved(keyboard, code, value)
            elif kind == _SYN and code == _DROPPED:
                self._resync(keyboard)

    def _moved(self, keyboard: _Keyboard, code: int, value: int) -> None:
        if value == _DOWN:
            keyboard.down.add(code)
            others = {other for board in self._keyboards.values() for other in board.down if other != code}
            modifiers = {MODIFIER_CODES[other] for other in others if other in MODIFIER_CODES}
            for name, hotkey in self._hotkeys.items():
                if hotkey.key.code == code and hotkey.modifiers == modifiers and name not in self._held:
                    self._held[name] = keyboard
                    self._keys.down(name)
                    self._set_alarm()
        elif value == _UP:
            keyboard.down.discard(code)
            self._let_go(keyboard)

    def _let_go(self, keyboard: _Keyboard) -> None:
        """Of the hotkeys that were pressed on this keyboard, those whose key is not down on it any more."""
        for name in [name for name, on in self._held.items() if on is keyboard]:
            if self._hotkeys[name].key.code not in keyboard.down:
                del self._held[name]
                self._keys.up(name)

    def _resync(self, keyboard: _Keyboard) -> None:
        try:
            keyboard.down = self._asked(keyboard.fd, KEYS_DOWN)
        except OSError:
            self._close(keyboard)
        else:
            self._let_go(keyboard)

    def _set_alarm(self) -> None:
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._ask_every_s, self._ask_again)

    def _ask_again(self) -> None:
        self._alarm = None
        for keyboard in set(self._held.values()):
            self._resync(keyboard)
        if self._held:
            self._set_alarm()

    def _close(self, keyboard: _Keyboard) -> None:
        self._keyboards.pop(keyboard.path, None)
        self._loop.remove_reader(keyboard.fd)
        os.close(keyboard.fd)
        keyboard.down.clear()
        self._let_go(keyboard)
