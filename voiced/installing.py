"""The commands that install something beside this voiced, in the way in which it was installed itself."""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote

_PIPX: Final = "/pipx/venvs/"
_UV: Final = "/uv/tools/"
_DEBIAN: Final = "/usr/lib/voiced"
"""Where these keep what they install. The Debian package has no pip of its own in it."""


def an_extra(name: str, *, prefix: str = sys.prefix) -> str:
    """Install the extra `name` beside this voiced, in the way in which it was installed; voiced itself stays.

    >>> an_extra("echo", prefix="/home/ada/.local/share/pipx/venvs/voiced")
    "pipx runpip voiced install 'voiced[echo]'"
    >>> an_extra("gpio", prefix="/usr/lib/voiced")
    "sudo apt-get install python3-pip && sudo pip --python /usr/lib/voiced/bin/python install 'voiced[gpio]'"
    """
    return a_library(f"voiced[{name}]", prefix=prefix)


def a_library(name: str, *options: str, prefix: str = sys.prefix, pip: bool = find_spec("pip") is not None) -> str:
    """Install a library beside this voiced, in the way in which it was installed.

    `options` are those of pip; `pip` says whether it is there.

    >>> a_library("voiced[echo]", prefix="/nonexistent/voiced", pip=True)
    "sudo /nonexistent/voiced/bin/python -m pip install 'voiced[echo]'"
    >>> a_library("httpx2[socks]", prefix="/home/ada/.local/share/uv/tools/voiced")
    "uv pip install --python /home/ada/.local/share/uv/tools/voiced/bin/python 'httpx2[socks]'"
    """
    python = f"{prefix}/bin/python"
    if prefix == _DEBIAN:
        install = shlex.join(["sudo", "pip", "--python", python, "install", *options, name])
        return f"sudo apt-get install python3-pip && {install}"
    if _PIPX in prefix:
        return shlex.join(["pipx", "runpip", "voiced", "install", *options, name])
    if _UV in prefix or not pip:
        return shlex.join(["uv", "pip", "install", "--python", python, *options, name])
    return shlex.join([*_as_owner(prefix), python, "-m", "pip", "install", *options, name])


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


GPIO: Final = (
    f"{an_extra('gpio')} (with Python 3.13 or later also `sudo apt-get install python3-lgpio`, and an "
    "environment made with --system-site-packages)"
)
"""What pins need: lgpio has wheels up to Python 3.12."""
