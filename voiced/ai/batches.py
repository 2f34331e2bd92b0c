"""Batches: many requests in one file, done within a day at half the price."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard, Unpack, cast

from voiced.ai.answer_fields import filled, mapping, text_of, whole
from voiced.ai.attachments import FileSource, ImageSource
from voiced.ai.batch_answers import BatchAnswer, BatchFailure, is_paid_by_text, not_done, read_files, spent
from voiced.ai.batch_at_once import MOST, PATIENCE_S, AtOnce
from voiced.ai.batch_file import HELPER_OF, BatchCall, BatchCheck, check, check_file, ids_in, listed_calls, written
from voiced.ai.by_id import by_id
from voiced.ai.failures import one_line
from voiced.ai.files import Files
from voiced.ai.forgiving import forgiving
from voiced.ai.jsonl import Problem, listed
from voiced.ai.paging import all_pages
from voiced.ai.paid_once import PaidOnce
from voiced.ai.polling import POLL_S, poll
from voiced.ai.providers import Providers, Server
from voiced.ai.saving import save
from voiced.ai.token_usage import read_usage
from voiced.errors import ApiError, RequestRejected

if TYPE_CHECKING:
    from voiced.ai.chat import ChatOptions
    from voiced.ai.chat_messages import Detail, Messages
    from voiced.ai.completions import CompletionOptions
    from voiced.ai.functions import Function
    from voiced.ai.responses_input import Input
    from voiced.ai.responses_options import ResponseOptions

WINDOW: Final = "24h"
"""In which a batch is to be done; there is no other."""

BATCH: Final = ":batch"
"""Behind the name of a model in what is spent: at half the price."""

MOST_RESULT_BYTES: Final = 256 * 1024 * 1024
"""Of each file with results, that are read into memory."""

_MOST_METADATA: Final = 16
_LONGEST_NAME: Final = 64
_LONGEST_TEXT: Final = 512
"""These three are OpenAI's limits."""

_ENDED: Final = ("completed", "failed", "expired", "cancelled")

