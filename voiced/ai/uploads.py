"""Uploads of large files: part by part, of which one at a time is in memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from voiced.ai.answer_fields import filled
from voiced.ai.providers import Providers, Server
from voiced.ai.sending import Progress, Sending, Told
from voiced.errors import ApiError, RequestRejected

T = TypeVar("T")

PART_BYTES: Final = 64 * 1024 * 1024
"""Of one part: the most that OpenAI takes."""

LEAST_BYTES_PER_S: Final = 32 * 1024
"""Over a slower line a file is given up."""

CANCEL_WITHIN_S: Final = 5.0
"""To tell the server that no more comes. What it is not told it forgets after an hour."""


def sending_s(size: int, usual_s: float) -> float:
    """Seconds that a request with so many bytes may take, where a small one may take `usual_s`."""
    return usual_s + size / LEAST_BYTES_PER_S


def life_of(seconds: int) -> Any:
    """As the API has it."""
    return {"anchor": "created_at", "seconds": seconds}


class Uploads:
    """Sends files in parts. For `ai.files`."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def send(
        self,
        sending: Sending,
        purpose: str,
        read: Callable[[Any], T],
        *,
        expires_after_s: int | None = None,
        progress: Progress | None = None,
        part_bytes: int = PART_BYTES,
        provider: str = "",
        within_s: float | None = None,
    ) -> T:
        """What `read` makes of the file at the server. Raises ApiError.

        Where it ends before its end, the server is told. `within_s`: for each part.
        """
        upload_id, provider = await self._begin(sending, purpose, expires_after_s, provider)
        try:
            part_ids, md5 = await self._parts(upload_id, sending, progress, part_bytes, provider, within_s)
            return await self._complete(upload_id, part_ids, md5, read, sending.size, provider)
        except BaseException:
            await self._cancel(upload_id, provider)
            raise

    async def _begin(
        self, sending: Sending, purpose: Any, expires_after_s: int | None, provider: str
    ) -> tuple[str, str]:
        """The id, and the provider that has it."""

        async def request(server: Server) -> Any:
            from openai import omit

            return await server.openai.uploads.create(
                bytes=sending.size,
                filename=sending.name,
                mime_type=sending.mime_type,
                purpose=purpose,
                expires_after=omit if expires_after_s is None else life_of(expires_after_s),
            )

        def read(raw: Any, server: Server) -> tuple[str, str]:
            return filled(raw.id), server.provider.name

        return await self._providers.ask(
            "files", request, read, provider=provider, stays=True, needs_model=False
        )  # not `once`: an upload that nobody knows of is harmless

    async def _parts(
        self,
        upload_id: str,
        sending: Sending,
        progress: Progress | None,
        part_bytes: int,
        provider: str,
        within_s: float | None,
    ) -> tuple[list[str], str]:
        """The ids of the parts in their order, and the MD5 of all."""
        md5 = hashlib.md5(usedforsecurity=False)

        async def send(start: int) -> str:  # a function, so that this part is forgotten before the next is read
            size = min(part_bytes, sending.size - start)
            data = await sending.read(start, size)
            if len(data) != size:
                raise RequestRejected(f"files: {sending.name} got shorter while it was sent: send it again")
            await asyncio.to_thread(md5.update, data)
            opened = partial(Told, data, progress, start, sending.size)
            return await self._part(upload_id, size, opened, provider, within_s)

        ids = [await send(start) for start in range(0, sending.size, part_bytes)]
        return ids, md5.hexdigest()

    async def _part(
        self, upload_id: str, size: int, opened: Callable[[], Told], provider: str, within_s: float | None
    ) -> str:
        async def request(server: Server) -> Any:
            return await server.openai.uploads.parts.create(upload_id, data=("part", opened()))

        return await self._providers.ask(
            "files",
            request,
            lambda raw, _: filled(raw.id),
            provider=provider,
            within_s=within_s or sending_s(size, self._providers.settings.timeout_s),
            stays=True,
            needs_model=False,
        )

    async def _complete(
        self, upload_id: str, part_ids: list[str], md5: str, read: Callable[[Any], T], size: int, provider: str
    ) -> T:
        async def request(server: Server) -> Any:
            return await server.openai.uploads.complete(upload_id, part_ids=part_ids, md5=md5)

        return await self._providers.ask(
            "files",
            request,
            lambda raw, _: read(raw.file),
            provider=provider,
            within_s=sending_s(size, self._providers.settings.timeout_s),  # it puts the parts together
            once=True,
            stays=True,
            needs_model=False,
        )

    async def _cancel(self, upload_id: str, provider: str) -> None:
        async def request(server: Server) -> Any:
            return await server.openai.uploads.cancel(upload_id)

        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(CANCEL_WITHIN_S):
                await self._providers.ask(
                    "files", request, lambda raw, _: raw, provider=provider, stays=True, needs_model=False
                )
