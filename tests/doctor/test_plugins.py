"""Plugins that are off, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.conftest import MakeCase
from voiced.doctor.finding import Finding
from voiced.doctor.plugins import judged, look, surveyed
from voiced.errors import PluginError


def plugin(name: str, state: str = "on", why: str = "", problems: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "state": state, "why": why, "problems": list(problems)}


def test_plugins_that_are_on() -> None:
    assert list(judged([plugin("clock"), plugin("notes")], "on")) == [Finding("ok", "plugins", "on: clock, notes")]


@pytest.mark.parametrize("state", ["broken", "paused"])
def test_a_plugin_that_does_not_work(state: str) -> None:
    [finding] = judged([plugin("clock"), plugin("weather", state, "it crashed", ("it crashed",))], "on")
    assert (finding.level, finding.what) == ("warning", f"the plugin weather is {state}: it crashed")
    assert finding.mend == "voiced plugin check weather"


def test_a_plugin_that_lacks_something() -> None:
    [finding] = judged([plugin("clock", problems=("a tool has no sentence",))], "on")
    assert (finding.what, finding.mend) == ("the plugin clock: a tool has no sentence", "voiced plugin check clock")


def test_a_plugin_that_somebody_switched_off() -> None:
    why = "disabled by `voiced plugin disable`; `voiced plugin enable notes` turns it on"
    note, fine = judged([plugin("clock"), plugin("mcp", "off", "it needs settings"), plugin("notes", "off", why)], "on")
    assert (note.level, note.what, note.mend) == ("note", "off: mcp, notes", "voiced plugin enable notes")
    assert fine.level == "ok"


def test_plugins_that_nobody_configured() -> None:
    note, _ = judged([plugin("clock"), plugin("mcp", "off", "it needs settings")], "on")
    assert note.mend == "voiced plugin list   # says what each needs"


def test_the_running_voiced_is_asked(case: MakeCase) -> None:
    [finding] = look(case(status={"plugins": [plugin("clock")]}))
    assert finding.what == "on: clock"


def test_without_one_they_are_imported_elsewhere(case: MakeCase, tmp_path: Path) -> None:
    """A plugin that takes its process with it takes nobody else's."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "bad.py").write_text("raise RuntimeError('no such lamp')\n")
    (tmp_path / "voiced.toml").write_text(f'[plugins]\nfolder = "{folder}"\n')
    one = case()
    one = replace(one, loaded=replace(one.loaded, places=replace(one.loaded.places, file_required=True)))
    found = [each for each in look(one) if each.level == "warning"]
    assert [each.mend for each in found] == ["voiced plugin check bad"]
    assert "no such lamp" in found[0].what
    (folder / "bad.py").write_text("import ctypes\nctypes.string_at(0)\n")
    with pytest.raises(PluginError, match="exit code -11"):
        surveyed(one)
