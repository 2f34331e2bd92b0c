"""Settings of the plugins."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from pydantic import field_validator

from voiced.api import PERMISSIONS
from voiced.settings import Settings, setting


class PluginSettings(Settings):
    """Tools: where they are found, and how much of the machine one of them may take."""

    folder: str = setting("", "Folder of .py plugins. Empty: $XDG_CONFIG_HOME/voiced/plugins.")
    disabled: tuple[str, ...] = setting(
        (), "Plugins that are not loaded, by name: an entry point's, or a file's without its .py."
    )
    denied: tuple[str, ...] = setting(
        (),
        "Permissions that plugins do not get: 'network', 'say', 'listen', 'files' or 'api' from all of them, "
        "'weather.network' from one. A tool that needs one is not offered.",
    )
    timeout_s: float = setting(
        15.0, "A tool that takes longer is given up; people wait for its answer.", unit="s", gt=0, le=600
    )
    max_output_bytes: int = setting(
        16 * 1024, "Longer answers of a tool are cut: the model pays for each word.", unit="bytes", ge=256, le=1024**2
    )
    max_parallel: int = setting(
        8, "Calls of async tools at one time, and as many of plain ones; one more is refused at once.", ge=1, le=64
    )

    @field_validator("denied")
    @classmethod
    def _known(cls, denied: tuple[str, ...]) -> tuple[str, ...]:
        for entry in denied:
            permission = entry.rpartition(".")[2]
            if permission not in PERMISSIONS:
                near = get_close_matches(permission, PERMISSIONS, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                raise ValueError(
                    f"there is no permission {permission}; {meant}there are {', '.join(PERMISSIONS)}, "
                    "or one plugin's, such as weather.network"
                )
        return denied

    def path(self) -> Path:
        """The folder, with its default filled in."""
        if self.folder:
            return Path(self.folder).expanduser()
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(base).expanduser() / "voiced" / "plugins"
