"""How commands that mend something are written."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from voiced.config import Places
from voiced.config.as_toml import toml_value

_PIPX: Final = "/pipx/venvs/"
_UV: Final = "/uv/tools/"
_DEBIAN: Final = "/usr/lib/voiced"
"""Where these keep what they install. The Debian package has no pip of its own in it."""


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


def install(name: str, *, prefix: str = sys.prefix) -> str:
    """Install the extra `name` beside this voiced, in the way in which it was installed; voiced itself stays.

    >>> install("echo", prefix="/home/ada/.local/share/pipx/venvs/voiced")
    "pipx runpip voiced install 'voiced[echo]'"
    >>> install("echo", prefix="/nonexistent/voiced")
    "sudo /nonexistent/voiced/bin/python -m pip install 'voiced[echo]'"
    >>> install("gpio", prefix="/usr/lib/voiced")
    "sudo apt-get install python3-pip && sudo pip --python /usr/lib/voiced/bin/python install 'voiced[gpio]'"
    """
    return library(f"voiced[{name}]", prefix=prefix)


def library(name: str, *, prefix: str = sys.prefix) -> str:
    """Install a library beside this voiced, in the way in which it was installed.

    >>> library("httpx2[socks]", prefix="/home/ada/.local/share/uv/tools/voiced")
    "uv pip install --python /home/ada/.local/share/uv/tools/voiced/bin/python 'httpx2[socks]'"
    """
    python = f"{prefix}/bin/python"
    if prefix == _DEBIAN:
        return f"sudo apt-get install python3-pip && {shlex.join(['sudo', 'pip', '--python', python, 'install', name])}"
    if _PIPX in prefix:
        return shlex.join(["pipx", "runpip", "voiced", "install", name])
    if _UV in prefix or find_spec("pip") is None:
        return shlex.join(["uv", "pip", "install", "--python", python, name])
    return shlex.join([*_as_owner(prefix), python, "-m", "pip", "install", name])


def upgrade(*, prefix: str = sys.prefix) -> str:
    """Get the latest voiced, from where this one was installed."""
    if _PIPX in prefix:
        return "pipx upgrade voiced"
    if _UV in prefix:
        return "uv tool upgrade voiced"
    if prefix == _DEBIAN:
        return "sudo apt-get install ./voiced_*.deb"
    return shlex.join([*_as_owner(prefix), f"{prefix}/bin/python", "-m", "pip", "install", "--upgrade", _origin()])


def _origin() -> str:
    try:
        return _named_in(distribution("voiced").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return "voiced"


def _named_in(direct_url: str) -> str:
    """A folder or an address, by what pip wrote down of it (PEP 610); the name of the package where that is its own.

    >>> _named_in('{"url": "file:///home/ada/my%20voiced", "dir_info": {}}')
    '/home/ada/my voiced'
    >>> _named_in('{"url": "https://example.org/voiced.git", "vcs_info": {"vcs": "git", "commit_id": "4711"}}')
    'git+https://example.org/voiced.git'
    >>> _named_in("{}")
    'voiced'
    """
    written = json.loads(direct_url)
    url = written.get("url", "voiced")
    if kind := written.get("vcs_info", {}).get("vcs"):
        return f"{kind}+{url}"
    return unquote(url.removeprefix("file://"))


def _as_owner(prefix: str) -> list[str]:
    return [] if os.access(prefix, os.W_OK) else ["sudo"]


def _may_write(file: Path) -> bool:
    nearest = next((path for path in (file, *file.parents) if path.exists()), file)
    return os.access(nearest, os.W_OK)
