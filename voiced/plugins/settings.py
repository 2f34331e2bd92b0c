"""Settings of the plugins."""

from __future__ import annotations

import os
from pathlib import Path

from voiced.settings import Settings, setting


class PluginSettings(Settings):
    """Tools: where they are found, and how much of the machine one of them may take."""

    folder: str = setting("", "Folder of .py plugins. Empty: $XDG_CONFIG_HOME/voiced/plugins.")
    disabled: tuple[str, ...] = setting(
        (), "Plugins that are not loaded, by name: an entry point's, or a file's without its .py."
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

    def path(self) -> Path:
        """The folder, with its default filled in."""
        if self.folder:
            return Path(self.folder).expanduser()
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(base).expanduser() / "voiced" / "plugins"
