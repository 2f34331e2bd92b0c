"""`voiced api finetune`: from examples to a model of one's own."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from voiced.cli.api import reading
from voiced.cli.api.batch import NAME, goes_on
from voiced.cli.api.printing import Result, listed, note, plain, result, shown, warn, when
from voiced.cli.api.progress import progress
from voiced.cli.api.session import Session, session
from voiced.errors import ConfigError

if TYPE_CHECKING:
    from voiced.ai.fine_tuning import TuningEvent, TuningJob


def check(arguments: Namespace, out: TextIO) -> int:
    from voiced.ai.training_file import check_file, shape_of

    with reading.file(arguments.file, NAME) as file, result(arguments, out) as to:
        found = check_file(file, shape_of(arguments.method, ""))
        if arguments.json:
            to.json(plain(found))
        else:
            name = "standard input" if str(arguments.file) == reading.STDIN else file
            for problem in found.problems:
                to.line(f"{name}: {problem}")
            for warning in found.warnings:
                to.line(f"{name}: {warning} (that may be so)")
            if not found.problems:
                to.line(f"{found.examples} examples, some {found.tokens:,} tokens: all is well")
    return 1 if found.problems else 0


def prepare(arguments: Namespace, out: TextIO) -> int:
    from voiced.ai.jsonl import dumped
    from voiced.ai.training_examples import as_chat
    from voiced.ai.training_file import FEWEST_EXAMPLES, check_data

    system = reading.checked(arguments.system, "--system")
    with reading.file(arguments.file, NAME) as file, result(arguments, out) as to:
        examples = dumped(as_chat(_examples(file), system))
        found = check_data(examples, fewest=1)
        found.judge("the examples")
        to.text(examples.decode())
    if found.examples < FEWEST_EXAMPLES:
        warn(f"{found.examples} examples are too few to learn from: give at least {FEWEST_EXAMPLES}")
    return 0


def create(arguments: Namespace, out: TextIO) -> int:
    options = {
        "suffix": arguments.suffix, "epochs": arguments.epochs, "batch_size": arguments.batch_size,
        "learning_rate_multiplier": arguments.learning_rate, "seed": arguments.seed, "method": arguments.method,
    }  # fmt: skip
    with ExitStack() as stack:
        training = _file_or_id(stack, arguments.file)
        validation = _file_or_id(stack, arguments.validation) if arguments.validation else ""
        api = stack.enter_context(session(arguments))
        to = stack.enter_context(result(arguments, out))
        with progress("sending", "B") as told:
            job = api.run(
                api.ai.fine_tuning.create(training, validation_file=validation, progress=told, **options, **api.model)
            )
        if arguments.follow:
            note(f"{job.id} began")
            return _followed(arguments, api, to, job.id, job.provider)
        if arguments.json:
            to.json(plain(job))
        else:
            to.line(job.id)
    return 0


def status(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        shown(arguments, to, api.run(api.ai.fine_tuning.get(arguments.id, **api.server)))
    return 0


def follow(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        return _followed(arguments, api, to, arguments.id)


def cancel(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        shown(arguments, to, api.run(api.ai.fine_tuning.cancel(arguments.id, **api.server)))
    return 0


def list_all(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        listed(arguments, to, api.run(api.ai.fine_tuning.list(**api.server)), _row)
    return 0


def _followed(arguments: Namespace, api: Session, to: Result, job_id: str, provider: str = "") -> int:
    """What happens, and the name of the model at the end."""

    def happened(event: TuningEvent) -> None:
        if arguments.json:
            to.json({"event": plain(event)})
        else:
            to.line(f"{when(event.created_at)}  {' '.join(event.message.split())}")

    whom = {**api.server, **({"provider": provider} if provider else {})}
    with (
        goes_on(f"voiced api finetune follow {job_id}", whom["provider"]),
        progress("learning", " steps", shown=not to.to_terminal) as told,
    ):
        job = api.run(api.ai.fine_tuning.follow(job_id, on_event=happened, progress=told, **whom))
    if arguments.json:
        to.json({"job": plain(job)})
    elif job.fine_tuned_model:
        to.line(job.fine_tuned_model)
    if job.status != "succeeded":
        warn(f"{job.id} is {job.status}")
        return 1
    return 0


def _file_or_id(stack: ExitStack, given: str) -> Path | str:
    """A path where there is one, or where it looks like one; else it is the id of a file at the server."""
    if given == reading.STDIN or Path(given).exists() or set("./") & set(given):
        return stack.enter_context(reading.file(given, NAME))
    return given


def _examples(file: Path) -> Iterator[Any]:
    """Those on the lines that are not empty: JSON, or a question and an answer with a tab between them."""
    with file.open("rb") as stream:
        for number, data in enumerate(stream, 1):
            line = reading.decoded(data, f"line {number}").strip()
            if not line:
                continue
            if line[0] in "{[":
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    raise ConfigError(f"line {number}: this is no JSON") from None
            else:
                question, tab, answer = line.partition("\t")
                if not tab or not answer.strip():
                    raise ConfigError(f"line {number}: write a question, a tab and the answer; or a JSON object")
                yield question.strip(), answer.strip()


def _row(job: TuningJob) -> tuple[object, ...]:
    return job.id, job.status, when(job.created_at), job.model, job.fine_tuned_model, job.error
