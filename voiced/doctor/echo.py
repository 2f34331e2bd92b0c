"""Whether voiced can hear people while it speaks, without hearing itself."""

from __future__ import annotations

from typing import Literal

from voiced.capture.echo import Canceller
from voiced.config import Places
from voiced.doctor import mending
from voiced.doctor.finding import Finding
from voiced.errors import ConfigError


def is_installed() -> bool:
    """Whether the canceller can really be made here."""
    try:
        Canceller()
    except ConfigError:
        return False
    return True


def judged(wish: Literal["auto", "cancel", "half-duplex", "off"], installed: bool, places: Places) -> Finding:
    """`wish`: capture.echo."""
    match wish:
        case "cancel" if not installed:
            what = 'capture.echo is "cancel", and echo cancellation is not installed, or does not load here'
            return Finding("problem", "sound", what, "voiced does not start.", mending.install("echo"))
        case "auto" if not installed:
            what = "echo cancellation is not installed: voiced hears nothing while it speaks"
            return Finding("warning", "sound", what, "Nobody can interrupt it by voice.", mending.install("echo"))
        case "half-duplex":
            what = "voiced hears nothing while it speaks (capture.echo)"
            mend = mending.in_settings(places, "capture.echo", "auto") if installed else mending.install("echo")
            return Finding("note", "sound", what, "Nobody can interrupt it by voice.", mend)
        case "off":
            what = "echo is not cancelled (capture.echo): right for a headset"
            why = "With a loudspeaker it hears itself, and answers itself."
            return Finding("note", "sound", what, why, mending.in_settings(places, "capture.echo", "auto"))
        case _:
            return Finding("ok", "sound", "echo is cancelled: voiced can be interrupted by voice")
