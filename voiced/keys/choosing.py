"""Where the keys come from on this desktop; where they can't, one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from voiced import installing
from voiced.keys.settings import SourceName

COMMAND: Final = "bind the command `voiced ptt toggle` to a key in your desktop's settings"
"""Works on every desktop, with no permission at all."""

GROUP: Final = "`sudo usermod -aG input $USER`, then log in again"

Session = Literal["x11", "wayland", "none"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What this desktop has.

    `portal`: somebody serves org.freedesktop.portal.GlobalShortcuts. `keyboards`: there are some in /dev/input, and
    they can be read. `xlib`, `dbus`: python-xlib and dbus-fast are installed.
    """

    session: Session
    portal: bool = False
    keyboards: bool = False
    xlib: bool = True
    dbus: bool = True


@dataclass(frozen=True, slots=True)
class NoSource:
    """`reason` says what to do."""

    reason: str


def session_of(environ: Mapping[str, str]) -> Session:
    """What kind of desktop this process runs on. Wayland has a DISPLAY too, on which nobody can grab a key."""
    kind = environ.get("XDG_SESSION_TYPE", "")
    if kind == "wayland" or (environ.get("WAYLAND_DISPLAY") and kind != "x11"):
        return "wayland"
    return "x11" if environ.get("DISPLAY") else "none"


def choose(wish: Literal["auto"] | SourceName, around: Surroundings) -> SourceName | NoSource:
    """Who watches the keys."""
    match wish:
        case "auto":
            return _best(around)
        case "x11" if not around.xlib:
            return NoSource(f"keys.source = 'x11' needs python-xlib: {_INSTALL}")
        case "x11" if around.session == "none":
            return NoSource(f"keys.source = 'x11', and there is no DISPLAY: {_START_THERE}, or {COMMAND}")
        case "portal" if not around.dbus:
            return NoSource(f"keys.source = 'portal' needs dbus-fast: {_INSTALL}")
        case "portal" if not around.portal:
            return NoSource(f"this desktop has no GlobalShortcuts portal: choose keys.source = 'evdev', or {COMMAND}")
        case "evdev" if not around.keyboards:
            return NoSource(f"no keyboard in /dev/input can be read: {GROUP}; or {COMMAND}")
    return wish


def _best(around: Surroundings) -> SourceName | NoSource:
    if around.session == "wayland" and around.portal and around.dbus:
        return "portal"
    if around.session == "x11" and around.xlib:
        return "x11"
    if around.keyboards:
        return "evdev"
    match around.session:
        case "wayland" if not around.dbus:
            return NoSource(f"a hotkey on Wayland needs dbus-fast: {_INSTALL}; or {COMMAND}")
        case "wayland":
            return NoSource(
                "this Wayland desktop has no GlobalShortcuts portal, and no keyboard in /dev/input can be read: "
                f"{COMMAND}; or let voiced read keyboards: {GROUP}"
            )
        case "x11":
            return NoSource(f"a hotkey on X11 needs python-xlib: {_INSTALL}; or {COMMAND}")
        case "none":
            return NoSource(
                f"there is no DISPLAY, and no keyboard in /dev/input can be read: {_START_THERE}, or read keyboards: "
                f"{GROUP}; or {COMMAND}"
            )


_INSTALL: Final = installing.an_extra("desktop")
_START_THERE: Final = "start voiced in your desktop session (docs/push-to-talk.md)"
