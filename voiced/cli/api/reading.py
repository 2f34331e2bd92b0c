"""What a command of `voiced api` is given: words, lines and files, each of which may come from standard input."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

from voiced.errors import ConfigError, VoicedError

STDIN: Final = "-"

LARGEST_TEXT: Final = 16 * 1024 * 1024
"""Bytes of a question or of one line; no model reads so much."""

LARGEST_DATA: Final = 64 * 1024 * 1024

LARGEST_JSON: Final = 4 * 1024 * 1024

_SOUNDS: Final = (
    (0, b"ID3", "mp3"),
    (8, b"WAVE", "wav"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (4, b"ftyp", "m4a"),
    (0, b"\x1a\x45\xdf\xa3", "webm"),
)
"""Offset, bytes, and the kind that they tell."""


def text(words: Sequence[str], what: str) -> str:
    """The words; those of standard input for `-`, or where there are none. Raises ConfigError, which names `what`."""
    if not words or list(words) == [STDIN]:
        joined = _from_stdin(what)
    else:
        joined = " ".join(f"\n{_from_stdin(what)}\n" if word == STDIN else word for word in words)
    if not joined.strip():
        raise ConfigError(f"there is no {what}: give it behind the command, or on standard input")
    return checked(joined, what)


def checked(given: str, what: str) -> str:
    """`given`. Raises ConfigError for what was no UTF-8 on the command line."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{what}: this is no UTF-8 text: convert it first, as iconv does") from None
    return given


def check_name(file: str | Path | None) -> None:
    """Raises ConfigError for one that no server can be told."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{file}: the name of this file is no UTF-8 text: rename it") from None


def pictures(given: Sequence[str]) -> list[str | bytes]:
    """Addresses and paths as they are; for `-` what standard input has. Raises ConfigError."""
    return [data("picture") if each == STDIN else each for each in given]


def lines() -> Iterator[str]:
    """Those of standard input that are not empty, each as it comes. Raises ConfigError."""
    stream = _stdin()
    for number in range(1, sys.maxsize):
        data = stream.readline(LARGEST_TEXT + 1)
        if not data:
            return
        if len(data) > LARGEST_TEXT:
            raise ConfigError(f"standard input: line {number} is longer than {LARGEST_TEXT // 2**20} MiB")
        if line := decoded(data, f"standard input: line {number}").strip():
            yield line


def data(what: str) -> bytes:
    """All of standard input. Raises ConfigError."""
    found = _stdin().read(LARGEST_DATA + 1)
    if not found or len(found) > LARGEST_DATA:
        why = "empty" if not found else f"larger than {LARGEST_DATA // 2**20} MiB"
        raise ConfigError(f"standard input, the {what}, is {why}")
    return found


def json_object(path: Path, what: str) -> dict[str, Any]:
    """The one in a file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_JSON + 1)
    except OSError as error:
        raise ConfigError(f"{what} {path}: it can't be read ({error.strerror})") from None
    if len(data) > LARGEST_JSON:
        raise ConfigError(f"{what} {path}: it is larger than {LARGEST_JSON // 2**20} MiB")
    try:
        value = json.loads(decoded(data, f"{what} {path}"))
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{what} {path}: this is no JSON{where}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{what} {path}: this is no JSON object: write {{...}}")
    return value


@contextmanager
def file(given: str | Path, name: str = "") -> Iterator[Path]:
    """The file, for as long as this is open. `-` is one with what standard input has, called `name`: empty for a sound.

    Raises ConfigError where there is nothing.
    """
    if str(given) != STDIN:
        yield Path(given)
        return
    stream = _stdin()
    with TemporaryDirectory(prefix="voiced-") as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        if not path.stat().st_size:
            raise ConfigError("standard input is empty: name a file, or send one")
        path = path.rename(path.with_name(name or f"stdin.{_kind_of_sound(path)}"))
        try:
            yield path
        except VoicedError as error:
            error.args = (str(error).replace(str(path), "standard input"),)
            raise


def _from_stdin(what: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(f"type the {what}; Ctrl-D on a line of its own ends it\n")
    data = _stdin().read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise ConfigError(f"the {what} is longer than {LARGEST_TEXT // 2**20} MiB")
    return decoded(data, "standard input").rstrip("\r\n")


def _stdin() -> BinaryIO:
    if sys.stdin is None:  # closed: <&-
        raise ConfigError("there is no standard input")
    return sys.stdin.buffer


def decoded(data: bytes, what: str) -> str:
    """As text. Raises ConfigError for what is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: this is no UTF-8 text: convert it first, as iconv does") from None


def _kind_of_sound(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    for offset, mark, kind in _SOUNDS:
        if head[offset:].startswith(mark):
            return kind
    return "mp3"  # which may begin with sound at once
