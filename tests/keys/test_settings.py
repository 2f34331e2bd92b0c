"""The section [keys], right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiced.config import load_config
from voiced.errors import ConfigError
from voiced.keys.hotkey import hotkey_of
from voiced.keys.settings import KeySettings


def test_by_default_there_is_no_key() -> None:
    settings = KeySettings()
    assert (settings.hotkeys, settings.wanted) == ({}, False)
    assert KeySettings(source="gpio").wanted
    assert KeySettings(stop_hotkey="f12").hotkeys == {"stop": hotkey_of("f12")}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            "hotkey = 'ctrl+spcae'",
            "voiced.toml:2: keys.hotkey is \"ctrl+spcae\"; there is no key 'spcae'; did you mean 'space'?",
        ),
        (
            "hotkey = 'ctrl+alt+m'\nmute_hotkey = 'alt+ctrl+M'",
            "keys: mute_hotkey and hotkey are both ctrl+alt+m; choose another key for one",
        ),
        (
            "hotkey = 'f9'\nsource = 'gpio'",
            "source = 'gpio' is a button and knows no hotkeys; take them away, or choose 'auto'",
        ),
        ("hotkey = 'f9'\nsource = 'usb'", 'keys.source is "usb"; the choices: auto, x11, portal, evdev, gpio'),
        ("source = 'gpio'\ngpio_pin = 40", "keys.gpio_pin is 40"),
    ],
)
def test_each_mistake_gets_one_line(tmp_path: Path, lines: str, complaint: str) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text(f"[keys]\n{lines}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ={})
    assert len(str(caught.value).splitlines()) == 1
    assert complaint in str(caught.value)


def test_notifications_go_where_there_is_a_desktop(tmp_path: Path) -> None:
    desktop = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus"}
    assert KeySettings().notifies(desktop)
    assert not KeySettings().notifies({})
    assert not KeySettings().notifies({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert not KeySettings(notifications="off").notifies(desktop)
    assert KeySettings(notifications="on").notifies({})
