"""One WebSocket to Home Assistant: the token, then commands and their answers, and events in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from voiced.plugins.builtin.home_assistant import messages
from voiced.plugins.builtin.home_assistant.failures import (
    away,
    no_home_assistant,
    service_refused,
    token_refused,
    unclear,
)
from voiced.plugins.builtin.home_assistant.messages import (
    Answered,
    AuthInvalid,
    AuthOk,
    AuthWanted,
    Fact,
    Garbled,
    Refused,
)
from voiced.plugins.builtin.home_assistant.rest import ANSWER_S, MOST_BYTES, InThread

OPEN_S: Final = 10.0
PING_S: Final = 20.0
"""How long a server may be silent before it is asked whether it lives, and again until it is given up."""

CLOSE_S: Final = 0.2
"""For the closing handshake: a plugin must be torn down within half a second."""

MOST_MALFORMED: Final = 20

_socket_log: Final = logging.getLogger("voiced.plugins.home_assistant.socket")
_socket_log.setLevel(logging.WARNING)  # at DEBUG websockets logs each frame: the token, and what goes on at home


class _Connect(connect):
    """A client that follows no redirect: the token goes only where the settings say."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Connection:
    """`told` is called with each fact that answers no command."""

    def __init__(self, socket: ClientConnection, told: Callable[[Fact], None], in_thread: InThread) -> None:
        self._socket = socket
        self._told = told
        self._in_thread = in_thread
        self._ids = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._open = True

    @property
    def lives(self) -> bool:
        """Whether it is not known to be lost."""
        return self._open

    @classmethod
    async def open(
        cls, url: str, told: Callable[[Fact], None], in_thread: InThread, *, ping_s: float = PING_S
    ) -> Connection:
        """Connect; `authenticate` is next. Raises Away."""
        try:
            socket = await _Connect(
                f"ws{url.removeprefix('http')}/api/websocket",
                compression=None,  # at home the network is faster than zlib
                max_size=MOST_BYTES,
                open_timeout=OPEN_S,
                ping_interval=ping_s,
                ping_timeout=ping_s,
                close_timeout=CLOSE_S,
                logger=_socket_log,
                proxy=None,
            )
        except InvalidStatus as error:
            raise (away() if error.response.status_code >= 500 else no_home_assistant()) from error
        except (OSError, TimeoutError) as error:
            raise away() from error
        except WebSocketException as error:
            raise no_home_assistant() from error
        return cls(socket, told, in_thread)

    async def authenticate(self, token: str) -> None:
        """Give it the token. Raises TokenRefused and Away."""
        try:
            async with asyncio.timeout(OPEN_S):
                while True:
                    for fact in await self._receive():
                        match fact:
                            case AuthWanted():
                                await self._socket.send(messages.auth(token))
                            case AuthOk():
                                return
                            case AuthInvalid():
                                raise token_refused()
        except (TimeoutError, WebSocketException) as error:
            raise away() from error
        except Garbled as error:
            raise no_home_assistant() from error

    async def read(self) -> None:
        """Take what comes until the connection is lost; then every command that waits raises Unclear. Raises Away."""
        malformed = 0
        try:
            while malformed < MOST_MALFORMED:
                try:
                    for fact in await self._receive():
                        self._take(fact)
                    malformed = 0
                except Garbled:
                    malformed += 1
            raise no_home_assistant()
        except WebSocketException as error:
            raise away() from error
        finally:
            self._open = False
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(unclear())

    async def ask(self, kind: str, within_s: float = ANSWER_S, **fields: Any) -> Any:
        """Send a command, and give its result; `read` must run. Raises Away, Unclear and ServiceRefused."""
        if not self._open:
            raise away()
        number = next(self._ids)
        waiting = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                await self._socket.send(messages.command(number, kind, fields))
                return await waiting
        except TimeoutError as error:
            raise unclear() from error
        except WebSocketException as error:
            raise unclear() from error
        finally:
            del self._asked[number]
            waiting.cancel()

    async def close(self) -> None:
        """Say goodbye, if that is possible soon."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close()
        except (TimeoutError, WebSocketException):
            pass
        finally:
            self._socket.transport.abort()

    async def _receive(self) -> list[Fact]:
        text = await self._socket.recv()
        if not isinstance(text, str):
            raise Garbled("it is no text")
        if len(text) > messages.LARGE:
            return await self._in_thread(partial(messages.large_facts, text))
        return messages.facts(text)

    def _take(self, fact: Fact) -> None:
        match fact:
            case Answered(id=number, result=result):
                if (waiting := self._asked.get(number)) and not waiting.done():
                    waiting.set_result(result)
            case Refused(id=number, code=code, message=message):
                if (waiting := self._asked.get(number)) and not waiting.done():
                    waiting.set_exception(service_refused(code, message))
            case _:
                self._told(fact)