__all__ = ["Batch", "BatchAnswer", "BatchCall", "BatchCheck", "BatchFailure", "BatchResults", "Batches"]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch at the server. `status`: validating, in_progress, finalizing, completed, failed (its file is wrong, see
    `problems`), expired, cancelling or cancelled. `total`, `completed`, `failed`: calls. `model`: empty where it is not
    told. Times are Unix seconds, 0 where they are not told. `raw`: what the library has of it.
    """

    id: str
    status: str
    endpoint: str
    model: str
    total: int
    completed: int
    failed: int
    created_at: int
    expires_at: int
    input_file_id: str
    output_file_id: str
    error_file_id: str
    metadata: Mapping[str, str]
    problems: tuple[Problem, ...]
    provider: str
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True)
class BatchResults:
    """What came of calls, by custom_id. `batch`: None where they were made directly."""

    answers: Mapping[str, BatchAnswer]
    failed: Mapping[str, BatchFailure]
    batch: Batch | None = None

    @property
    def texts(self) -> dict[str, str]:
        """What the model wrote, by custom_id."""
        return {custom_id: answer.text for custom_id, answer in self.answers.items()}


class Batches:
    """`ai.batches`. All of it raises ApiError. `within_s`: for each request, None for ai.timeout_s.

    The calls of one batch go to one endpoint and one model. What a batch costs is counted once, when its results, or
    its end, are seen first.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._files = Files(providers)
        self._paid = PaidOnce(providers)

    # Calls. Without a model they ask the one that the settings have for their endpoint.

    async def chat(
        self,
        custom_id: str,
        messages: Messages,
        *,
        instructions: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        **options: Unpack[ChatOptions],
    ) -> BatchCall:
        """As `ai.chat.ask`."""
        from voiced.ai.chat import body_of

        body = await body_of(messages, instructions=instructions, images=images, detail=detail, **options)
        return _call(custom_id, "/v1/chat/completions", model, body)

    async def responses(
        self,
        custom_id: str,
        input: Input,
        *,
        instructions: str = "",
        previous_response_id: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        tools: Sequence[Function | Mapping[str, Any]] = (),
        model: str = "",
        **options: Unpack[ResponseOptions],
    ) -> BatchCall:
        """As `ai.responses.ask`."""
        from voiced.ai.responses_options import body_of

        body = await body_of(
            input,
            instructions=instructions,
            previous_response_id=previous_response_id,
            images=images,
            detail=detail,
            tools=tools,
            **options,
        )
        return _call(custom_id, "/v1/responses", model, body)

    def embeddings(
        self, custom_id: str, texts: str | Sequence[str], *, dimensions: int | None = None, model: str = ""
    ) -> BatchCall:
        """A vector for each of up to 2048 texts; see `BatchAnswer.vectors`."""
        given = [texts] if isinstance(texts, str) else list(texts)
        if not given or not all(isinstance(text, str) and text for text in given):
            raise RequestRejected(f"batches: {custom_id}: only texts that are not empty can be embedded")
        body = {"input": given} | ({} if dimensions is None else {"dimensions": dimensions})
        return _call(custom_id, "/v1/embeddings", model, body)

    def completions(
        self, custom_id: str, prompt: str | Sequence[str], *, model: str = "", **options: Unpack[CompletionOptions]
    ) -> BatchCall:
        """As `ai.completions.ask`."""
        from voiced.ai.completions import body_of

        return _call(custom_id, "/v1/completions", model, body_of(prompt, **options))

    def moderations(self, custom_id: str, text: str | Sequence[str], *, model: str = "") -> BatchCall:
        """Whether texts are harmful; see `BatchAnswer.body`."""
        given = text if isinstance(text, str) else list(text)
        if not given or not (isinstance(given, str) or all(isinstance(each, str) and each for each in given)):
            raise RequestRejected(f"batches: {custom_id}: only texts that are not empty can be judged")
        return _call(custom_id, "/v1/moderations", model, {"input": given})

    # Files.

    async def check(self, file: FileSource) -> BatchCheck:
        """What a file has, which may be a path, or its name and bytes; nothing is sent. `problems`: with their lines.

        Raises RequestRejected where it can't be read.
        """
        if isinstance(file, tuple):
            return await asyncio.to_thread(check, io.BytesIO(file[1]))
        return await asyncio.to_thread(check_file, Path(file))

    async def write(
        self, calls: Iterable[BatchCall], path: str | PathLike[str], *, model: str = "", provider: str = ""
    ) -> Path:
        """The file for these calls, to be submitted at another time. `model`: of those that name none."""
        data, found = await self._written(calls, model, provider)
        found.judge("the calls")
        return await save(path, data, "batches")

    # Batches.

    async def submit(
        self,
        calls: Iterable[BatchCall] | FileSource,
        *,
        endpoint: str = "",
        metadata: Mapping[str, str] | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Batch:
        """Check calls, or a file of them, upload it, and begin a batch. Raises RequestRejected with the lines.

        `endpoint`: "/v1/chat/completions" and the like; empty for that of the calls. `model`: of calls that name none.
        `metadata`: up to 16 texts of 512 characters, by names of 64. `progress`: gets the bytes that are sent, and all.
        """
        source: FileSource
        if _is_file(calls):
            source, found = calls, await self.check(calls)
            found.judge(calls[0] if isinstance(calls, tuple) else str(calls))
        else:
            data, found = await self._written(cast("Iterable[BatchCall]", calls), model, provider)
            found.judge("the calls")
            source = ("batch.jsonl", data)
        if endpoint and endpoint != found.endpoint:
            raise RequestRejected(f"batches: the calls are for {found.endpoint}, not for {endpoint}")
        _check_metadata(metadata)
        name = self._providers.first("batches", provider).name
        file = await self._files.upload(source, "batch", provider=name, within_s=within_s, progress=progress)
        return await self._create(file.id, found.endpoint, metadata, name, within_s)

    async def get(self, batch_id: str, *, provider: str = "", within_s: float | None = None) -> Batch:
        """How far it is."""

        async def request(server: Server) -> Any:
            return await server.openai.batches.retrieve(batch_id)

        with by_id("batches: batch", batch_id):
            batch = await self._ask(request, provider, within_s)
        await self._count(batch)
        return batch

    async def list(self, *, most: int = 100, provider: str = "", within_s: float | None = None) -> Sequence[Batch]:
        """Up to `most`, the newest first."""
        name = self._providers.first("batches", provider).name

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.batches.list(**asked)

        return await all_pages(
            self._providers,
            "batches",
            page,
            lambda raw: _batch(raw, name),
            most=most,
            provider=name,
            within_s=within_s,
        )

    async def cancel(self, batch_id: str, *, provider: str = "", within_s: float | None = None) -> Batch:
        """End it early; that takes up to ten minutes. What was done by then is paid, and its results are kept."""

        async def request(server: Server) -> Any:
            return await server.openai.batches.cancel(batch_id)

        with by_id("batches: batch", batch_id):
            return await self._ask(request, provider, within_s)

    async def wait(
        self,
        batch_id: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        within_s: float | None = None,
        poll_s: float = POLL_S,
        provider: str = "",
    ) -> Batch:
        """The batch once it ended; whoever stops to wait does not stop it. `progress`: calls that are done, and all.

        Raises RequestRejected with the lines where its file was wrong, ApiUnreachable after `within_s` seconds in all,
        None for no end. Where a look at it fails, there is another one.
        """

        async def look() -> Batch:
            batch = await self.get(batch_id, provider=provider)
            if progress is not None:
                progress(batch.completed + batch.failed, batch.total)
            return batch

        batch = await poll(
            forgiving(look),
            lambda batch: batch is not None and batch.ended,
            what=f"batches: {batch_id}",
            within_s=within_s,
            poll_s=poll_s,
        )
        assert batch is not None
        _refuse_failed(batch)
        return batch

    async def results(
        self,
        batch_id: str,
        *,
        provider: str = "",
        within_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> BatchResults:
        """What came of each call of a batch that ended. Of one that expired or was cancelled: what was done, and the
        rest in `failed`. Raises RequestRejected where it did not end, or its file was wrong.

        `progress`: gets the bytes of the answers that came, and all. Files of up to 256 MiB are read; of a larger one
        save `batch.output_file_id` with `ai.files`.
        """
        batch = await self.get(batch_id, provider=provider, within_s=within_s)
        _refuse_failed(batch)
        if not batch.ended:
            done = f"{batch.completed + batch.failed} of {batch.total} calls"
            raise RequestRejected(f"batches: {batch_id} is {batch.status} ({done}): wait until it ended")
        data = b""
        for file_id in filter(None, (batch.error_file_id, batch.output_file_id)):
            read = await self._read(file_id, batch.provider, within_s, progress)
            data += read if read.endswith(b"\n") else read + b"\n"
        answers, failed = await asyncio.to_thread(read_files, io.BytesIO(data), batch.endpoint, batch.provider)
        if len(answers) + len(failed) < batch.total:
            asked = await self._read(batch.input_file_id, batch.provider, within_s, None)
            for custom_id in await asyncio.to_thread(ids_in, io.BytesIO(asked)):
                if custom_id not in answers and custom_id not in failed:
                    failed[custom_id] = not_done(custom_id, batch.status)
        await self._count_answers(batch, answers)
        return BatchResults(answers, failed, batch)

    async def at_once(
        self,
        calls: Iterable[BatchCall],
        *,
        most: int = MOST,
        provider: str = "",
        within_s: float | None = None,
        patience_s: float = PATIENCE_S,
        progress: Callable[[int, int], None] | None = None,
    ) -> BatchResults:
        """Make the calls now, `most` (1 to 8) at one time, at the full price; they may go to several endpoints.

        While the server says that it is busy, all of them wait, each up to `patience_s` seconds. What fails is told by
        custom_id; where the key or the credit is refused, so are all that were not made. `progress`: gets how many are
        done, and how many there are.
        """
        run = AtOnce(self._providers, calls, provider=provider, within_s=within_s, patience_s=patience_s)
        await run.run(most, progress)
        return BatchResults(run.answers, run.failed)

    async def _written(self, calls: Iterable[BatchCall], model: str, provider: str) -> tuple[bytes, BatchCheck]:
        """`model`: "" for that of the settings, for the endpoint of the first call."""
        given = listed_calls(calls)
        if not given:
            raise RequestRejected("batches: there are no calls: give at least one")
        if not model and any(not call.body.get("model") for call in given):
            helper = HELPER_OF.get(given[0].url)
            if helper is not None:
                model = self._providers.first("batches", provider).model(helper)
        return await asyncio.to_thread(written, given, model)

    async def _create(
        self, file_id: str, endpoint: Any, metadata: Mapping[str, str] | None, provider: str, within_s: float | None
    ) -> Batch:
        async def request(server: Server) -> Any:
            from openai import omit

            return await server.openai.batches.create(
                input_file_id=file_id,
                endpoint=endpoint,
                completion_window=WINDOW,
                metadata=dict(metadata) if metadata else omit,
            )

        return await self._ask(request, provider, within_s, once=True)

    async def _ask(
        self, request: Callable[[Server], Any], provider: str, within_s: float | None, *, once: bool = False
    ) -> Batch:
        return await self._providers.ask(
            "batches",
            request,
            lambda raw, server: _batch(raw, server.provider.name),
            provider=provider,
            within_s=within_s,
            once=once,
            stays=True,
            needs_model=False,
            free=not once,  # the one that begins a batch
        )

    async def _read(
        self, file_id: str, provider: str, within_s: float | None, progress: Callable[[int, int], None] | None
    ) -> bytes:
        return await self._files.read(
            file_id, most_bytes=MOST_RESULT_BYTES, progress=progress, provider=provider, within_s=within_s
        )

    async def _count(self, batch: Batch) -> None:
        """Where the server tells at the end what a batch used. Pictures are counted by their answers."""
        usage = getattr(batch.raw, "usage", None)
        if batch.ended and batch.model and is_paid_by_text(batch.endpoint) and (told := read_usage(usage)):
            await self._paid.spend(_name_of(batch), [told.of(_half(batch.model))])

    async def _count_answers(self, batch: Batch, answers: Mapping[str, BatchAnswer]) -> None:
        """Where it did not."""
        asked_bytes = 0
        if is_paid_by_text(batch.endpoint) and await asyncio.to_thread(_some_untold, answers):
            with suppress(ApiError):  # it is gone
                asked_bytes = (await self._files.get(batch.input_file_id, provider=batch.provider)).bytes
        usages = await asyncio.to_thread(spent, answers.values(), asked_bytes, _half)
        await self._paid.spend(_name_of(batch), usages)


def _is_file(calls: Iterable[BatchCall] | FileSource) -> TypeGuard[FileSource]:
    """A tuple may be one of calls, too."""
    return isinstance(calls, str | PathLike) or (isinstance(calls, tuple) and bool(calls) and isinstance(calls[0], str))


def _call(custom_id: str, url: str, model: str, body: Mapping[str, Any]) -> BatchCall:
    return BatchCall(custom_id, url, {"model": model, **body} if model else body)


def _batch(raw: Any, provider: str) -> Batch:
    counts, errors = getattr(raw, "request_counts", None), getattr(raw, "errors", None)
    return Batch(
        filled(raw.id),
        filled(raw.status),
        filled(raw.endpoint),
        text_of(getattr(raw, "model", None)),
        whole(getattr(counts, "total", None)),
        whole(getattr(counts, "completed", None)),
        whole(getattr(counts, "failed", None)),
        whole(getattr(raw, "created_at", None)),
        whole(getattr(raw, "expires_at", None)),
        filled(raw.input_file_id),
        text_of(getattr(raw, "output_file_id", None)),
        text_of(getattr(raw, "error_file_id", None)),
        mapping(getattr(raw, "metadata", None)),
        tuple(_problem(error) for error in getattr(errors, "data", None) or ()),
        provider,
        raw,
    )


def _problem(error: Any) -> Problem:
    code, message = (text_of(getattr(error, name, None)) for name in ("code", "message"))
    told = one_line(message or "it is wrong")
    return Problem(whole(getattr(error, "line", None)), f"{told} ({code})" if code else told)


def _refuse_failed(batch: Batch) -> None:
    if batch.status == "failed":
        why = listed(batch.problems) if batch.problems else "the server does not say why"
        raise RequestRejected(f"batches: {batch.id} was refused: {why}", code="batch_failed")


def _check_metadata(metadata: Mapping[str, str] | None) -> None:
    given = metadata or {}
    right = len(given) <= _MOST_METADATA and all(
        isinstance(name, str) and len(name) <= _LONGEST_NAME and isinstance(text, str) and len(text) <= _LONGEST_TEXT
        for name, text in given.items()
    )
    if not right:
        raise RequestRejected(
            f"batches: metadata: give at most {_MOST_METADATA} texts of {_LONGEST_TEXT} characters, by names of "
            f"{_LONGEST_NAME}"
        )


def _some_untold(answers: Mapping[str, BatchAnswer]) -> bool:
    """Whether the server did not tell what some answer used."""
    return any(answer.told_usage is None for answer in answers.values())


def _name_of(batch: Batch) -> str:
    return f"batch {batch.id}"


def _half(model: str) -> str:
    return model + BATCH
