"""`voiced api stores`: files at the server that can be searched."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import Result, deleted, listed, plain, result, when
from voiced.cli.api.progress import progress
from voiced.cli.api.session import Session, session

if TYPE_CHECKING:
    from voiced.ai.vector_stores import VectorStore


def list_all(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        listed(arguments, to, api.run(api.ai.vector_stores.list(**api.server)), _row)
    return 0


def create(arguments: Namespace, out: TextIO) -> int:
    options = {"expires_days": arguments.days} if arguments.days is not None else {}
    with session(arguments) as api, result(arguments, out) as to:
        with progress("sending", " files", shown=bool(arguments.files)) as told:
            made = api.run(
                api.ai.vector_stores.create(
                    arguments.name, files=arguments.files, progress=told, **options, **api.server
                )
            )
        if not arguments.json:
            to.line(made.id)
        if arguments.files:
            made = _taken_in(api, made.id)
        if arguments.json:
            to.json(plain(made))
    return 0


def put(arguments: Namespace, out: TextIO) -> int:
    """Each file on its own: those that were sent stay where a later one fails."""
    with session(arguments) as api, result(arguments, out) as to:
        _send(api, arguments, arguments.files, to)
        _taken_in(api, arguments.store)
    return 0


def search(arguments: Namespace, out: TextIO) -> int:
    query = reading.text(arguments.text, "query")
    with session(arguments) as api, result(arguments, out) as to:
        found = api.run(api.ai.vector_stores.search(arguments.store, query, most=arguments.most, **api.server))
        for each in found:
            if arguments.json:
                to.json(plain(each))
            else:
                to.line(f"{each.score:.2f}\t{each.filename}\t{' '.join(each.text.split())}")
    return 0


def delete(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        for store in arguments.ids:
            api.run(api.ai.vector_stores.delete(store, **api.server))
            deleted(arguments, to, store)
    return 0


def _send(api: Session, arguments: Namespace, files: Sequence[Path], to: Result) -> None:
    with progress("sending", " files") as told:
        for number, file in enumerate(files, 1):
            stored = api.run(api.ai.vector_stores.add(arguments.store, file, **api.server))
            if arguments.json:
                to.json({"file": str(file), **plain(stored)})
            else:
                to.line(f"{stored.id}  {file}")
            if told is not None:
                told(number, len(files))


def _taken_in(api: Session, store: str) -> VectorStore:
    within = {name: value for name, value in api.server.items() if value is not None}  # it has a deadline of its own
    with progress("taking in", " files") as told:
        return api.run(api.ai.vector_stores.wait(store, progress=told, **within))


def _row(store: VectorStore) -> tuple[object, ...]:
    files = f"{store.files.total} file{'s' * (store.files.total != 1)}"
    until = f"until {when(store.expires_at)}" if store.expires_at else ""
    return store.id, store.status, files, f"{store.bytes:,}", when(store.created_at), store.name, until
