"""Fetches what an answer has only the address of: with no key, and not more than is bearable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from voiced.errors import AnswerUnusable, ApiUnreachable, RequestRejected

if TYPE_CHECKING:
    import httpx2

WITHIN_S: Final = 60.0

_MIB: Final = 1024 * 1024
_CONNECT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Download:
    """`what` names the service in errors. `own_host`: of the server that told the address; there alone http is enough.

    `around`: inside it a connection is made.
    """

    what: str
    own_host: str
    around: Callable[[], AbstractContextManager[Any]]
    most_bytes: int

    async def __call__(self, url: str) -> bytes:
        """What is there. Raises AnswerUnusable, ApiUnreachable or RequestRejected."""
        host = self._judged(url)
        import httpx2

        with self.around():
            client = await asyncio.to_thread(_client)
            try:
                async with asyncio.timeout(WITHIN_S), client, client.stream("GET", url) as response:
                    return await self._read(response, host)
            except TimeoutError as error:
                raise ApiUnreachable(f"{self.what}: {host} did not answer in time") from error
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
                raise ApiUnreachable(
                    f"{self.what}: {host} can't be reached, or broke off ({type(error).__name__}): try again"
                ) from error

    def _judged(self, url: str) -> str:
        """The host. Raises AnswerUnusable."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            parts, host = urlsplit(""), ""
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host == self.own_host)):
            raise AnswerUnusable(f"{self.what}: the server told an address from which nothing is fetched: https is")
        return host

    async def _read(self, response: httpx2.Response, host: str) -> bytes:
        status = response.status_code
        if status in (401, 403, 404, 410):
            raise RequestRejected(
                f"{self.what}: {host} does not give it away (HTTP {status}): its address was good for an hour at most",
                status=status,
            )
        if status >= 500:
            raise ApiUnreachable(f"{self.what}: {host} is in trouble (HTTP {status}): try again", status=status)
        if status != 200:
            raise AnswerUnusable(f"{self.what}: {host} answered with HTTP {status}", status=status)
        found = bytearray()
        async for piece in response.aiter_bytes():
            found += piece
            if len(found) > self.most_bytes:
                raise AnswerUnusable(f"{self.what}: {host} sends more than {self.most_bytes // _MIB} MiB")
        return bytes(found)


def _client() -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(WITHIN_S, connect=_CONNECT_S),
        headers={"Accept-Encoding": "identity"},
        follow_redirects=False,
    )
