"""What `ctrl+alt+space` means: a key and the modifiers that are held with it, in the words of X11 and of Linux."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, TypeGuard, get_args

Modifier = Literal["ctrl", "alt", "shift", "super"]

MODIFIERS: Final[tuple[Modifier, ...]] = get_args(Modifier)

_OTHER_NAMES: Final = {
    "control": "ctrl", "strg": "ctrl", "option": "alt", "win": "super", "meta": "super", "logo": "super",
    "cmd": "super", "esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "pgup": "pageup",
    "pgdn": "pagedown", "printscreen": "print", "altgr": "rightalt", " ": "space",
}  # fmt: skip
"""What people write for the names below."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `keysyms` are X11's names of it, the most usual first, `code` is the kernel's number.

    `types`: it writes or moves something wherever it is pressed, and can't be a hotkey alone. `modifier`: it is one.
    """

    name: str
    keysyms: tuple[str, ...]
    code: int
    types: bool = False
    modifier: Modifier | None = None


@dataclass(frozen=True, slots=True)
class Hotkey:
    """A key that is pressed while these modifiers, and no other ones, are held."""

    key: Key
    modifiers: frozenset[Modifier] = frozenset()

    def __str__(self) -> str:
        return "+".join((*(name for name in MODIFIERS if name in self.modifiers), self.key.name))

    @property
    def trigger(self) -> str:
        """In the words of the freedesktop shortcuts specification: CTRL+ALT+space."""
        words = {"super": "LOGO"}
        held = (words.get(name, name.upper()) for name in MODIFIERS if name in self.modifiers)
        return "+".join((*held, self.key.keysyms[0]))


def hotkey_of(text: str) -> Hotkey:
    """Such as "ctrl+alt+space" or "F9". Raises ValueError, whose text says what to write instead."""
    *before, name = [_name_of(part) for part in text.split("+")]
    if unknown := [part for part in before if not _is_modifier(part)]:
        raise ValueError(f"{unknown[0]!r} is no modifier; write {', '.join(MODIFIERS[:-1])} or {MODIFIERS[-1]}")
    if _is_modifier(name):
        raise ValueError(f"{text!r} has modifiers alone; end it with a key, as in {name}+space, or use 'right{name}'")
    key = KEYS.get(name)
    if key is None:
        near = get_close_matches(name, KEYS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else "write such as 'f9', 'pause' or 'ctrl+alt+space'"
        raise ValueError(f"there is no key {name!r}; {hint}")
    modifiers = frozenset(part for part in before if _is_modifier(part))
    if key.modifier and modifiers:
        raise ValueError(f"{text!r}: {name} works alone only")
    if key.types and not modifiers - {"shift"}:
        raise ValueError(f"{text!r} alone could not be typed any more; add ctrl, alt or super, as in 'ctrl+alt+{name}'")
    return Hotkey(key, modifiers)


def _name_of(part: str) -> str:
    name = part.strip().lower().replace("_", "") or part
    return _OTHER_NAMES.get(name, name)


def _is_modifier(name: str) -> TypeGuard[Modifier]:
    return name in MODIFIERS


def _keys() -> Mapping[str, Key]:
    """All that can be a hotkey. Codes: linux/input-event-codes.h; keysyms: the X.org keysym tables."""
    keys: list[Key] = []
    for first, row in ((2, "1234567890"), (16, "qwertyuiop"), (30, "asdfghjkl"), (44, "zxcvbnm")):
        keys += [Key(letter, (letter,), first + at, types=True) for at, letter in enumerate(row)]
    for number in range(1, 25):
        code = 58 + number if number <= 10 else 76 + number if number <= 12 else 170 + number
        keys.append(Key(f"f{number}", (f"F{number}",), code))
    for name, keysym, code in _TYPING:
        keys.append(Key(name, (keysym,), code, types=True))
    for name, keysyms, code in _ALONE:
        keys.append(Key(name, keysyms, code))
    for modifier, keysyms, code in _RIGHT:
        keys.append(Key(f"right{modifier}", keysyms, code, modifier=modifier))
    return {key.name: key for key in keys}


_TYPING: Final = (
    ("escape", "Escape", 1), ("minus", "minus", 12), ("equal", "equal", 13), ("backspace", "BackSpace", 14),
    ("tab", "Tab", 15), ("bracketleft", "bracketleft", 26), ("bracketright", "bracketright", 27),
    ("enter", "Return", 28), ("semicolon", "semicolon", 39), ("apostrophe", "apostrophe", 40), ("grave", "grave", 41),
    ("backslash", "backslash", 43), ("comma", "comma", 51), ("period", "period", 52), ("slash", "slash", 53),
    ("space", "space", 57), ("home", "Home", 102), ("up", "Up", 103), ("pageup", "Prior", 104), ("left", "Left", 105),
    ("right", "Right", 106), ("end", "End", 107), ("down", "Down", 108), ("pagedown", "Next", 109),
    ("insert", "Insert", 110), ("delete", "Delete", 111),
)  # fmt: skip

_ALONE: Final[tuple[tuple[str, tuple[str, ...], int], ...]] = (
    ("capslock", ("Caps_Lock",), 58), ("scrolllock", ("Scroll_Lock",), 70), ("print", ("Print",), 99),
    ("mute", ("XF86AudioMute",), 113), ("volumedown", ("XF86AudioLowerVolume",), 114),
    ("volumeup", ("XF86AudioRaiseVolume",), 115), ("pause", ("Pause",), 119), ("menu", ("Menu",), 127),
    ("nextsong", ("XF86AudioNext",), 163), ("playpause", ("XF86AudioPlay",), 164),
    ("previoussong", ("XF86AudioPrev",), 165), ("stopsong", ("XF86AudioStop",), 166),
    ("micmute", ("XF86AudioMicMute",), 248),
)  # fmt: skip

_RIGHT: Final[tuple[tuple[Modifier, tuple[str, ...], int], ...]] = (
    ("ctrl", ("Control_R",), 97),
    ("alt", ("Alt_R", "ISO_Level3_Shift"), 100),
    ("shift", ("Shift_R",), 54),
    ("super", ("Super_R",), 126),
)

KEYS: Final = _keys()
"""By name."""

MODIFIER_CODES: Final[Mapping[int, Modifier]] = {
    29: "ctrl", 97: "ctrl", 56: "alt", 100: "alt", 42: "shift", 54: "shift", 125: "super", 126: "super",
}  # fmt: skip
"""The kernel's numbers of all keys that are modifiers, left and right."""
