"""The order in which findings are told, and that each says how it is mended."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import voiced.doctor
from voiced.doctor.finding import Finding, gravest_first
from voiced.doctor.wording import lines

CLOCK = Finding("problem", "clock", "it is slow", "Alarms are late.", "sudo timedatectl set-ntp true   # and wait")
NO_KEY = Finding("problem", "key", "there is none", mend="export OPENAI_API_KEY=…")
QUIET = Finding("warning", "sound", "it is quiet", mend="wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 90%")
OFF = Finding("note", "plugins", "off: mcp", mend="voiced plugin list")
FINE = Finding("ok", "disk", "room enough")


def test_the_gravest_comes_first_and_what_makes_others_look_broken_before_them() -> None:
    assert gravest_first([FINE, QUIET, NO_KEY, OFF, CLOCK, NO_KEY]) == [CLOCK, NO_KEY, QUIET, OFF, FINE]


@pytest.mark.parametrize("level", ["problem", "warning"])
def test_what_is_wrong_says_how_it_is_mended(level: str) -> None:
    with pytest.raises(ValueError, match="nothing is said of how to mend it: it is slow"):
        Finding(level, "clock", "it is slow")  # type: ignore[arg-type]


def test_problems_in_words() -> None:
    assert list(lines([CLOCK, QUIET, OFF, FINE])) == [
        "1 problem and 1 warning; what is best mended first comes first.",
        "",
        "problem   clock: it is slow",
        "          Alarms are late.",
        "          mend it:  sudo timedatectl set-ntp true",
        "                    (and wait)",
        "",
        "warning   sound: it is quiet",
        "          mend it:  wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 90%",
        "",
        "note      plugins: off: mcp",
        "          to change it:  voiced plugin list",
        "ok        disk: room enough",
    ]


def test_a_healthy_machine_gets_one_line_for_each_area() -> None:
    found = [FINE, Finding("ok", "sound", "the microphone works"), Finding("ok", "sound", "so does the loudspeaker")]
    assert list(lines(gravest_first(found))) == [
        "Everything is fine.",
        "",
        "ok        disk: room enough",
        "ok        sound: the microphone works; so does the loudspeaker",
    ]


def test_colours_do_not_move_the_words() -> None:
    plain = list(lines([CLOCK, FINE]))
    coloured = "\n".join(lines([CLOCK, FINE], colours=True))
    assert "\x1b[1;31mproblem\x1b[0m   clock" in coloured
    for code in ("\x1b[1;31m", "\x1b[32m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured.splitlines() == plain


def test_commands_are_never_wrapped() -> None:
    long = Finding("problem", "disk", "it " + "fills " * 40, mend="df -h " + "/very/long/path" * 10)
    assert any(line.strip() == f"mend it:  {long.mend}" for line in lines([long], width=60))
    assert max(map(len, list(lines([long], width=60))[:6])) <= 60


def test_the_examples_in_the_code() -> None:
    for module in pkgutil.iter_modules(voiced.doctor.__path__, "voiced.doctor."):
        failed, _ = doctest.testmod(importlib.import_module(module.name))
        assert not failed, module.name
