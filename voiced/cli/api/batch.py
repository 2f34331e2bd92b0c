"""`voiced api batch`: many requests in one file, and what came of each."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import listed, note, plain, result, shown, warn, when
from voiced.cli.api.progress import progress
from voiced.cli.api.session import Session, session

if TYPE_CHECKING:
    from voiced.ai.batch_answers import BatchAnswer, BatchFailure
    from voiced.ai.batches import Batch

NAME = "stdin.jsonl"


def check(arguments: Namespace, out: TextIO) -> int:
    from voiced.ai.batch_file import check_file

    with reading.file(arguments.file, NAME) as file, result(arguments, out) as to:
        found = check_file(file)
        if arguments.json:
            to.json(plain(found))
        else:
            for problem in found.problems:
                to.line(f"{_named(arguments, file)}: {problem}")
            if not found.problems:
                to.line(
                    f"{found.calls} call{'s' * (found.calls != 1)} to {found.endpoint} of {found.model}: all is well"
                )
    return 1 if found.problems else 0


def submit(arguments: Namespace, out: TextIO) -> int:
    with (
        reading.file(arguments.file, NAME) as file,
        session(arguments) as api,
        result(arguments, out) as to,
    ):
        with progress("sending", "B") as told:
            batch = api.run(api.ai.batches.submit(file, progress=told, **api.server))
        if not arguments.wait:
            if arguments.json:
                to.json(plain(batch))
            else:
                to.line(batch.id)
            return 0
        note(f"{batch.id} began")
        batch = _waited(api, batch.id, batch.provider)
        shown(arguments, to, batch)
    return _code(batch)


def status(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        shown(arguments, to, api.run(api.ai.batches.get(arguments.id, **api.server)))
    return 0


def wait(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        batch = _waited(api, arguments.id)
        shown(arguments, to, batch)
    return _code(batch)


def results(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        with progress("fetching", "B") as told:
            found = api.run(api.ai.batches.results(arguments.id, progress=told, **api.server))
        for answer in found.answers.values():
            to.json(_whole(answer) if arguments.json else _short(answer))
        for failure in found.failed.values():
            to.json({"custom_id": failure.custom_id, "error": _why(failure) if arguments.json else failure.message})
    if found.failed:
        warn(
            f"{len(found.failed)} of {len(found.answers) + len(found.failed)} calls failed: see `error` in their lines"
        )
    return 1 if found.failed else 0


def cancel(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        shown(arguments, to, api.run(api.ai.batches.cancel(arguments.id, **api.server)))
    return 0


def list_all(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        listed(arguments, to, api.run(api.ai.batches.list(**api.server)), _row)
    return 0


def _waited(api: Session, batch_id: str, provider: str = "") -> Batch:
    whom = {**api.server, **({"provider": provider} if provider else {})}
    with goes_on(f"voiced api batch wait {batch_id}", whom["provider"]), progress("waiting", " calls") as told:
        return api.run(api.ai.batches.wait(batch_id, progress=told, **whom))


@contextmanager
def goes_on(command: str, provider: str = "") -> Iterator[None]:
    """Ctrl-C stops the waiting, and not what is waited for; whoever sits there is told the `command` to go on with."""
    try:
        yield
    except KeyboardInterrupt:
        at = f" --provider {provider}" if provider else ""
        note(f"\nit goes on at the server; to wait again: {command}{at}")
        raise


def _code(batch: Batch) -> int:
    if batch.status != "completed":
        warn(f"{batch.id} is {batch.status}; what was done is in: voiced api batch results {batch.id}")
        return 1
    return 0


def _short(answer: BatchAnswer) -> Mapping[str, Any]:
    if vectors := answer.vectors:
        return {"custom_id": answer.custom_id, "embeddings": vectors}
    return {"custom_id": answer.custom_id, "text": answer.text}


def _whole(answer: BatchAnswer) -> Mapping[str, Any]:
    return {"custom_id": answer.custom_id, "text": answer.text, "model": answer.model, "body": answer.body}


def _why(failure: BatchFailure) -> Mapping[str, Any]:
    return {name: value for name, value in plain(failure).items() if name != "custom_id"}


def _named(arguments: Namespace, file: Path) -> Path | str:
    return "standard input" if str(arguments.file) == reading.STDIN else file


def _row(batch: Batch) -> tuple[object, ...]:
    done = f"{batch.completed + batch.failed} of {batch.total}"
    failed = f"{batch.failed} failed" if batch.failed else ""
    return batch.id, batch.status, done, when(batch.created_at), batch.endpoint, batch.model, failed
