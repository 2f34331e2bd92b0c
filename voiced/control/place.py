"""Where the control socket is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SERVICE: Final = Path("/run/voiced")
"""systemd's runtime directory for the system service."""


def path_to_serve(named: str, environ: Mapping[str, str]) -> Path:
    """Where a daemon in this environment listens. systemd names the directory that it made in RUNTIME_DIRECTORY."""
    if named or "RUNTIME_DIRECTORY" not in environ:
        return paths_to_try(named, environ)[0]
    return Path(environ["RUNTIME_DIRECTORY"].partition(":")[0]) / "control.sock"


def paths_to_try(named: str, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where a daemon may be found: where the settings name it, else the user's own first, then the system's."""
    if named:
        return (Path(named).expanduser(),)
    own = (Path(environ["XDG_RUNTIME_DIR"]) / "voiced",) if environ.get("XDG_RUNTIME_DIR") else ()
    return tuple(directory / "control.sock" for directory in (*own, _SERVICE))
