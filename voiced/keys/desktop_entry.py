"""The desktop entry through which a desktop's portal knows voiced: its name in dialogs and in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

APP_ID: Final = "local.voiced.Assistant"
"""As the portal wants it: the name of the entry's file, with dots in it."""

_ENTRY: Final = """\
[Desktop Entry]
Type=Application
Name=voiced
Comment=Voice assistant
Exec=voiced run
Icon=audio-input-microphone
NoDisplay=true
"""


def install(environ: Mapping[str, str]) -> Path | None:
    """Where the entry is, after it was written if it was not there; None where it can't be. Blocks for a moment."""
    data = environ.get("XDG_DATA_HOME") or (f"{environ['HOME']}/.local/share" if environ.get("HOME") else "")
    if not data:
        return None
    entry = Path(data, "applications", f"{APP_ID}.desktop")
    try:
        if not entry.exists():
            entry.parent.mkdir(parents=True, exist_ok=True)
            entry.write_text(_ENTRY)
    except OSError:
        return None
    return entry
