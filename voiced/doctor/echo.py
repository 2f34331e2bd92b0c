"""Whether voiced can hear people while it speaks, without hearing itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Final, Literal

from voiced import installing
from voiced.config import Places
from voiced.doctor import mending
from voiced.doctor.case import Case
from voiced.doctor.finding import Finding

WITHIN_S: Final = 10.0

_TRIAL: Final = "import os; from voiced.capture.echo import Canceller; Canceller(); os._exit(0)"


def is_installed(within_s: float = WITHIN_S) -> bool:
    """Whether the canceller can really be made here: in another process, which its threads may take with them.

    What is not done `within_s` is slow, which a busy machine is; one that can't be made ends at once.
    """
    if find_spec("livekit") is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-c", _TRIAL],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=within_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
    return done.returncode == 0


def look(case: Case) -> list[Finding]:
    """Nothing where the page of the kiosk hears and speaks: its browser cancels echo itself."""
    if case.browser_is_card:
        return []
    wish = case.config.capture.echo
    return [judged(wish, wish != "off" and is_installed(), case.loaded.places)]


def judged(wish: Literal["auto", "cancel", "half-duplex", "off"], installed: bool, places: Places) -> Finding:
    """`wish`: capture.echo."""
    match wish:
        case "cancel" if not installed:
            what = 'capture.echo is "cancel", and echo cancellation is not installed, or does not load here'
            return Finding("problem", "sound", what, "voiced does not start.", installing.an_extra("echo"))
        case "auto" if not installed:
            what = "echo cancellation is not installed: voiced hears nothing while it speaks"
            return Finding("warning", "sound", what, "Nobody can interrupt it by voice.", installing.an_extra("echo"))
        case "half-duplex":
            what = "voiced hears nothing while it speaks (capture.echo)"
            mend = mending.in_settings(places, "capture.echo", "auto") if installed else installing.an_extra("echo")
            return Finding("note", "sound", what, "Nobody can interrupt it by voice.", mend)
        case "off":
            what = "echo is not cancelled (capture.echo): right for a headset"
            why = "With a loudspeaker it hears itself, and answers itself."
            return Finding("note", "sound", what, why, mending.in_settings(places, "capture.echo", "auto"))
        case _:
            return Finding("ok", "sound", "echo is cancelled: voiced can be interrupted by voice")
