"""docs/push-to-talk.md: its settings are settings, its keys are keys, and its commands are what voiced tells people."""

from __future__ import annotations

import re
from pathlib import Path

from voiced.config import load_config
from voiced.keys.choosing import COMMAND, GROUP
from voiced.keys.desktop_entry import APP_ID
from voiced.keys.hotkey import hotkey_of
from voiced.keys.settings import KeySettings

PAGE = (Path(__file__).parents[2] / "docs" / "push-to-talk.md").read_text()


def test_its_settings_can_be_loaded(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "voiced.toml"
    loaded = []
    for block in blocks:
        file.write_text(block)
        config = load_config(file, environ={}).config
        loaded.append((config.listen.modes, config.keys.source, [str(key) for key in config.keys.hotkeys.values()]))
    assert loaded == [(("ptt",), "auto", ["ctrl+alt+space"]), (("ptt",), "gpio", [])]


def test_the_keys_that_it_names_are_keys() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `keys.hotkey`")]
    named = [*re.findall(r"`([^`]+)`", row)[1:], "pause", "scrolllock", "menu", "f13"]
    keys = [name for name in named if name not in ("ctrl", "alt", "shift", "super")]
    assert len(keys) >= 8
    assert [str(hotkey_of(key)) for key in keys] == keys


def test_every_setting_of_its_table_is_one() -> None:
    table = set(re.findall(r"^\| `keys\.(\w+)`", PAGE, re.MULTILINE))
    assert table | {"gpio_pin"} == set(KeySettings.model_fields)


def test_it_says_what_voiced_tells_people() -> None:
    assert re.findall("`([^`]+)`", COMMAND)[0] in PAGE
    assert re.findall("`([^`]+)`", GROUP)[0] in PAGE
    assert APP_ID in PAGE
