"""One connection to a server, from its beginning to its loss, all in one task.

`mcp` stands on anyio, whose scopes must end in the task that they began in: `Connection.run` is that task. A call is
asked for by another one, which only waits for its answer: it can be given up at any time, and does not wait for what
the client then still has to say to the server.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import CONNECTION_CLOSED, Implementation, ToolListChangedNotification
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from voiced.api import Appointment, NotPermitted, ToolContext, ToolError
from voiced.plugins.builtin.mcp.inflow import Lost, Unusable
from voiced.plugins.builtin.mcp.pipe import Pipe
from voiced.plugins.builtin.mcp.process import ServerProcess, started
from voiced.plugins.builtin.mcp.settings import ServerSettings
from voiced.plugins.builtin.mcp.web import reached

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from mcp.types import CallToolResult, Tool

ANSWER_S: Final = 10.0
"""A server that does not list its tools for so long hangs."""

LOOK_EVERY: Final = timedelta(minutes=5)
"""Whether it is there still, and its tools are the same, though it said nothing."""

LOOK_PAUSE_S: Final = 5.0
LONGEST_LOOK_PAUSE_S: Final = 60.0
"""From one look at its tools to the next; twice as long after each change: a change makes the model read all anew."""

LISTEN_AGAIN_S: Final = 30.0

MOST_PAGES: Final = 32

_ABOUT_US: Final = Implementation(name="voiced", version=metadata.version("voiced"))

# A server decides how often these speak, and is quoted. "client" is what mcp calls the logger of its sessions.
for _name in ("mcp", "client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Connection:
    """Is used once. `name`: as it is spoken. `listed` is called with the server's tools, at first and whenever they may
    have changed; it says whether they have.
    """

    def __init__(
        self, name: str, settings: ServerSettings, context: ToolContext, listed: Callable[[list[Tool]], bool]
    ) -> None:
        self._name = name
        self._settings = settings
        self._context = context
        self._listed = listed
        self._process: ServerProcess | None = None
        self._pipe: Pipe | None = None
        self._open: tuple[Client, TaskGroup] | None = None
        self._look = asyncio.Event()

    async def run(self, token: str) -> str:
        """Connect, and stay connected. Gives the reason why that is over, in plain words that quote no server."""
        try:
            with anyio.CancelScope() as scope, self._later(self._settings.start_timeout_s, scope.cancel) as appointment:
                async with self._reached(token) as pipe, self._client(pipe) as client:
                    await self._list(client)
                    appointment.cancel()
                    await self._serve(pipe, client)
        except Exception as error:  # noqa: BLE001  # whatever a server brings mcp to raise: it is over
            cause = _cause(error)
            self._context.log.debug("connection to a server is over", server=self._name, cause=repr(cause)[:500])
            if isinstance(cause, Unusable | NotPermitted):
                self._context.report(f"the server {self._name}: {cause}")
            return (self._pipe and self._pipe.why) or _why(cause)
        return f"it did not answer within {self._settings.start_timeout_s:g} s"

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Raises ToolError. One that is cancelled gives the call up, and has somebody look whether the server hangs."""
        if self._open is None:
            raise ToolError(f"The {self._name} server does not answer just now.")
        client, group = self._open
        scope = anyio.CancelScope()
        answer: asyncio.Future[CallToolResult] = asyncio.get_running_loop().create_future()
        try:
            group.start_soon(self._call, client, tool, arguments, scope, answer)
        except RuntimeError as error:  # voiced bounds the tasks of a plugin
            raise ToolError(f"The {self._name} server has too much to do just now.") from error
        try:
            return await answer
        except asyncio.CancelledError:
            scope.cancel()
            self._look.set()
            raise

    def send_signal(self, number: signal.Signals) -> None:
        """To the server, where it is a program of ours."""
        if self._process:
            self._process.send_signal(number)

    # Beginning and end.

    @asynccontextmanager
    async def _reached(self, token: str) -> AsyncGenerator[Pipe]:
        settings = self._settings
        if settings.url:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {name: value.get_secret_value() for name, value in settings.headers.items()}
            async with reached(settings.url, headers, self._context) as self._pipe:
                yield self._pipe
            return
        env = {name: value.get_secret_value() for name, value in settings.env.items()}
        if settings.token_env:
            env[settings.token_env] = token
        async with started(settings.command, env, settings.cwd, self._context) as self._process:
            self._pipe = self._process.pipe
            yield self._pipe

    def _client(self, pipe: Pipe) -> Client:
        return Client(pipe.as_transport(), client_info=_ABOUT_US, message_handler=self._heard, cache=None)

    async def _serve(self, pipe: Pipe, client: Client) -> None:
        async with anyio.create_task_group() as group:
            self._open = client, group
            try:
                group.start_soon(self._look_again_and_again, client)
                group.start_soon(self._listen, client)
                await pipe.lost.wait()
                raise Lost(pipe.why)
            finally:
                self._open = None
                pipe.shut()

    # Calls.

    async def _call(
        self,
        client: Client,
        tool: str,
        arguments: Mapping[str, Any],
        scope: anyio.CancelScope,
        answer: asyncio.Future[CallToolResult],
    ) -> None:
        failure = f"The {self._name} server went away in the middle of it. Whether it was done is not known."
        try:
            with scope:
                result = await client.call_tool(tool, dict(arguments))
                if not answer.done():
                    answer.set_result(result)
        except MCPError as error:
            self._look.set()
            if error.code != CONNECTION_CLOSED:
                failure = f"The {self._name} server refused: {error.message[:500]}"
        except (ValidationError, RuntimeError) as error:
            failure = f"The {self._name} server gave an answer that can't be understood."
            self._context.log.debug(
                "answer of a server is wrong", server=self._name, tool=tool, cause=repr(error)[:500]
            )
        finally:
            if not answer.done():
                answer.set_exception(ToolError(failure))

    # Its tools.

    async def _list(self, client: Client) -> bool:
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        return self._listed(tools)

    async def _look_again_and_again(self, client: Client) -> None:
        pause_s = LOOK_PAUSE_S
        looks = self._context.call_every(LOOK_EVERY, self._wish_to_look)
        try:
            while True:
                await self._look.wait()
                self._look.clear()
                if await self._list_in_time(client):
                    pause_s = min(2 * pause_s, LONGEST_LOOK_PAUSE_S)
                await self._pause(pause_s)
        finally:
            looks.cancel()

    async def _list_in_time(self, client: Client) -> bool:
        try:
            with anyio.CancelScope() as scope, self._later(ANSWER_S, scope.cancel):
                return await self._list(client)
        except (MCPError, ValidationError) as error:
            raise Lost("it does not list its tools any more") from error
        raise Lost("it hangs")

    async def _listen(self, client: Client) -> None:
        """Since the protocol of 2026 a server tells only those who ask to be told."""
        tools = client.server_capabilities.tools
        while client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._look.set()
            except (MCPError, SubscriptionLost) as error:
                self._context.log.debug("server does not tell of changes", server=self._name, cause=repr(error)[:500])
            await self._pause(LISTEN_AGAIN_S)
            self._look.set()

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._look.set()

    async def _wish_to_look(self) -> None:
        self._look.set()

    # Time, by voiced's clock.

    async def _pause(self, length_s: float) -> None:
        over = asyncio.Event()
        with self._later(length_s, over.set):
            await over.wait()

    @contextmanager
    def _later(self, delay_s: float, function: Callable[[], object]) -> Iterator[Appointment]:
        async def callback() -> None:
            function()

        appointment = self._context.call_after(timedelta(seconds=delay_s), callback)
        try:
            yield appointment
        finally:
            appointment.cancel()


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _why(error: BaseException) -> str:
    match error:
        case Lost() | NotPermitted():
            return str(error)
        case MCPError():
            return f"it refused (error {error.code})"
        case ValidationError():
            return "it sent what is not MCP"
        case httpx2.TimeoutException():
            return "it does not answer"
        case httpx2.TransportError():
            return "it can't be reached"
    return f"it failed ({type(error).__name__})"
