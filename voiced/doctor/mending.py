"""How commands that mend something are written."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from voiced.config import Places
from voiced.config.as_toml import toml_value

_PIPX: Final = "/pipx/venvs/"
_UV: Final = "/uv/tools/"
"""Where these keep what they install."""


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


def install(name: str, *, prefix: str = sys.prefix, python: str = sys.executable) -> str:
    """Install the extra `name`, in the way in which this voiced was installed.

    >>> install("echo", prefix="/home/ada/.local/share/pipx/venvs/voiced")
    "pipx install --force 'voiced[echo]'"
    >>> install("echo", prefix="/opt/voiced", python="/opt/voiced/bin/python")
    "/opt/voiced/bin/python -m pip install 'voiced[echo]'"
    """
    wanted = f"voiced[{name}]"
    if _PIPX in prefix:
        return shlex.join(["pipx", "install", "--force", wanted])
    if _UV in prefix:
        return shlex.join(["uv", "tool", "install", "--force", wanted])
    return shlex.join([python, "-m", "pip", "install", wanted])


def library(name: str, *, prefix: str = sys.prefix, python: str = sys.executable) -> str:
    """Install a library beside this voiced, in the way in which it was installed."""
    if _PIPX in prefix:
        return shlex.join(["pipx", "inject", "voiced", name])
    if _UV in prefix:
        return shlex.join(["uv", "tool", "install", "--force", "voiced", "--with", name])
    return shlex.join([python, "-m", "pip", "install", name])


def upgrade(*, prefix: str = sys.prefix, python: str = sys.executable) -> str:
    """Get the latest voiced, in the way in which this one was installed."""
    if _PIPX in prefix:
        return "pipx upgrade voiced"
    if _UV in prefix:
        return "uv tool upgrade voiced"
    return shlex.join([python, "-m", "pip", "install", "--upgrade", "voiced"])


def _may_write(file: Path) -> bool:
    nearest = next((path for path in (file, *file.parents) if path.exists()), file)
    return os.access(nearest, os.W_OK)
