"""Vector stores: files at the server that can be searched."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from voiced.ai.answer_fields import filled, fraction, known, mapping, text, whole
from voiced.ai.attachments import FileSource
from voiced.ai.by_id import by_id
from voiced.ai.files import FileObject, Files
from voiced.ai.paging import all_pages
from voiced.ai.polling import POLL_S, poll
from voiced.ai.providers import Providers, Server
from voiced.ai.sending import judged
from voiced.errors import ApiError, RequestRejected

T = TypeVar("T")

StoreFile = FileSource | FileObject
"""A path, the name and the bytes of a file, or one that the server has already: `FileObject`, or its id."""

Status = Literal["in_progress", "completed", "failed", "cancelled"]

Attributes = Mapping[str, str | float | bool]
"""What a search can be narrowed by: up to 16, names of up to 64 characters and texts of up to 512."""

PURPOSE: Final = "assistants"
"""What a file is uploaded for here."""

MOST_AT_CREATION: Final = 500
MOST_FOUND: Final = 50
LONGEST_LIFE_DAYS: Final = 365
"""These three are OpenAI's limits."""

MOST_LISTED: Final = 10_000
READY_WITHIN_S: Final = 1_800.0
CLEAN_WITHIN_S: Final = 5.0
"""For each file that was uploaded in vain, to be deleted."""

NAMED: Final = 5
"""Failed files that an error names; it counts the others."""

