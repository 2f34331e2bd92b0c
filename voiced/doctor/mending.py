"""How commands that mend something are written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voiced.config import Places
from voiced.config.as_toml import toml_value


def in_settings(places: Places, key: str, value: Any) -> str:
    """Open the file of settings, and write this into it.

    >>> in_settings(Places((Path("/dev/null"),), True, {}), "listen.modes", ["open"])
    'nano /dev/null   # below [listen] write: modes = ["open"]'
    """
    section, _, name = key.rpartition(".")
    return f"{edit(places.files[-1])}   # below [{section}] write: {name} = {toml_value(value)}"


def edit(file: Path, line: int = 0) -> str:
    """Open a file in an editor, as root where only root may write it."""
    words = ["nano", *([f"+{line}"] if line else []), str(file)]
    return shlex.join(words if _may_write(file) else ["sudo", *words])


def of_home(file: str, environ: Mapping[str, str]) -> Path:
    """A path as people write it, with ~ for their home."""
    home = environ.get("HOME", "")
    return Path(home, file[2:]) if file.startswith("~/") and home else Path(file)


def _may_write(file: Path) -> bool:
    nearest = next((path for path in (file, *file.parents) if path.exists()), file)
    return os.access(nearest, os.W_OK)
