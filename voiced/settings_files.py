"""Where files of settings are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

SYSTEM_FILE: Final = Path("/etc/voiced/voiced.toml")


def user_file(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CONFIG_HOME/voiced/voiced.toml`, or the same under `~/.config`; None where there is no home."""
    if base := environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "voiced" / "voiced.toml"
    if home := environ.get("HOME"):
        return Path(home) / ".config" / "voiced" / "voiced.toml"
    return None
