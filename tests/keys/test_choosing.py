"""Which source a desktop gets, and what it is told where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from voiced import installing
from voiced.keys.choosing import COMMAND, GROUP, NoSource, Session, Surroundings, choose, session_of


@pytest.mark.parametrize(
    ("environ", "session"),
    [
        ({}, "none"),
        ({"DISPLAY": ":0"}, "x11"),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, "x11"),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, "wayland"),
        ({"XDG_SESSION_TYPE": "tty"}, "none"),
        ({"XDG_SESSION_TYPE": "x11"}, "none"),
    ],
)
def test_what_kind_of_desktop_it_is(environ: dict[str, str], session: Session) -> None:
    assert session_of(environ) == session


@pytest.mark.parametrize(
    ("around", "source"),
    [
        (Surroundings("x11"), "x11"),
        (Surroundings("x11", portal=True, keyboards=True), "x11"),
        (Surroundings("x11", keyboards=True, xlib=False), "evdev"),
        (Surroundings("wayland", portal=True, keyboards=True), "portal"),
        (Surroundings("wayland", keyboards=True), "evdev"),
        (Surroundings("none", keyboards=True), "evdev"),
    ],
)
def test_the_best_one_serves(around: Surroundings, source: str) -> None:
    assert choose("auto", around) == source


@pytest.mark.parametrize(
    ("wish", "around", "words"),
    [
        ("auto", Surroundings("none"), ["no DISPLAY", GROUP, COMMAND]),
        ("auto", Surroundings("wayland"), ["no GlobalShortcuts portal", GROUP, COMMAND]),
        ("auto", Surroundings("wayland", portal=True, dbus=False), [installing.an_extra("desktop"), COMMAND]),
        ("auto", Surroundings("x11", xlib=False), [installing.an_extra("desktop"), COMMAND]),
        ("x11", Surroundings("none", keyboards=True), ["no DISPLAY", COMMAND]),
        ("x11", Surroundings("x11", xlib=False), [installing.an_extra("desktop")]),
        ("portal", Surroundings("wayland", keyboards=True), ["no GlobalShortcuts portal", "'evdev'", COMMAND]),
        ("portal", Surroundings("wayland", dbus=False), [installing.an_extra("desktop")]),
        ("evdev", Surroundings("x11"), ["can be read", GROUP, COMMAND]),
    ],
)
def test_where_none_serves_it_says_what_to_do(wish: Any, around: Surroundings, words: list[str]) -> None:
    chosen = choose(wish, around)
    assert isinstance(chosen, NoSource)
    assert [word for word in words if word not in chosen.reason] == []


def test_who_asks_for_one_gets_that_one() -> None:
    everything = Surroundings("wayland", portal=True, keyboards=True)
    assert [choose(wish, everything) for wish in ("x11", "portal", "evdev", "gpio")] == [
        "x11",
        "portal",
        "evdev",
        "gpio",
    ]
