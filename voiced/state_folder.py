"""Where voiced keeps what must survive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SERVICE: Final = Path("/var/lib/voiced")
"""systemd's state directory for the system service."""


def state_folder(environ: Mapping[str, str]) -> Path:
    """That of a daemon in this environment: systemd's state directory, or $XDG_STATE_HOME/voiced."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    base = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".local" / "state"
    return Path(base) / "voiced"


def state_folders_to_try(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the state of a daemon may be found: the user's own first, then the system service's."""
    own = state_folder(environ)
    return (own,) if own == _SERVICE else (own, _SERVICE)
