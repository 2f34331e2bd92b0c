"""Fine-tuning: models of your own, out of examples."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from voiced.ai.answer_fields import filled, mapping, text, text_of, whole
from voiced.ai.attachments import FileSource
from voiced.ai.by_id import by_id
from voiced.ai.failures import one_line
from voiced.ai.files import Files
from voiced.ai.forgiving import forgiving
from voiced.ai.jsonl import dumped
from voiced.ai.paging import PAGE, all_pages
from voiced.ai.paid_once import PaidOnce
from voiced.ai.polling import POLL_S, poll
from voiced.ai.providers import Providers, Server
from voiced.ai.saving import save
from voiced.ai.training_examples import Example, as_chat
from voiced.ai.training_file import FEWEST_EXAMPLES, TrainingCheck, check_data, check_file, shape_of
from voiced.errors import ApiDenied, ApiError, ModelUnknown, RequestRejected
from voiced.usage import Usage

T = TypeVar("T")

TRAINING: Final = ":training"
"""Behind the name of a model in what is spent: tokens that it learned from."""

MOST_EVENTS: Final = 10_000

MOST_EPOCHS: Final = 50
LARGEST_BATCH: Final = 256
LONGEST_SUFFIX: Final = 64
LARGEST_SEED: Final = 2_147_483_647
"""These four are OpenAI's limits."""

USUAL_EPOCHS: Final = 3
"""Of a job that leaves it to the server."""

METHODS: Final = ("supervised", "dpo", "reinforcement")

WOUND_DOWN: Final = (
    "OpenAI winds its self-serve fine-tuning down since 2026-05-07: accounts that do not use it may make no new jobs, "
    "and from 2027-01-06 on nobody may. Models that are there can still be asked; for new ones ask another provider"
)

_ENDED: Final = ("succeeded", "failed", "cancelled")

__all__ = ["Checkpoint", "FineTuning", "TrainingCheck", "TuningEvent", "TuningJob"]


