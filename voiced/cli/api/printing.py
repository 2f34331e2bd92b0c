"""Where the result of a command of `voiced api` goes: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import stat
import sys
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TextIO

from voiced.errors import ConfigError, VoicedError
from voiced.redaction import redacted

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys, apart from tab and line feed."""


class NotWritten(VoicedError):
    """The disk is full, or such."""


class Result(Protocol):
    """Takes the result, in as many pieces as it comes."""

    @property
    def to_terminal(self) -> bool:
        """Whether somebody looks at it as it comes."""

    def text(self, text: str) -> None:
        """Just that."""

    def data(self, data: bytes) -> None:
        """Sound, pictures and files."""

    def line(self, text: str) -> None:
        """A line of text, or several."""

    def json(self, value: object) -> None:
        """A line with one JSON value."""


@contextmanager
def result(arguments: Namespace, out: TextIO, *, binary: bool = False) -> Iterator[Result]:
    """Open it before anything is paid for. Raises ConfigError where it can't be written at all, later NotWritten.

    `binary`: what comes is not for a terminal.
    """
    if (path := target(arguments)) is not None:
        with new_file(path) as file:
            yield _File(path, file)
    elif binary and out.isatty():
        raise ConfigError("what comes is no text for a terminal: write it to a file with --output FILE, or pipe it on")
    else:
        yield Printed(out)


def target(arguments: Namespace) -> Path | None:
    """The file that the result goes to; None for standard output."""
    path: Path | None = arguments.output
    return None if path is None or str(path) == "-" else path


class _Lines(ABC):
    """What both kinds do alike."""

    ascii = False

    @abstractmethod
    def text(self, text: str) -> None: ...

    def line(self, text: str) -> None:
        self.text(text if text.endswith("\n") else f"{text}\n")

    def json(self, value: object) -> None:
        self.text(f"{as_json(value, ascii=self.ascii)}\n")


class Printed(_Lines):
    """On standard output; each piece is there at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._encoding = getattr(out, "encoding", None) or "utf-8"
        self.to_terminal = out.isatty()
        self.ascii = self._encoding.lower().replace("-", "") != "utf8"

    def text(self, text: str) -> None:
        if self.to_terminal:
            text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
        with self._told():
            self._out.write(text.encode(self._encoding, "replace").decode(self._encoding))
            self._out.flush()

    def data(self, data: bytes) -> None:
        with self._told():
            self._out.flush()
            self._out.buffer.write(data)
            self._out.buffer.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())  # or the interpreter complains as it exits
            raise NotWritten(f"standard output takes no more ({error.strerror})") from error


class _File(_Lines):
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.to_terminal = False

    def text(self, text: str) -> None:
        self.data(text.encode(errors="replace"))

    def data(self, data: bytes) -> None:
        with writing(self._path):
            self._file.write(data)


def as_json(value: object, *, ascii: bool = False) -> str:
    """One line."""
    return json.dumps(value, ensure_ascii=ascii, default=str)


def plain(value: object) -> Any:
    """What a helper gives, as JSON has it, without the server's raw answer, which programs can have from the server."""
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.name != "raw"}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def listed(arguments: Namespace, to: Result, items: Iterable[Any], row: Callable[[Any], Sequence[object]]) -> None:
    """Each on a line: its `row` in columns for people, all of it for programs."""
    if arguments.json:
        for item in items:
            to.json(plain(item))
        return
    rows = [[" ".join(str(cell).split()) for cell in row(item)] for item in items]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        to.line("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def deleted(arguments: Namespace, to: Result, id: str) -> None:
    """One thing is no more."""
    if arguments.json:
        to.json({"id": id, "deleted": True})
    else:
        to.line(f"{id} is deleted")


def shown(arguments: Namespace, to: Result, item: object) -> None:
    """One thing: a line for each of its fields for people, one object for programs."""
    fields = plain(item)
    if arguments.json:
        to.json(fields)
        return
    width = max(map(len, fields))
    for name, value in fields.items():
        is_moment = name.endswith(("_at", "_finish")) and isinstance(value, int | float)
        if value not in (None, "", [], {}) and not (is_moment and not value):  # a moment of 0 has not come yet
            if is_moment:
                value = when(value)
            told = value if isinstance(value, str) else as_json(value)
            to.line(f"{name.replace('_', ' ').ljust(width)}  {' '.join(told.split())}")


def when(unix_s: float | None) -> str:
    """A time of the server's, by the clock on the wall."""
    if not unix_s:
        return "-"
    try:
        return f"{datetime.fromtimestamp(unix_s).astimezone():%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return str(unix_s)


def warn(text: str) -> None:
    """What is no result but must be known: a line on standard error."""
    sys.stderr.write(f"voiced: {redacted(text)}\n")


def note(text: str) -> None:
    """What is no result but worth telling whoever sits there: on standard error, where that is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


def check_writable(path: Path) -> None:
    """Before anything is paid for. Raises ConfigError where no file can be there."""
    if path.is_dir():
        raise ConfigError(f"--output {path}: this is a folder: name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {path}: there is no folder {path.parent}: make it first")
    if not is_special(path) and not os.access(path.parent, os.W_OK):
        raise ConfigError(f"--output {path}: nothing can be written to {path.parent}: name another folder")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """It takes the place of `path` at the end, unless there was an error before. Raises ConfigError, NotWritten."""
    check_writable(path)
    if is_special(path):
        with writing(path):
            special = path.open("wb")
        try:
            yield special
            with writing(path):
                special.flush()
        finally:
            with contextlib.suppress(OSError):  # what it does not take was told above
                special.close()
        return
    path = path.resolve()  # the file that a link leads to is replaced, not the link
    beside = path.with_name(f".voiced-{secrets.token_hex(8)}.part")
    try:
        file = beside.open("xb")
    except OSError as error:
        raise ConfigError(f"--output {path}: it can't be written ({error.strerror})") from None
    try:
        with file:
            yield file
            with writing(path):
                file.flush()
                os.fsync(file.fileno())
        with writing(path):
            beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Such as /dev/null, or a named pipe: there is nothing to be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises NotWritten, which names the file, for what the operating system says."""
    try:
        yield
    except OSError as error:
        raise NotWritten(f"{path}: it can't be written ({error.strerror})") from error
