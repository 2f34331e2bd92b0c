"""Where the control socket is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from voiced.settings import Settings, setting

_SERVICE: Final = Path("/run/voiced")
"""systemd's runtime directory for the system service."""


class ControlSettings(Settings):
    """The local socket through which `voiced status`, `say`, `ask` and the others reach the daemon."""

    socket: str = setting(
        "",
        "Path of the socket. Empty: control.sock in /run/voiced for the system service, in $XDG_RUNTIME_DIR/voiced "
        "for you.",
    )

    def path_to_serve(self, environ: Mapping[str, str]) -> Path:
        """Where a daemon in this environment listens. systemd names the directory that it made in RUNTIME_DIRECTORY."""
        if self.socket or "RUNTIME_DIRECTORY" not in environ:
            return self.paths_to_try(environ)[0]
        return Path(environ["RUNTIME_DIRECTORY"].partition(":")[0]) / "control.sock"

    def paths_to_try(self, environ: Mapping[str, str]) -> tuple[Path, ...]:
        """Where a daemon may be found: the user's own first, then the system's."""
        if self.socket:
            return (Path(self.socket).expanduser(),)
        own = (Path(environ["XDG_RUNTIME_DIR"]) / "voiced",) if environ.get("XDG_RUNTIME_DIR") else ()
        return tuple(directory / "control.sock" for directory in (*own, _SERVICE))
