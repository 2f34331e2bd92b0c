"""Hotkeys, as people write them."""

from __future__ import annotations

import re

import pytest
from Xlib import XK

from voiced.keys.hotkey import KEYS, hotkey_of


@pytest.mark.parametrize(
    ("text", "meaning", "trigger"),
    [
        ("ctrl+alt+space", "ctrl+alt+space", "CTRL+ALT+space"),
        (" Alt + Control + Space ", "ctrl+alt+space", "CTRL+ALT+space"),
        ("F9", "f9", "F9"),
        ("win+Page_Up", "super+pageup", "LOGO+Prior"),
        ("shift+pause", "shift+pause", "SHIFT+Pause"),
        ("rightctrl", "rightctrl", "Control_R"),
        ("AltGr", "rightalt", "Alt_R"),
        ("mute", "mute", "XF86AudioMute"),
        ("ctrl+a", "ctrl+a", "CTRL+a"),
    ],
)
def test_many_spellings_mean_one_hotkey(text: str, meaning: str, trigger: str) -> None:
    hotkey = hotkey_of(text)
    assert (str(hotkey), hotkey.trigger) == (meaning, trigger)
    assert hotkey_of(meaning) == hotkey


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ctrl+spce", "there is no key 'spce'; did you mean 'space'?"),
        ("ctrl+ß", "there is no key 'ß'; write such as 'f9', 'pause' or 'ctrl+alt+space'"),
        ("ctrl+", "there is no key ''; write such as 'f9', 'pause' or 'ctrl+alt+space'"),
        ("f25", "there is no key 'f25'; did you mean 'f5'?"),
        ("space+x", "'space' is no modifier; write ctrl, alt, shift or super"),
        ("hyper+f9", "'hyper' is no modifier; write ctrl, alt, shift or super"),
        ("ctrl+alt", "'ctrl+alt' has modifiers alone; end it with a key, as in alt+space, or use 'rightalt'"),
        ("a", "'a' alone could not be typed any more; add ctrl, alt or super, as in 'ctrl+alt+a'"),
        ("shift+a", "'shift+a' alone could not be typed any more; add ctrl, alt or super, as in 'ctrl+alt+a'"),
        ("ctrl+rightalt", "'ctrl+rightalt': rightalt works alone only"),
    ],
)
def test_what_can_be_no_hotkey_says_what_can(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        hotkey_of(text)


def test_every_key_has_its_own_code_and_names_that_x11_knows() -> None:
    XK.load_keysym_group("xf86")
    XK.load_keysym_group("xkb")
    assert len({key.code for key in KEYS.values()}) == len(KEYS)
    unknown = [
        keysym
        for key in KEYS.values()
        for keysym in key.keysyms
        if not XK.string_to_keysym(keysym.replace("XF86", "XF86_"))
    ]
    assert unknown == []
