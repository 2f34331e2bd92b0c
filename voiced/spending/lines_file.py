"""Writing lines to a file so that what was in it is never lost, whoever is killed and whenever the disk is full."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def append(opened: int, data: bytes, size: int, *, alone: bool) -> None:
    """All of `data` or, where no other process may write (`alone`), nothing: the file has `size` bytes again.

    Raises OSError.
    """
    try:
        while data:
            data = data[os.write(opened, data) :]
        os.fsync(opened)
    except OSError:
        if alone:
            with contextlib.suppress(OSError):
                os.ftruncate(opened, size)
        raise


def rewrite(path: Path, lines: Iterable[str]) -> None:
    """Have these lines in the place of all that was there: it is replaced whole, or not at all. Raises OSError."""
    new = path.with_suffix(".new")
    with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.writelines(f"{line}\n".encode() for line in lines)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
