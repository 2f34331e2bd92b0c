"""Settings of lights that make no sense are told with what to write."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from voiced import installing
from voiced.cli import main
from voiced.config import load_config
from voiced.errors import ConfigError
from voiced.lights.settings import LightSettings, must_be_installed


def loaded(tmp_path: Path, text: str) -> LightSettings:
    file = tmp_path / "voiced.toml"
    file.write_text(text)
    return load_config(file, environ={"HOME": str(tmp_path)}).config.lights


def test_lights_as_people_write_them(tmp_path: Path) -> None:
    lights = loaded(tmp_path, '[lights]\ncommand = ["leds", "-q"]\nrgb = [5, 6, 13]\n[lights.pins]\nmuted = 17\n')
    assert lights == LightSettings(command=("leds", "-q"), rgb=(5, 6, 13), pins={"muted": 17})
    assert lights.wanted
    assert lights.uses_pins
    assert loaded(tmp_path, "[lights]\npins = { listening = 17, thinking = 17 }\n").pins == {
        "listening": 17,
        "thinking": 17,
    }
    assert not loaded(tmp_path, "").wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('command = "leds"', 'write a list: command = ["leds"]'),
        ('command = [""]', 'it names no program: write for example ["/usr/local/bin/leds"]'),
        ('command = ["leds\\u0000"]', "there is a NUL in it"),
        ("rgb = [5, 6]", "write three pins: [red, green, blue]"),
        ("rgb = [5, 6, 6]", "write three pins: [red, green, blue]"),
        ("rgb = [5, 6, 99]", "number 3 of the list: input should be less than or equal to 27"),
        ("pins = { lissening = 17 }", "did you mean listening?"),
        ("pins = { listening = 1 }", "listening: input should be greater than or equal to 2"),
        ("pins = { listening = true }", "listening: input should be a valid integer"),
        ("pins = { off = 17 }", "off is none of idle, "),
        ("pins = { muted = 5 }\nrgb = [5, 6, 13]", "pin 5 is in lights.rgb and in lights.pins; take it out of one"),
        ("command_timeout_s = 0", "command_timeout_s"),
    ],
)
def test_lights_that_make_no_sense(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, f"[lights]\n{text}\n")
    assert told in str(error.value)


@pytest.mark.parametrize("name", ["pins", "rgb"])
def test_pins_need_gpiozero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)  # as where it is not installed
    must_be_installed(LightSettings(command=("leds",)))
    text = {"pins": "pins = { muted = 5 }", "rgb": "rgb = [5, 6, 13]"}[name]
    lights = loaded(tmp_path, f"[lights]\n{text}\n")
    with pytest.raises(ConfigError, match=re.escape(f"lights.{name} needs gpiozero: {installing.GPIO}")):
        must_be_installed(lights)


def test_what_is_not_there_is_told_by_a_look_at_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    file = tmp_path / "voiced.toml"
    file.write_text("lights.rgb = [5, 6, 13]\nearcons.done = '/nowhere/gong.wav'\n")
    assert main(["config", "check", "--config", str(file)]) == 2
    out, complaints = capsys.readouterr()
    assert out == ""
    assert [line.split()[1] for line in complaints.splitlines()] == ["earcons.done:", "lights.rgb"]
