"""Home Assistant over HTTP: what is done while its WebSocket is away."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from voiced.plugins.builtin.home_assistant.failures import (
    away,
    no_home_assistant,
    service_refused,
    token_refused,
    unclear,
)
from voiced.plugins.builtin.home_assistant.messages import Garbled, Json, decode_large

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

CONNECT_S: Final = 3.0
ANSWER_S: Final = 9.0
"""A tool has 15 s, and people wait."""

MOST_BYTES: Final = 64 * 2**20
"""Of all states; 10,000 of them are about 8 MB."""


class InThread(Protocol):
    """`ToolContext.in_thread`."""

    async def __call__(self, function: Callable[[], T]) -> T: ...


class Rest:
    """One request at a time is enough: it makes its client anew for each."""

    def __init__(self, url: str, token: str, in_thread: InThread) -> None:
        self._url = url
        self._token = token
        self._in_thread = in_thread

    async def call(self, domain: str, service: str, data: Json) -> None:
        """Call a service, and wait until it is done. Raises Away, Unclear, TokenRefused and ServiceRefused."""
        await self._request("POST", f"/api/services/{domain}/{service}", data)

    async def states(self) -> Any:
        """All states. Raises as `call`."""
        body = await self._request("GET", "/api/states")
        try:
            return await self._in_thread(partial(decode_large, body))
        except Garbled as error:
            raise no_home_assistant() from error

    async def _request(self, method: str, path: str, data: Json | None = None) -> str:
        client = await self._in_thread(self._client)  # it imports a library, and reads certificates

        import httpx2

        try:
            async with client, client.stream(method, path, json=data) as answer:
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise no_home_assistant()
                return _checked(answer.status_code, bytes(body).decode("utf-8", "replace"))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise away() from error
        except httpx2.HTTPError as error:
            raise (unclear() if method == "POST" else away()) from error

    def _client(self) -> httpx2.AsyncClient:
        import httpx2

        return httpx2.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=ssl.create_default_context() if self._url.startswith("https:") else False,
            trust_env=False,  # the token goes where the settings say, through no proxy
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
        )


def _checked(status: int, body: str) -> str:
    if status in (401, 403):
        raise token_refused()
    if status in (400, 500):
        raise service_refused(str(status), _message(body))
    if status in (502, 503, 504):  # a proxy in front of it, or it is starting
        raise away()
    if status != 200:
        raise no_home_assistant()
    return body


def _message(body: str) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        said = body
    if isinstance(said, Mapping):
        said = said.get("message", "")
    return str(said)[:200] if "<" not in str(said) else ""
