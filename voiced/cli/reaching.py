"""How the command line reaches the daemon: where its socket may be, and how long it may take to answer."""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from voiced.control import place
from voiced.errors import ConfigError
from voiced.settings_files import SYSTEM_FILE, user_file

PROMPTLY_S: Final = 10.0
"""Everything but an answer comes at once, or the daemon hangs."""


def paths(arguments: Namespace) -> tuple[Path, ...]:
    """Where the daemon may be, by all settings. One in its usual place is found also while somebody edits them."""
    from voiced.cli.settings import load  # here: all settings take ten times as long to import as an order to be obeyed
    from voiced.control.settings import ControlSettings

    try:
        return load(arguments).config.control.paths_to_try(os.environ)
    except ConfigError:
        usual = ControlSettings().paths_to_try(os.environ)
        if arguments.config or arguments.overrides or not any(map(os.path.exists, usual)):
            raise
        return usual


def paths_at_once(arguments: Namespace) -> tuple[Path, ...]:
    """The same, where nothing but files says where the socket is; mistakes in other settings are not looked for."""
    if not arguments.overrides and not any(name.upper().startswith("VOICED_CONTROL") for name in os.environ):
        with suppress(OSError, ValueError):  # `paths` says it better
            return place.paths_to_try(_named_in_files(arguments.config), os.environ)
    return paths(arguments)


def _named_in_files(only: Path | None) -> str:
    """`control.socket` in the file that counts. Raises OSError and ValueError where one can't be read."""
    files = (only,) if only is not None else (SYSTEM_FILE, user_file(os.environ))
    named = ""
    for file in files:
        if file is None or (only is None and not file.exists()):
            continue
        control = _tables(file).get("control", {})
        socket = control.get("socket", named) if isinstance(control, dict) else None
        if not isinstance(socket, str):
            raise ValueError("control.socket is no text")
        named = socket
    return named


def _tables(file: Path) -> dict[str, Any]:
    import tomllib  # here, since most have no file

    return tomllib.loads(file.read_bytes().decode())
