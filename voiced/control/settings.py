"""Where the control socket is."""

from __future__ import annotations

from voiced.settings import Settings, setting


class ControlSettings(Settings):
    """The local socket through which `voiced status`, `say`, `ask` and the others reach the daemon."""

    socket: str = setting(
        "",
        "Path of the socket. Empty: control.sock in systemd's runtime directory (/run/voiced) for a service, "
        "in $XDG_RUNTIME_DIR/voiced for you.",
    )
