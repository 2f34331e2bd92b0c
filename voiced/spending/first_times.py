"""Names that were given before, kept over restarts: what is paid for once is counted once."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from voiced.spending.lines_file import append, rewrite
from voiced.spending.lock import locked

NAME: Final = "counted.txt"

KEPT: Final = 1000
"""Names, the newest. What is older than so many others counts again: rather too much than too little."""

LONGEST_NAME: Final = 128
"""Characters."""

_MOST_BYTES: Final = 4 * 2 * KEPT * (LONGEST_NAME + 1)
"""Of the end of the file, that are read; there are never so many."""


class FirstTimes:
    """A file in a state folder, one name on each line. Several processes may have it, and any thread may ask.

    `folder`: where voiced keeps its state.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._asked: dict[str, None] = {}
        self._turn = threading.Lock()
        self.trouble = ""
        """One line for a person where the file can't be read or written; empty where all is well."""

    def is_first(self, name: str) -> bool:
        """Whether nobody gave this name before; it is given from now on. May wait for the disk, up to seconds.

        Where the disk fails, what this process remembers must do.
        """
        name = " ".join(name.split())[:LONGEST_NAME]
        with self._turn:
            if name in self._asked:
                return False
            try:
                first = self._note(name)
                self.trouble = ""
            except OSError as error:
                first, self.trouble = True, f"{self.path}: what was counted is not written down ({error.strerror})"
            self._asked[name] = None
            if len(self._asked) > KEPT:
                del self._asked[next(iter(self._asked))]
            return first

    def _note(self, name: str) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_suffix(".lock")) as alone:
            opened = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                names, torn = _read(opened)
                if name in names:
                    return False
                if alone and (len(names) >= 2 * KEPT or os.fstat(opened).st_size > _MOST_BYTES):
                    rewrite(self.path, [*names[-KEPT + 1 :], name])
                else:
                    _append(opened, name, torn, alone=alone)
            finally:
                os.close(opened)
        return True


def _read(opened: int) -> tuple[list[str], int]:
    """The names, oldest first, and the bytes of a line without an end, which somebody left who was killed."""
    size = os.fstat(opened).st_size
    data = os.pread(opened, _MOST_BYTES, max(size - _MOST_BYTES, 0))
    if size > _MOST_BYTES:
        data = data.partition(b"\n")[2]
    whole, _, torn = data.rpartition(b"\n")
    return [line for line in whole.decode(errors="replace").split("\n") if line], len(torn)


def _append(opened: int, name: str, torn: int, *, alone: bool) -> None:
    """All of the line or, where no other process may write, nothing."""
    size = os.fstat(opened).st_size
    data = f"{name}\n".encode()
    if torn and alone:
        size -= torn
        os.ftruncate(opened, size)
    elif torn:
        data = b"\n" + data
    append(opened, data, size, alone=alone)
