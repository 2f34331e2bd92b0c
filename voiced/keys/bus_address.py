"""Where the session bus of this environment is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def bus_address(environ: Mapping[str, str]) -> str:
    """As D-Bus writes it; empty where there is none. systemd's user bus needs no variable of its own."""
    if given := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return given
    socket = Path(environ["XDG_RUNTIME_DIR"], "bus") if environ.get("XDG_RUNTIME_DIR") else None
    return f"unix:path={socket}" if socket is not None and socket.is_socket() else ""
