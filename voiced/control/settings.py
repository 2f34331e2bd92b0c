"""The setting of the control socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from voiced.control import place
from voiced.settings import Settings, setting


class ControlSettings(Settings):
    """The local socket through which `voiced status`, `say`, `ask` and the others reach the daemon."""

    socket: str = setting(
        "",
        "Path of the socket. Empty: control.sock in /run/voiced for the system service, in $XDG_RUNTIME_DIR/voiced "
        "for you.",
    )

    def path_to_serve(self, environ: Mapping[str, str]) -> Path:
        """Where a daemon in this environment listens."""
        return place.path_to_serve(self.socket, environ)

    def paths_to_try(self, environ: Mapping[str, str]) -> tuple[Path, ...]:
        """Where a daemon may be found, the likeliest first."""
        return place.paths_to_try(self.socket, environ)
