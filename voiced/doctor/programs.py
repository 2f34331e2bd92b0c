"""Programs of the system that tell how it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

PATIENCE_S: Final = 2.0
"""They look something up; one that does not answer by then asks a daemon that is not there."""

_PLAIN: Final = {"LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}


def is_there(program: str) -> bool:
    return shutil.which(program) is not None


def said(*command: str, within_s: float = PATIENCE_S) -> str | None:
    """What it writes to its standard output; None where it is not there, fails, or takes too long."""
    if (program := shutil.which(command[0])) is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # our own words, and no shell
            [program, *command[1:]],
            env={**os.environ, **_PLAIN}, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="replace", timeout=within_s, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout
