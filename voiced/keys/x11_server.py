"""Hotkeys as an X server sees them: grabs, key codes, modifiers, and what is really down. Blocks; for a thread."""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import combinations
from typing import Any, Final

from Xlib import XK, X
from Xlib.display import Display
from Xlib.error import BadAccess, CatchError, ConnectionClosedError, DisplayError

from voiced.keys.hotkey import Hotkey, Key, Modifier
from voiced.keys.port import KeysLost
from voiced.keys.settings import KeyName

LOCKS: Final = ("Caps_Lock", "Num_Lock", "Scroll_Lock")
"""A hotkey works whether these are on or off."""

_MODIFIER_KEYSYMS: Final[Mapping[Modifier, tuple[str, ...]]] = {
    "ctrl": ("Control_L", "Control_R"),
    "alt": ("Alt_L", "Alt_R"),
    "shift": ("Shift_L", "Shift_R"),
    "super": ("Super_L", "Super_R"),
}

Grab = tuple[int, int]
"""A key code and the modifiers' mask."""


class XServer:
    """One connection. Every method raises KeysLost when it breaks; `hang_up` breaks it, from any thread."""

    def __init__(self, name: str) -> None:
        """Raises KeysLost where nobody answers, or does not let us in."""
        _knock(name)
        XK.load_keysym_group("xf86")
        XK.load_keysym_group("xkb")
        try:
            self._display = Display(name)
        except (ConnectionClosedError, DisplayError, OSError) as error:
            raise KeysLost(f"the X server {name} does not answer: {error}") from error
        self._display.set_error_handler(lambda *_: None)  # an ungrab of what is gone already; it would print
        self._root = self._display.screen().root
        self._grabs: dict[Grab, KeyName] = {}
        self._locks = 0

    def hang_up(self) -> None:
        """Whoever waits in another method gets KeysLost."""
        with suppress(OSError):
            self._display.display.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(ConnectionClosedError, OSError):
            self._display.close()
        self._display.display.socket.close()  # where it was gone already

    def grab(self, hotkeys: Mapping[KeyName, Hotkey]) -> Mapping[KeyName, str]:
        """Have these keys, whatever program is in front; after a change of the keyboard's layout, where they are now.

        Of those that can't be had: why, and what to do. Call it again, and they are tried again.
        """
        with _lost():
            wanted: dict[Grab, KeyName] = {}
            lacking: dict[KeyName, str] = {}
            masks = self._masks()
            for name, hotkey in hotkeys.items():
                modifiers = sum(masks[modifier] for modifier in hotkey.modifiers)
                codes = self._codes(hotkey.key)
                wanted |= {(code, modifiers): name for code in codes}
                if not codes:
                    lacking[name] = f"this keyboard has no key {hotkey.key.name!r}: choose another hotkey in [keys]"
            locks = self._lock_masks()
            every = [sum(chosen) for count in range(len(locks) + 1) for chosen in combinations(locks, count)]
            if self._locks != sum(locks) or not self._grabs.items() <= wanted.items():
                for code, _ in self._grabs:
                    self._root.ungrab_key(code, X.AnyModifier)
                self._grabs, self._locks = {}, sum(locks)
            for (code, modifiers), name in wanted.items():
                if (code, modifiers) in self._grabs:
                    continue
                if self._grab(code, [modifiers | lock for lock in every]):
                    self._grabs[code, modifiers] = name
                else:
                    lacking[name] = (
                        f"another program has the hotkey {hotkeys[name]} already: choose another one in [keys], or "
                        "take it away there"
                    )
            return lacking

    def down(self) -> set[int]:
        """The codes of all keys that are held."""
        with _lost():
            keys = self._display.query_keymap()
        return {code for code in range(8 * len(keys)) if keys[code // 8] >> (code % 8) & 1}

    def name_of(self, code: int, state: int) -> KeyName | None:
        """The hotkey that this press means. `state`: of the modifiers, as the event has it."""
        return self._grabs.get((code, state & 0xFF & ~self._locks))

    def events(self, timeout_s: float | None) -> Iterator[Any]:
        """What came, after waiting so long for it."""
        with _lost():
            if not self._display.pending_events():
                select.select([self._display], [], [], timeout_s)
            while self._display.pending_events():
                yield self._display.next_event()

    def is_down(self, code: int) -> bool:
        """Whether the key is, whatever events say: one that repeats goes up and down in them."""
        return code in self.down()

    def relearn(self, event: Any) -> None:
        """The keyboard's layout changed."""
        with _lost():
            self._display.refresh_keyboard_mapping(event)

    def _grab(self, code: int, masks: list[int]) -> bool:
        """False where another program has it with one of the masks; then it is had with none."""
        taken = CatchError(BadAccess)
        for mask in masks:
            self._root.grab_key(code, mask, True, X.GrabModeAsync, X.GrabModeAsync, onerror=taken)
        self._display.sync()
        if taken.get_error():
            for mask in masks:
                self._root.ungrab_key(code, mask)
            return False
        return True

    def _codes(self, key: Key) -> set[int]:
        """Where it is on the keyboard, if it is; where it takes no other key to type it, if there is such a place."""
        found = {
            (index, code) for keysym in key.keysyms for code, index in self._display.keysym_to_keycodes(_keysym(keysym))
        }
        least = min((index for index, _ in found), default=0)
        return {code for index, code in found if index == least}

    def _masks(self) -> Mapping[Modifier, int]:
        """The masks of the modifiers on this keyboard; where one has none, the usual one."""
        usual: Mapping[Modifier, int] = {
            "ctrl": X.ControlMask, "alt": X.Mod1Mask, "shift": X.ShiftMask, "super": X.Mod4Mask,
        }  # fmt: skip
        return {name: self._mask_of(*_MODIFIER_KEYSYMS[name]) or mask for name, mask in usual.items()}

    def _lock_masks(self) -> list[int]:
        return sorted({X.LockMask, *(self._mask_of(name) for name in LOCKS)} - {0})

    def _mask_of(self, *keysyms: str) -> int:
        codes = {code for name in keysyms for code, _ in self._display.keysym_to_keycodes(_keysym(name))}
        for bit, keys in enumerate(self._display.get_modifier_mapping()):
            if codes & set(keys):
                return 1 << bit
        return 0


def _knock(name: str) -> None:
    """Raises KeysLost where no server of this machine listens. python-xlib would ask the network for it then."""
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", name)
    if local is None:
        return
    path = f"/tmp/.X11-unix/X{local[1]}"  # noqa: S108 - where X servers listen
    for address in (path, f"\0{path}"):
        with socket.socket(socket.AF_UNIX) as door, suppress(OSError):
            door.connect(address)
            return
    raise KeysLost(f"the X server {name} does not answer: is DISPLAY right?")


def _keysym(name: str) -> int:
    return XK.string_to_keysym(name.replace("XF86", "XF86_"))  # as python-xlib spells them


@contextmanager
def _lost() -> Iterator[None]:
    """What python-xlib raises when the connection breaks, as KeysLost."""
    try:
        yield
    except (ConnectionClosedError, OSError) as error:
        raise KeysLost("the X server is gone") from error
