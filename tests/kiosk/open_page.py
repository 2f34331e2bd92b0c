"""A page, as far as the kiosk's server can tell: a WebSocket that says what a browser says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from voiced.kiosk.server import KioskServer

WITHIN_S: Final = 40.0
"""Real seconds; only reached by a test that fails."""


class OpenPage:
    """A page that is open: what it was told, and what it presses."""

    def __init__(self, connection: ClientConnection, hello: Mapping[str, Any]) -> None:
        self.connection = connection
        self.hello = hello
        self.blocks: list[bytes] = []
        """Of the loudspeaker, so far as `told` came by them."""

    async def told(self, what: str, where: Callable[[Any], object] = lambda _: True) -> Any:
        """The next message of this kind: its whole where it is a fact's name, else its value."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                message = await self.connection.recv()
                if isinstance(message, bytes):
                    self.blocks.append(message)
                    continue
                read = json.loads(message)
                if read.get("fact") == what and where(read):
                    return read
                if "fact" not in read and what in read and where(read[what]):
                    return read[what]

    async def block(self) -> bytes:
        """The next block for its loudspeaker."""
        async with asyncio.timeout(WITHIN_S):
            while not isinstance(message := await self.connection.recv(), bytes):
                pass
            return message

    async def ask(self, **request: Any) -> None:
        await self.connection.send(json.dumps(request))

    async def closed(self) -> tuple[int | None, str]:
        """Wait for the server to close: the code and the reason that it gave."""
        async with asyncio.timeout(WITHIN_S):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason or ""


@contextlib.asynccontextmanager
async def open_page(server: KioskServer, *, origin: str | None = None, token: str = "") -> AsyncIterator[OpenPage]:
    """Open the page, as its own script does. Raises InvalidStatus where it is refused."""
    place = urlsplit(server.url)
    protocols = [Subprotocol("voiced.v1"), *([Subprotocol(f"token.{token}")] if token else [])]
    async with connect(
        f"ws://{place.netloc}/ws",
        origin=Origin(origin or f"http://{place.netloc}"),
        subprotocols=protocols,
        compression=None,
        proxy=None,
        max_size=None,
        close_timeout=0.5,
    ) as connection:
        hello = json.loads(await connection.recv())
        yield OpenPage(connection, hello["hello"])


async def get(server: KioskServer, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """What a plain HTTP request gets: status, headers, body. `host` and the like are headers."""
    place = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    lines = {"Host": place.netloc} | {name.replace("_", "-"): value for name, value in headers.items()}
    writer.write(f"GET {path} HTTP/1.1\r\n".encode())
    writer.write("".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n")
    async with asyncio.timeout(WITHIN_S):
        answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body
