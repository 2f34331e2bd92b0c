"""Files at the server: sent, listed, fetched and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from voiced.ai.answer_fields import filled, known, text, whole
from voiced.ai.attachments import FileSource
from voiced.ai.by_id import by_id
from voiced.ai.paging import all_pages
from voiced.ai.polling import POLL_S, poll
from voiced.ai.providers import Providers, Server
from voiced.ai.saving import saving
from voiced.ai.sending import IN_PARTS, MOST_BYTES, Progress, Sending, Told, ToldFile, judged
from voiced.ai.uploads import PART_BYTES, Uploads, life_of, sending_s
from voiced.errors import AnswerUnusable, ModelUnknown, RequestRejected

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
"""What a file is for. Other servers have others, which are passed on as they are."""

IN_PARTS_OVER: Final = 64 * 1024 * 1024
"""Bytes; a larger file is sent in parts."""

MOST_LISTED: Final = 10_000
MOST_READ_BYTES: Final = 64 * 1024 * 1024
"""That are read into memory where no other limit is given."""

READY_WITHIN_S: Final = 600.0

SHORTEST_LIFE_S: Final = 3_600
LONGEST_LIFE_S: Final = 30 * 86_400
"""After which a file may be deleted by itself (OpenAI's limits)."""

_PER_PAGE: Final = 1_000
_CHUNK_BYTES: Final = 64 * 1024
_NOT_READY: Final = frozenset({"uploaded", "pending", "queued", "running", "processing", "in_progress"})
_OF_OPENAI: Final = ("openai", "azure")


@dataclass(frozen=True, slots=True)
class FileObject:
    """A file that the server has. `bytes`: its size. `created_at`, `expires_at`: Unix time in seconds, 0 and None where
    it is not told. `status`: "uploaded", "processed" or "error"; other servers have others.
    """

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: int
    expires_at: int | None
    status: str
    status_details: str


class Files:
    """`ai.files`. What is wrong with a file is said before anything is sent."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._uploads = Uploads(providers)

    async def upload(
        self,
        file: FileSource,
        purpose: Purpose | str,
        *,
        expires_after_s: int | None = None,
        progress: Progress | None = None,
        provider: str = "",
        within_s: float | None = None,
        in_parts_over: int = IN_PARTS_OVER,
        part_bytes: int = PART_BYTES,
    ) -> FileObject:
        """Send a file: a path, or its name and bytes. Raises ApiError.

        Up to 512 MiB are taken; 8 GiB for assistants, fine-tune and vision; 200 MiB for batch. Larger ones than
        `in_parts_over` go in parts of `part_bytes`, of which each is sent again where that may help; where it ends
        before its end, the server is told. `expires_after_s`: seconds, from an hour to 30 days, None for the server's
        own rule. `progress`: is called with the bytes that are sent and those of the file; it may begin anew.
        `within_s`: for each request, None for as long as the file needs over a slow line.
        """
        _life_is_right(expires_after_s)
        others = self._providers.first("files", provider).name not in _OF_OPENAI
        sending = await judged(file, purpose, any_purpose=others)
        if sending.size > in_parts_over and purpose in IN_PARTS:
            try:
                return await self._uploads.send(
                    sending,
                    purpose,
                    file_object,
                    expires_after_s=expires_after_s,
                    progress=progress,
                    part_bytes=part_bytes,
                    provider=provider,
                    within_s=within_s,
                )
            except ModelUnknown as error:  # what a 404 usually means: a server that takes no parts
                if error.status not in (404, 405) or sending.size > MOST_BYTES:
                    raise
        return await self._send(sending, purpose, expires_after_s, progress, provider, within_s, in_parts_over)

    async def get(self, file_id: str, *, provider: str = "", within_s: float | None = None) -> FileObject:
        """Raises ApiError, RequestRejected where there is no such file (any more)."""

        async def request(server: Server) -> Any:
            return await server.openai.files.retrieve(file_id)

        with by_id("files: file", file_id):
            return await self._providers.ask(
                "files",
                request,
                lambda raw, _: file_object(raw),
                provider=provider,
                within_s=within_s,
                stays=True,
                needs_model=False,
            )

    async def delete(self, file_id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Delete it, and take it out of all vector stores. Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.files.delete(file_id)

        with by_id("files: file", file_id):
            await self._providers.ask(
                "files",
                request,
                lambda raw, _: raw.id,
                provider=provider,
                within_s=within_s,
                once=True,
                stays=True,
                needs_model=False,
            )

    async def read(
        self,
        file_id: str,
        *,
        most_bytes: int = MOST_READ_BYTES,
        progress: Progress | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> bytes:
        """What is in a file of up to `most_bytes`. OpenAI gives back only what it made itself and what is for batch or
        fine-tune. Raises ApiError.

        `progress`: is called with the bytes that came and those that are to come, 0 where that is not told. `within_s`:
        to the first bytes, and from each to the next.
        """
        found = []
        size = 0
        async with self._content(file_id, progress, provider, within_s) as pieces:
            async for piece in pieces:
                found.append(piece)
                size += len(piece)
                if size > most_bytes:
                    raise AnswerUnusable(
                        f"files: {file_id} has more than {most_bytes} bytes: save it to the disk, or give most_bytes"
                    )
        return await asyncio.to_thread(b"".join, found)

    async def save(
        self,
        file_id: str,
        path: str | PathLike[str],
        *,
        progress: Progress | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> Path:
        """Write it to `path` as it comes, in place of what is there; whole, or not at all. Raises as `read` does."""
        async with saving(path, "files") as write, self._content(file_id, progress, provider, within_s) as pieces:
            async for piece in pieces:
                await write(piece)
        return Path(path)

    async def wait(
        self,
        file_id: str,
        *,
        provider: str = "",
        within_s: float | None = READY_WITHIN_S,
        poll_s: float = POLL_S,
    ) -> FileObject:
        """The file, once the server is done with it. Raises ApiError, RequestRejected where it can't use it.

        `within_s`: in all, None for no end.
        """
        found = await poll(
            lambda: self.get(file_id, provider=provider),
            lambda file: file.status not in _NOT_READY,
            what=f"files: {file_id}",
            within_s=within_s,
            poll_s=poll_s,
        )
        if found.status in ("error", "failed"):
            why = f": {found.status_details}" if found.status_details else ""
            raise RequestRejected(f"files: the server can't use {found.filename}{why}", code="file_error")
        return found

    async def list(
        self,
        purpose: Purpose | str = "",
        *,
        most: int = MOST_LISTED,
        provider: str = "",
        within_s: float | None = None,
    ) -> Sequence[FileObject]:
        """The files at the server, of all pages, the newest first; `most` of them at most. Raises ApiError."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.files.list(**asked)

        return await all_pages(
            self._providers,
            "files",
            page,
            file_object,
            asked={"purpose": purpose} if purpose else {},
            most=most,
            per_page=_PER_PAGE,
            provider=provider,
            within_s=within_s,
        )

    async def _send(
        self,
        sending: Sending,
        purpose: Any,
        expires_after_s: int | None,
        progress: Progress | None,
        provider: str,
        within_s: float | None,
        most_in_memory: int,
    ) -> FileObject:
        """In one piece."""
        if sending.path is None or sending.size <= most_in_memory:
            data = await sending.read(0, MOST_BYTES)

            def opened() -> Told | ToldFile:
                return Told(data, progress, 0, sending.size)
        else:
            path = sending.path

            def opened() -> Told | ToldFile:
                return ToldFile(path, progress, sending.size)

        async def request(server: Server) -> Any:
            from openai import omit

            with opened() as file:
                return await server.openai.files.create(
                    file=(sending.name, file, sending.mime_type),
                    purpose=purpose,
                    expires_after=omit if expires_after_s is None else life_of(expires_after_s),
                )

        return await self._providers.ask(
            "files",
            request,
            lambda raw, _: file_object(raw),
            provider=provider,
            within_s=within_s or sending_s(sending.size, self._providers.settings.timeout_s),
            once=True,
            stays=True,
            needs_model=False,
        )

    @asynccontextmanager
    async def _content(
        self, file_id: str, progress: Progress | None, provider: str, within_s: float | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async def request(server: Server) -> Content:
            answer = server.openai.files.with_streaming_response.content(file_id)
            return Content(await answer.__aenter__(), progress)

        with by_id("files: file", file_id):
            async with self._providers.stream(
                "files", request, provider=provider, within_s=within_s, stays=True, needs_model=False
            ) as pieces:
                yield pieces


class Content:
    """The bytes of an answer of the library's, as they come."""

    def __init__(self, response: Any, progress: Progress | None) -> None:
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.iter_bytes(_CHUNK_BYTES)
        self._progress = progress
        length = response.headers.get("content-length", "")
        self._size = int(length) if length.isdecimal() and "content-encoding" not in response.headers else 0
        self._done = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self._done += len(piece)
        if self._progress is not None:
            self._progress(self._done, self._size)
        return piece

    async def close(self) -> None:
        """Hang up."""
        await self._response.close()


def file_object(raw: Any) -> FileObject:
    """A file as the library tells of it. Whatever is wrong with it raises one of several errors."""
    return FileObject(
        filled(raw.id),
        text(getattr(raw, "filename", None) or ""),
        text(getattr(raw, "purpose", None) or ""),
        whole(getattr(raw, "bytes", None)),
        whole(getattr(raw, "created_at", None)),
        known(getattr(raw, "expires_at", None)),
        text(getattr(raw, "status", None) or "processed"),
        text(getattr(raw, "status_details", None) or ""),
    )


def _life_is_right(seconds: int | None) -> None:
    if seconds is not None and not SHORTEST_LIFE_S <= seconds <= LONGEST_LIFE_S:
        raise RequestRejected(
            f"files: expires_after_s is {seconds}: give from {SHORTEST_LIFE_S} (an hour) to {LONGEST_LIFE_S} (30 days)"
        )
