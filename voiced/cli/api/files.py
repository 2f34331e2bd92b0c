"""`voiced api files`: files at the server."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import Result, deleted, listed, plain, result, shown, when
from voiced.cli.api.progress import progress
from voiced.cli.api.session import session
from voiced.errors import ConfigError

if TYPE_CHECKING:
    from voiced.ai.files import FileObject

DAY_S: Final = 86_400

_CHUNK: Final = 64 * 1024

_LINES: Final = ("batch", "fine-tune")
"""Purposes of files with one JSON object on each line."""


def list_all(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        listed(arguments, to, api.run(api.ai.files.list(arguments.purpose, **api.server)), _row)
    return 0


def upload(arguments: Namespace, out: TextIO) -> int:
    name = arguments.name or ("stdin.jsonl" if arguments.purpose in _LINES else "")
    if arguments.file == reading.STDIN and not name:
        raise ConfigError("what comes from standard input needs a name, such as --name notes.txt")
    if name != Path(name).name or name in (".", ".."):
        raise ConfigError(f"--name {name}: this is no name of a file")
    life = {} if arguments.days is None else {"expires_after_s": arguments.days * DAY_S}
    with (
        reading.file(arguments.file, name) as file,
        session(arguments) as api,
        result(arguments, out) as to,
        progress("sending", "B") as told,
    ):
        made = api.run(api.ai.files.upload(file, arguments.purpose, progress=told, **life, **api.server))
        if arguments.json:
            to.json(plain(made))
        else:
            to.line(made.id)
    return 0


def get(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        shown(arguments, to, api.run(api.ai.files.get(arguments.id, **api.server)))
    return 0


def download(arguments: Namespace, out: TextIO) -> int:
    """By way of a file: one that breaks off in its middle is no result."""
    with session(arguments) as api, result(arguments, out) as to, TemporaryDirectory(prefix="voiced-") as folder:
        copy = Path(folder, "file")
        with progress("fetching", "B") as told:
            api.run(api.ai.files.save(arguments.id, copy, progress=told, **api.server))
        _pass_on(copy, to)
    return 0


def delete(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        for file_id in arguments.ids:
            api.run(api.ai.files.delete(file_id, **api.server))
            deleted(arguments, to, file_id)
    return 0


def _pass_on(copy: Path, to: Result) -> None:
    if to.to_terminal:
        try:
            to.line(copy.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise ConfigError("what is in it is no text for a terminal: use --output FILE, or pipe it on") from None
        return
    with copy.open("rb") as file:
        while piece := file.read(_CHUNK):
            to.data(piece)


def _row(file: FileObject) -> tuple[object, ...]:
    return file.id, file.purpose, f"{file.bytes:>10,}", when(file.created_at), file.status, file.filename
