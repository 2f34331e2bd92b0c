"""The plugins that somebody switched off with `voiced plugin disable`: a small file, one name a line.

It lies beside the state of the plugins, under a name that no plugin's state can have: that ends in .json.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from voiced.errors import PluginError

NAME: Final = "plugins.off"

MAX_BYTES: Final = 64 * 1024


def path_in(state_folder: Path) -> Path:
    """Where the file is."""
    return state_folder / NAME


def read(path: Path) -> frozenset[str]:
    """The names; none where there is no file. Raises PluginError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise PluginError(f"{path} can't be read ({error.strerror}); let voiced's user read it") from error
    return frozenset(line.strip() for line in text.splitlines() if line.strip())


def why_off(name: str, disabled: Collection[str], off: Collection[str]) -> str:
    """Why this plugin is not wanted: it is `disabled` in the settings, or switched `off`; or nothing."""
    if name in disabled:
        return "plugins.disabled in the settings names it"
    if name in off:
        return f"disabled by `voiced plugin disable`; `voiced plugin enable {name}` turns it on"
    return ""


def write(path: Path, names: Iterable[str]) -> None:
    """Replace the file, whole or not at all. Raises PluginError."""
    data = "".join(f"{name}\n" for name in sorted(names)).encode()
    if len(data) > MAX_BYTES:
        raise PluginError(f"{path} would have {len(data)} bytes; {MAX_BYTES} are allowed")
    new = path.with_name(f"{NAME}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise PluginError(f"{path} can't be written ({error.strerror})") from error
