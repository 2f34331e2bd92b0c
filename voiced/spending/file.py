"""The ledger on disk: lines that are appended, so that a process killed at any time loses none that it wrote.

Several processes may append to one file, each under a lock; who only reads needs none: the file is replaced whole.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from voiced.spending.ledger import Ledger, read
from voiced.spending.lines_file import append, rewrite
from voiced.spending.lock import locked

NAME: Final = "spending.jsonl"

COMPACT_AT: Final = 256 * 1024
"""Bytes; and at twice what it was after the last time, where that is more."""

LARGEST: Final = 32 * 1024 * 1024
"""Bytes; such a file is none of ours."""

_TAIL: Final = 64 * 1024
"""Bytes; no line is longer."""


class SpendingFile:
    """In a state folder. Every method may wait for the disk and raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._known: tuple[int, int] | None = None
        self._compact_at = COMPACT_AT

    def read(self) -> tuple[Ledger, int]:
        """What is in it, and how many lines make no sense. An empty ledger where there is none."""
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            return Ledger(), 0
        if len(data) > LARGEST:
            return Ledger(), 1
        whole, _, rest = data.rpartition(b"\n")
        ledger, bad = read(line for line in whole.decode(errors="replace").split("\n") if line.strip())
        torn, _ = read([rest.decode(errors="replace")])  # somebody was killed, or writes just now
        ledger.merge(torn)
        return ledger, bad

    def load(self) -> tuple[Ledger, str]:
        """What is in it, to go on with; and one line for a person where some of it was lost.

        A file with such lines is set aside; what makes sense in it is kept.
        """
        trouble = ""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as alone:
            ledger, bad = self.read()
            if bad:
                aside = self.path.with_suffix(".corrupt")
                trouble = f"{self.path}: {bad} lines make no sense; the file is set aside as {aside.name}"
                if alone:
                    self.path.replace(aside)
                    rewrite(self.path, ledger.lines())
            self._known = self._stamp()
        return ledger, trouble

    def append(self, news: Ledger) -> Ledger | None:
        """Write `news` behind what is there. The whole ledger, where it has more than this process knows."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = "".join(f"{line}\n" for line in news.lines()).encode()
        with self._locked() as alone:
            shared = self._stamp() != self._known
            self._write(data, alone=alone)
            if alone and self.path.stat().st_size > self._compact_at:
                ledger, _ = self.read()
                ledger.compact()
                rewrite(self.path, ledger.lines())
                self._compact_at = max(COMPACT_AT, 2 * self.path.stat().st_size)
            self._known = self._stamp()
            return self.read()[0] if shared else None

    def _write(self, data: bytes, *, alone: bool) -> None:
        """All of `data` or, where no other process may write, nothing."""
        opened = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(opened).st_size
            torn = os.pread(opened, _TAIL, max(size - _TAIL, 0)).rpartition(b"\n")[2]
            if torn and alone and read([torn.decode(errors="replace")])[1]:
                size -= len(torn)  # somebody was killed as he wrote it
                os.ftruncate(opened, size)
            elif torn:
                data = b"\n" + data
            append(opened, data, size, alone=alone)
        finally:
            os.close(opened)

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_size

    def _locked(self) -> AbstractContextManager[bool]:
        """Whether nobody else writes."""
        return locked(self.path.with_suffix(".lock"))