_ID: Final = re.compile(r"file[-_][A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How many files of a store are how far."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


@dataclass(frozen=True, slots=True)
class VectorStore:
    """`status`: "in_progress", "completed" or "expired". `bytes`: what is kept of its files. Times are Unix times in
    seconds; `expires_at` is None where it does not expire.
    """

    id: str
    name: str
    status: str
    files: FileCounts
    bytes: int
    created_at: int
    last_active_at: int
    expires_at: int | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store. `status`: see `Status`. `error`, `error_code`: why it failed. `bytes`: what is kept of it."""

    id: str
    store_id: str
    status: str
    error: str
    error_code: str
    bytes: int
    created_at: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a file that was searched for. `score`: from 0 to 1, 1 for what fits best."""

    text: str = field(repr=False)
    score: float
    file_id: str
    filename: str
    attributes: Attributes


class VectorStores:
    """`ai.vector_stores`. Files are taken in over a while: `wait` for them before you search."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._files = Files(providers)

    async def create(
        self,
        name: str = "",
        *,
        files: Sequence[StoreFile] = (),
        description: str = "",
        expires_days: int | None = None,
        metadata: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> VectorStore:
        """A new store with up to 500 files; those that the server has not yet are uploaded first. Raises ApiError.

        Where that fails, what was uploaded is deleted again. `expires_days`: it ends when it was not used for so long,
        from 1 to 365 days; None for never. `progress`: is called with the files that are uploaded and all of them.
        """
        _days_are_right(expires_days)
        if len(files) > MOST_AT_CREATION:
            raise RequestRejected(
                f"vector stores: {len(files)} files are too many at once, {MOST_AT_CREATION} are taken: add the others"
            )
        async with self._uploaded(files, progress, provider) as file_ids:

            async def request(server: Server) -> Any:
                from openai import omit

                return await server.openai.vector_stores.create(
                    name=name or omit,
                    description=description or omit,
                    file_ids=list(file_ids) or omit,
                    expires_after=omit if expires_days is None else _days(expires_days),
                    metadata=omit if metadata is None else dict(metadata),
                )

            return await self._ask(request, _store, provider, within_s, once=True)

    async def get(self, store_id: str, *, provider: str = "", within_s: float | None = None) -> VectorStore:
        """Raises ApiError, RequestRejected where there is no such store (any more)."""

        async def request(server: Server) -> Any:
            return await server.openai.vector_stores.retrieve(store_id)

        with by_id("vector stores: store", store_id):
            return await self._ask(request, _store, provider, within_s)

    async def update(
        self,
        store_id: str,
        *,
        name: str | None = None,
        expires_days: int | None = None,
        metadata: Mapping[str, str] | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> VectorStore:
        """Change what is not None. Raises ApiError."""
        _days_are_right(expires_days)

        async def request(server: Server) -> Any:
            from openai import omit

            return await server.openai.vector_stores.update(
                store_id,
                name=omit if name is None else name,
                expires_after=omit if expires_days is None else _days(expires_days),
                metadata=omit if metadata is None else dict(metadata),
            )

        with by_id("vector stores: store", store_id):
            return await self._ask(request, _store, provider, within_s)

    async def delete(self, store_id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Delete the store. Its files stay at the server: `ai.files.delete` deletes those. Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.vector_stores.delete(store_id)

        with by_id("vector stores: store", store_id):
            await self._ask(request, lambda raw: raw.id, provider, within_s, once=True)

    async def add(
        self,
        store_id: str,
        file: StoreFile,
        *,
        attributes: Attributes | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> StoredFile:
        """One more file, uploaded first where the server has it not yet; it is taken in over a while. Raises ApiError.

        Where that fails, what was uploaded is deleted again.
        """
        with by_id("vector stores: store", store_id):
            async with self._uploaded([file], None, provider) as (file_id,):

                async def request(server: Server) -> Any:
                    from openai import omit

                    return await server.openai.vector_stores.files.create(
                        store_id, file_id=file_id, attributes=omit if attributes is None else dict(attributes)
                    )

                return await self._ask(request, _stored, provider, within_s)

    async def files(
        self,
        store_id: str,
        *,
        status: Status | None = None,
        most: int = MOST_LISTED,
        provider: str = "",
        within_s: float | None = None,
    ) -> list[StoredFile]:
        """The files of a store, the newest first; with `status` those of one alone. Raises ApiError."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.vector_stores.files.list(store_id, **asked)

        with by_id("vector stores: store", store_id):
            return await all_pages(
                self._providers,
                "vector_stores",
                page,
                _stored,
                asked={} if status is None else {"filter": status},
                most=most,
                provider=provider,
                within_s=within_s,
            )

    async def remove(self, store_id: str, file_id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Take a file out of a store; it stays at the server. Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.vector_stores.files.delete(file_id, vector_store_id=store_id)

        with by_id("vector stores: store and file", store_id, file_id):
            await self._ask(request, lambda raw: raw.id, provider, within_s, once=True)

    async def search(
        self,
        store_id: str,
        query: str | Sequence[str],
        *,
        most: int = 10,
        filters: Mapping[str, Any] | None = None,
        least_score: float | None = None,
        rewrite: bool = False,
        provider: str = "",
        within_s: float | None = None,
    ) -> list[Found]:
        """Up to `most` (1 to 50) pieces of files that fit the query, the best first. Raises ApiError.

        `filters`: what the attributes of a file must be, such as {"year": 2026}; or a filter as the API has it, such as
        {"type": "gte", "key": "year", "value": 2020}. `least_score`: from 0 to 1. `rewrite`: the server may put the
        query into other words.
        """
        queries = [query] if isinstance(query, str) else list(query)
        if not queries or not all(isinstance(each, str) and each.strip() for each in queries):
            raise RequestRejected("vector stores: the query is empty: say what to search for")
        if not 1 <= most <= MOST_FOUND:
            raise RequestRejected(f"vector stores: most is {most}: give from 1 to {MOST_FOUND}")
        if least_score is not None and not 0 <= least_score <= 1:
            raise RequestRejected(f"vector stores: least_score is {least_score:g}: give from 0 to 1")

        async def request(server: Server) -> Any:
            from openai import omit

            return await server.openai.vector_stores.search(
                store_id,
                query=query if isinstance(query, str) else queries,
                max_num_results=most,
                filters=_filter(filters) if filters else omit,
                ranking_options=omit if least_score is None else {"score_threshold": least_score},
                rewrite_query=True if rewrite else omit,
            )

        with by_id("vector stores: store", store_id):
            return await self._ask(request, lambda raw: [_found(each) for each in raw.data], provider, within_s)

    async def wait(
        self,
        store_id: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        provider: str = "",
        within_s: float | None = READY_WITHIN_S,
        poll_s: float = POLL_S,
    ) -> VectorStore:
        """The store, once all its files were taken in. Raises ApiError.

        RequestRejected where files failed, with their names and why; the others can be searched all the same. `files`
        tells which they are. `progress`: is called with the files that are done and all of them. `within_s`: in all,
        None for no end.
        """

        async def look() -> VectorStore:
            store = await self.get(store_id, provider=provider)
            if progress is not None:
                progress(store.files.total - store.files.in_progress, store.files.total)
            return store

        store = await poll(
            look,
            lambda store: store.status != "in_progress" and not store.files.in_progress,
            what=f"vector stores: {store_id}",
            within_s=within_s,
            poll_s=poll_s,
        )
        if store.status == "expired":
            raise RequestRejected(
                f"vector stores: {store_id} is expired, since it was not used for long: make it again",
                code="vector_store_expired",
            )
        if store.files.failed:
            raise RequestRejected(await self._failures(store, provider), code="files_failed")
        return store

    async def list(
        self, *, most: int = MOST_LISTED, provider: str = "", within_s: float | None = None
    ) -> Sequence[VectorStore]:
        """The stores at the server, of all pages, the newest first. Raises ApiError."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.vector_stores.list(**asked)

        return await all_pages(
            self._providers, "vector_stores", page, _store, most=most, provider=provider, within_s=within_s
        )

    async def _ask(
        self,
        request: Callable[[Server], Any],
        read: Callable[[Any], T],
        provider: str,
        within_s: float | None,
        *,
        once: bool = False,
    ) -> T:
        return await self._providers.ask(
            "vector_stores",
            request,
            lambda raw, _: read(raw),
            provider=provider,
            within_s=within_s,
            once=once,
            stays=True,
            needs_model=False,
        )

    @asynccontextmanager
    async def _uploaded(
        self, files: Sequence[StoreFile], progress: Callable[[int, int], None] | None, provider: str
    ) -> AsyncIterator[Sequence[str]]:
        """The ids of all. All are looked at before one is sent, and all go again where what is in it fails."""
        provider = provider or self._providers.first("vector_stores").name
        known = {place: _id_of(file) for place, file in enumerate(files)}
        for place, file in enumerate(files):
            if not known[place] and not isinstance(file, FileObject):
                await judged(file, PURPOSE)
        ids: list[str] = []
        uploaded: list[str] = []
        try:
            for place, file in enumerate(files):
                file_id = known[place]
                if not file_id and not isinstance(file, FileObject):
                    file_id = (await self._files.upload(file, PURPOSE, provider=provider)).id
                    uploaded.append(file_id)
                ids.append(file_id)
                if progress is not None:
                    progress(place + 1, len(files))
            yield ids
        except BaseException:
            for file_id in uploaded:
                with contextlib.suppress(ApiError):
                    await self._files.delete(file_id, provider=provider, within_s=CLEAN_WITHIN_S)
            raise

    async def _failures(self, store: VectorStore, provider: str) -> str:
        failed = await self.files(store.id, status="failed", most=NAMED, provider=provider)
        told = []
        for file in failed:
            name = file.id
            with contextlib.suppress(ApiError):
                name = (await self._files.get(file.id, provider=provider)).filename or file.id
            told.append(f"{name} ({file.error or file.error_code or 'no reason is given'})")
        more = store.files.failed - len(told)
        return (
            f"vector stores: {store.files.failed} of {store.files.total} files could not be taken in: "
            + ", ".join(told)
            + (f", and {more} more" if more > 0 else "")
        )


def _id_of(file: StoreFile) -> str:
    """Empty for what must be uploaded."""
    if isinstance(file, FileObject):
        return file.id
    return file if isinstance(file, str) and _ID.fullmatch(file) else ""


def _filter(asked: Mapping[str, Any]) -> Any:
    """As the API has it."""
    if "type" in asked and ("key" in asked or "filters" in asked):
        return dict(asked)
    same = [{"type": "eq", "key": key, "value": value} for key, value in asked.items()]
    return same[0] if len(same) == 1 else {"type": "and", "filters": same}


def _days(days: int) -> Any:
    return {"anchor": "last_active_at", "days": days}


def _days_are_right(days: int | None) -> None:
    if days is not None and not 1 <= days <= LONGEST_LIFE_DAYS:
        raise RequestRejected(f"vector stores: expires_days is {days}: give from 1 to {LONGEST_LIFE_DAYS}")


# What the library tells; whatever is wrong with it raises one of several errors.


def _store(raw: Any) -> VectorStore:
    counts = raw.file_counts
    return VectorStore(
        filled(raw.id),
        text(raw.name or ""),
        filled(raw.status),
        FileCounts(*(whole(getattr(counts, name)) for name in FileCounts.__slots__)),
        whole(raw.usage_bytes),
        whole(raw.created_at),
        whole(raw.last_active_at),
        known(raw.expires_at),
        mapping(raw.metadata),
    )


def _stored(raw: Any) -> StoredFile:
    error = raw.last_error
    return StoredFile(
        filled(raw.id),
        filled(raw.vector_store_id),
        filled(raw.status),
        "" if error is None else text(error.message),
        "" if error is None else text(error.code),
        whole(raw.usage_bytes),
        whole(raw.created_at),
        mapping(raw.attributes),
    )


def _found(raw: Any) -> Found:
    said = "\n".join(text(part.text) for part in raw.content if part.type == "text")
    return Found(said, fraction(raw.score), filled(raw.file_id), text(raw.filename), mapping(raw.attributes))