@dataclass(frozen=True, slots=True)
class TuningJob:
    """A job at the server. `status`: validating_files, queued, running, paused, succeeded, failed or cancelled.
    `fine_tuned_model`: the name of the new model, empty before there is one. `trained_tokens`: that are paid for, 0
    where it is not told. `error`: why it failed. Times are Unix seconds, 0 where they are not told. `raw`: what the
    library has of it.
    """

    id: str
    status: str
    model: str
    fine_tuned_model: str
    trained_tokens: int
    created_at: int
    finished_at: int
    estimated_finish: int
    training_file: str
    validation_file: str
    result_files: tuple[str, ...]
    metadata: Mapping[str, str]
    error: str
    error_code: str
    provider: str
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True)
class TuningEvent:
    """Something that happened to a job. `level`: info, warn or error. `kind`: message or metrics. `data`: of metrics,
    such as step, total_steps and train_loss.
    """

    id: str
    created_at: int
    level: str
    message: str
    kind: str = "message"
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model as it was after a step. `model`: the name by which it can be asked. `metrics`: such as train_loss."""

    id: str
    created_at: int
    model: str
    step: int
    metrics: Mapping[str, float]


class FineTuning:
    """`ai.fine_tuning`. All of it raises ApiError. `within_s`: for each request, None for ai.timeout_s.

    A job that succeeded has a model of a new name, which chat takes: `ai.chat.ask(..., model=job.fine_tuned_model)`.
    What it costs is counted once, when its end is seen first.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._files = Files(providers)
        self._paid = PaidOnce(providers)

    # Files of examples.

    async def check(
        self, file: FileSource, *, method: str = "supervised", model: str = "", fewest: int = FEWEST_EXAMPLES
    ) -> TrainingCheck:
        """What a file has, which may be a path, or its name and bytes; nothing is sent. `problems`: with their lines.

        `model`: babbage-002 and davinci-002 learn from prompts and completions. Raises RequestRejected where it can't
        be read.
        """
        shape = shape_of(method, model)
        if isinstance(file, tuple):
            return await asyncio.to_thread(check_data, file[1], shape, fewest=fewest)
        return await asyncio.to_thread(check_file, Path(file), shape, fewest=fewest)

    async def prepare(
        self, examples: Iterable[Example], path: str | PathLike[str], *, system: str = ""
    ) -> TrainingCheck:
        """Write a file of examples: pairs of what is said and what shall be answered, lists of messages, objects with
        messages, or what the old way had, which is converted: prompt and completion, whose end marks are taken off.

        `system`: what the model shall be and do, in each example that does not say so itself. Raises RequestRejected
        where an example is wrong; then nothing is written. That there are too few is left to `create`.
        """
        given = await asyncio.to_thread(as_chat, examples, system)
        if not given:
            raise RequestRejected("fine_tuning: there are no examples: give some")
        try:
            data = await asyncio.to_thread(dumped, given)
        except (TypeError, ValueError, RecursionError):
            raise RequestRejected("fine_tuning: an example has something in it that is no JSON") from None
        found = await asyncio.to_thread(check_data, data, fewest=1)
        found.judge("the examples")
        await save(path, data, "fine_tuning")
        return found

    # Jobs.

    async def create(
        self,
        training_file: FileSource,
        *,
        validation_file: FileSource = "",
        model: str = "",
        suffix: str = "",
        epochs: int | Literal["auto"] | None = None,
        learning_rate_multiplier: float | Literal["auto"] | None = None,
        batch_size: int | Literal["auto"] | None = None,
        seed: int | None = None,
        method: str | Mapping[str, Any] = "supervised",
        metadata: Mapping[str, str] | None = None,
        provider: str = "",
        within_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> TuningJob:
        """Check and upload examples, and begin a job. Raises RequestRejected with the lines where they are wrong,
        ApiDenied where the account may not.

        Files: a path, a name and bytes, or the id of an uploaded file. `validation_file`: other examples, to judge the
        model by. `suffix`: up to 64 letters that become a part of the model's name. `epochs`: how often to go through
        the examples, 1 to 50. `batch_size`: examples that are learned at once, 1 to 256. None and "auto": as the server
        thinks best. `method`: "supervised", "dpo", or the whole object as the server takes it, which "reinforcement"
        needs for its grader. `progress`: gets the bytes that are sent of a file, and all.
        """
        asked = _options(suffix, epochs, learning_rate_multiplier, batch_size, seed, method, metadata)
        kind = str(method["type"]) if isinstance(method, Mapping) else method
        chosen = self._providers.first("fine_tuning", provider)
        base = chosen.model("fine_tuning", model)
        for file, fewest in ((training_file, FEWEST_EXAMPLES), (validation_file, 1)):
            if file and not _is_id(file):
                found = await self.check(file, method=kind, model=base, fewest=fewest)
                found.judge(file[0] if isinstance(file, tuple) else str(file))
        ids = [
            await self._uploaded(file, chosen.name, within_s, progress) if file else ""
            for file in (training_file, validation_file)
        ]

        async def request(server: Server) -> Any:
            validation: dict[str, Any] = {"validation_file": ids[1]} if ids[1] else {}
            return await server.openai.fine_tuning.jobs.create(
                model=server.model, training_file=ids[0], **validation, **asked
            )

        with _told_who_may():
            return await self._providers.ask(
                "fine_tuning",
                request,
                lambda raw, server: _job(raw, server.provider.name),
                model=base,
                provider=chosen.name,
                within_s=within_s,
                once=True,
                stays=True,
            )

    async def list(self, *, most: int = 100, provider: str = "", within_s: float | None = None) -> Sequence[TuningJob]:
        """Up to `most`, the newest first."""
        name = self._providers.first("fine_tuning", provider).name

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.fine_tuning.jobs.list(**asked)

        return await self._listed(page, lambda raw: _job(raw, name), most, name, within_s)

    async def get(self, job_id: str, *, provider: str = "", within_s: float | None = None) -> TuningJob:
        """How far it is."""

        async def request(server: Server) -> Any:
            return await server.openai.fine_tuning.jobs.retrieve(job_id)

        job = await self._ask(job_id, request, provider, within_s)
        if job.ended:
            await self._count(job)
        return job

    async def cancel(self, job_id: str, *, provider: str = "", within_s: float | None = None) -> TuningJob:
        """End it early. What was learned by then is paid."""

        async def request(server: Server) -> Any:
            return await server.openai.fine_tuning.jobs.cancel(job_id)

        return await self._ask(job_id, request, provider, within_s)

    async def pause(self, job_id: str, *, provider: str = "", within_s: float | None = None) -> TuningJob:
        """Let it rest; while it runs, and where the server can."""

        async def request(server: Server) -> Any:
            return await server.openai.fine_tuning.jobs.pause(job_id)

        return await self._ask(job_id, request, provider, within_s)

    async def resume(self, job_id: str, *, provider: str = "", within_s: float | None = None) -> TuningJob:
        """Let one that rests go on."""

        async def request(server: Server) -> Any:
            return await server.openai.fine_tuning.jobs.resume(job_id)

        return await self._ask(job_id, request, provider, within_s)

    async def events(
        self, job_id: str, *, most: int = MOST_EVENTS, provider: str = "", within_s: float | None = None
    ) -> Sequence[TuningEvent]:
        """What happened so far: the last `most`, the oldest of them first."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.fine_tuning.jobs.list_events(job_id, **asked)

        with by_id("fine_tuning: job", job_id):
            newest_first = await self._listed(page, _event, most, provider, within_s)
        return newest_first[::-1]

    async def checkpoints(
        self, job_id: str, *, most: int = 100, provider: str = "", within_s: float | None = None
    ) -> Sequence[Checkpoint]:
        """The models of its last epochs, the newest first; there are some once an epoch is done."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.fine_tuning.jobs.checkpoints.list(job_id, **asked)

        with by_id("fine_tuning: job", job_id):
            return await self._listed(page, _checkpoint, most, provider, within_s)

    async def follow(
        self,
        job_id: str,
        *,
        on_event: Callable[[TuningEvent], object] | None = None,
        progress: Callable[[int, int], None] | None = None,
        within_s: float | None = None,
        poll_s: float = POLL_S,
        provider: str = "",
    ) -> TuningJob:
        """The job once it succeeded or was cancelled; whoever stops to follow does not stop it.

        `on_event`: called with each event once, in their order. `progress`: steps that are done, and all; not called
        where the server tells no steps. Raises RequestRejected where it failed, with the server's reason;
        ApiUnreachable after `within_s` seconds in all, None for no end. Where a look at it fails, there is another one.
        """
        seen: set[str] = set()

        async def look() -> TuningJob:
            job = await self.get(job_id, provider=provider)
            for event in await self._new_events(job_id, seen, provider):
                if on_event is not None:
                    on_event(event)
                _tell_progress(event, progress)
            return job

        job = await poll(
            forgiving(look),
            lambda job: job is not None and job.ended,
            what=f"fine_tuning: {job_id}",
            within_s=within_s,
            poll_s=poll_s,
        )
        assert job is not None
        if job.status == "failed":
            why = job.error or "the server does not say why"
            raise RequestRejected(f"fine_tuning: {job_id} failed: {why}", code=job.error_code or "job_failed")
        return job

    async def _count(self, job: TuningJob) -> None:
        """What it learned from; where a server does not tell, rather too much: no token is less than a byte."""
        tokens, name = job.trained_tokens, f"fine-tuning {job.id}"
        if not tokens and job.status == "succeeded" and not self._paid.knows(name):
            with suppress(ApiError):  # the file may be gone
                file = await self._files.get(job.training_file, provider=job.provider)
                tokens = file.bytes * _epochs(job.raw)
        if tokens:
            await self._paid.spend(name, [Usage(job.model + TRAINING, text_in=tokens)])

    async def _new_events(self, job_id: str, seen: set[str], provider: str) -> Sequence[TuningEvent]:
        """Those that were not seen, the oldest first: of the last page, or of as many as it takes."""
        most = PAGE
        while True:
            events = await self.events(job_id, most=most, provider=provider)
            new = [event for event in events if event.id not in seen]
            if len(new) < most or most >= MOST_EVENTS:
                seen.update(event.id for event in new)
                return new
            most = min(10 * most, MOST_EVENTS)

    async def _uploaded(
        self, file: FileSource, provider: str, within_s: float | None, progress: Callable[[int, int], None] | None
    ) -> str:
        """The id of a file that may be one already."""
        if isinstance(file, str) and _is_id(file):
            return file
        uploaded = await self._files.upload(file, "fine-tune", provider=provider, within_s=within_s, progress=progress)
        return uploaded.id

    async def _ask(
        self, job_id: str, request: Callable[[Server], Awaitable[Any]], provider: str, within_s: float | None
    ) -> TuningJob:
        with by_id("fine_tuning: job", job_id):
            return await self._providers.ask(
                "fine_tuning",
                request,
                lambda raw, server: _job(raw, server.provider.name),
                provider=provider,
                within_s=within_s,
                stays=True,
                needs_model=False,
            )

    async def _listed(
        self,
        page: Callable[[Server, dict[str, Any]], Awaitable[Any]],
        read: Callable[[Any], T],
        most: int,
        provider: str,
        within_s: float | None,
    ) -> Sequence[T]:
        return await all_pages(
            self._providers, "fine_tuning", page, read, most=most, provider=provider, within_s=within_s
        )


def _is_id(file: FileSource) -> bool:
    """Whether it is the id of a file, and no path."""
    return isinstance(file, str) and "/" not in file and "." not in file


def _options(
    suffix: str,
    epochs: int | str | None,
    learning_rate_multiplier: float | str | None,
    batch_size: int | str | None,
    seed: int | None,
    method: str | Mapping[str, Any],
    metadata: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What a job is asked for beside model and files. Raises RequestRejected."""
    if len(suffix) > LONGEST_SUFFIX:
        raise RequestRejected(f"fine_tuning: suffix has {len(suffix)} letters: give at most {LONGEST_SUFFIX}")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise RequestRejected(f"fine_tuning: seed is {seed}: give 0 to {LARGEST_SEED}")
    _check_number("epochs", epochs, MOST_EPOCHS)
    _check_number("batch_size", batch_size, LARGEST_BATCH)
    if isinstance(learning_rate_multiplier, int | float) and not learning_rate_multiplier > 0:
        raise RequestRejected("fine_tuning: learning_rate_multiplier must be above 0")
    chosen = {"n_epochs": epochs, "learning_rate_multiplier": learning_rate_multiplier, "batch_size": batch_size}
    hyperparameters = {name: value for name, value in chosen.items() if value is not None}
    asked: dict[str, Any] = {"suffix": suffix, "seed": seed, "metadata": dict(metadata or {})}
    asked = {name: value for name, value in asked.items() if value not in ("", None, {})}
    whole = _method(method, hyperparameters)
    return asked | ({"method": whole} if whole else {})


def _method(method: str | Mapping[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """As the server takes it; empty for what it does by itself."""
    whole = dict(method) if isinstance(method, Mapping) else {"type": method}
    kind = whole.get("type")
    if kind not in METHODS:
        raise RequestRejected(f"fine_tuning: method {kind!r} is none: give one of {', '.join(METHODS)}")
    of_kind: Any = whole.get(kind, {})
    if not isinstance(of_kind, Mapping):
        raise RequestRejected(f"fine_tuning: method.{kind} must be an object, as the server takes it")
    if kind == "reinforcement" and "grader" not in of_kind:
        raise RequestRejected(
            'fine_tuning: reinforcement needs a grader: give method={"type": "reinforcement", "reinforcement": '
            '{"grader": {...}}}'
        )
    if hyperparameters:
        of_kind = {**of_kind, "hyperparameters": {**of_kind.get("hyperparameters", {}), **hyperparameters}}
    if kind == "supervised" and not of_kind:
        return {}
    return {"type": kind, kind: dict(of_kind)} if of_kind else {"type": kind}


def _check_number(name: str, value: int | str | None, most: int) -> None:
    if value in (None, "auto"):
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise RequestRejected(f'fine_tuning: {name} is {value!r}: give 1 to {most}, or "auto"')


@contextmanager
def _told_who_may() -> Iterator[None]:
    """Begin a job inside it: a refusal says who may."""
    try:
        yield
    except ApiDenied as error:
        if error.status != 403:
            raise
        raise ApiDenied(f"{error}. {WOUND_DOWN}", status=403, code=error.code, cause="access") from error
    except ModelUnknown as error:
        if error.status not in (404, 405, 410) or error.code == "model_not_found":
            raise
        raise ApiDenied(
            f"fine_tuning: this server has none (any more). {WOUND_DOWN}",
            status=error.status,
            code=error.code or "not_found",
            cause="access",
        ) from error


def _job(raw: Any, provider: str) -> TuningJob:
    error = getattr(raw, "error", None)
    return TuningJob(
        filled(raw.id),
        filled(raw.status),
        filled(raw.model),
        text_of(getattr(raw, "fine_tuned_model", None)),
        whole(getattr(raw, "trained_tokens", None)),
        whole(getattr(raw, "created_at", None)),
        whole(getattr(raw, "finished_at", None)),
        whole(getattr(raw, "estimated_finish", None)),
        filled(raw.training_file),
        text_of(getattr(raw, "validation_file", None)),
        tuple(map(filled, getattr(raw, "result_files", None) or ())),
        mapping(getattr(raw, "metadata", None)),
        one_line(text_of(getattr(error, "message", None))),
        text_of(getattr(error, "code", None)),
        provider,
        raw,
    )


def _epochs(raw: Any) -> int:
    epochs = getattr(getattr(raw, "hyperparameters", None), "n_epochs", None)
    return epochs if isinstance(epochs, int) else USUAL_EPOCHS


def _event(raw: Any) -> TuningEvent:
    data = getattr(raw, "data", None)
    return TuningEvent(
        filled(raw.id),
        whole(getattr(raw, "created_at", None)),
        text_of(getattr(raw, "level", None)) or "info",
        text(raw.message),
        text_of(getattr(raw, "type", None)) or "message",
        dict(data) if isinstance(data, Mapping) else {},
    )


def _checkpoint(raw: Any) -> Checkpoint:
    metrics = getattr(raw, "metrics", None)
    told = metrics.to_dict(warnings=False) if metrics is not None else {}
    return Checkpoint(
        filled(raw.id),
        whole(getattr(raw, "created_at", None)),
        filled(raw.fine_tuned_model_checkpoint),
        whole(raw.step_number),
        {name: float(value) for name, value in told.items() if isinstance(value, int | float)},
    )


def _tell_progress(event: TuningEvent, progress: Callable[[int, int], None] | None) -> None:
    step, steps = event.data.get("step"), event.data.get("total_steps")
    if progress is not None and isinstance(step, int) and isinstance(steps, int):
        progress(step, steps)
