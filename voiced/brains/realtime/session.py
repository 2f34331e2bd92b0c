"""The Realtime brain as the hub knows it: orders go to the connection of their session, events come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from voiced.brains.realtime.connection import Connection
from voiced.brains.realtime.counters import Counters
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import Dialect
from voiced.conversation.commands import BrainCommand, CloseSession, OpenSession
from voiced.conversation.events import BrainLost
from voiced.conversation.settings import TurnEnd
from voiced.errors import ConfigError
from voiced.ports import Post


class RealtimeBrain:
    """`ports.Brain` over a Realtime server.

    One session at a time: `OpenSession` replaces the last one, and commands for any other session are ignored. When to
    reconnect, and after how long, is the conversation's decision; the edge adds jitter of up to half as much again, so
    that a house full of assistants does not come back in the same instant.

    `key` is asked for at each connection, so that a new key needs no restart; it may raise `ConfigError`.
    `jitter` returns 0.0 to 1.0. Create and call it on the event loop's thread.
    """

    def __init__(
        self,
        post: Post,
        settings: RealtimeSettings,
        key: Callable[[], str],
        turn_end: TurnEnd = "local",
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.counters = Counters()
        self._post = post
        self._settings = settings
        self._key = key
        self._turn_end: TurnEnd = turn_end
        self._jitter = jitter
        self._dialect: Dialect = "beta" if settings.dialect == "beta" else "ga"
        self._connection: Connection | None = None
        self._opened: asyncio.Queue[tuple[OpenSession, Connection] | None] = asyncio.Queue()

    def do(self, command: BrainCommand) -> None:
        """Carry `command` out, soon. Returns at once."""
        if isinstance(command, OpenSession):
            if self._connection is not None:
                self._dialect = self._connection.dialect  # what was learned about the server
            self._connection = Connection(
                command,
                self._settings.at(command.thrift),
                dialect=self._dialect,
                turn_end=self._turn_end,
                post=self._post,
                counters=self.counters,
            )
            self._opened.put_nowait((command, self._connection))
        elif self._connection is None or command.session != self._connection.session:
            pass  # of a session that is over
        elif isinstance(command, CloseSession):
            self._connection = None
            self._opened.put_nowait(None)
        else:
            self._connection.do(command)

    async def run(self) -> None:
        """Serve sessions until cancelled; each one closes in its own time, so that the next needs not wait for it."""
        async with asyncio.TaskGroup() as tasks:
            serving: asyncio.Task[None] | None = None
            while True:
                opened = await self._opened.get()
                if serving is not None:
                    serving.cancel()
                serving = tasks.create_task(self._serve(*opened)) if opened is not None else None

    async def _serve(self, order: OpenSession, connection: Connection) -> None:
        await asyncio.sleep(order.after / 1000 * (1 + self._jitter() / 2))
        try:
            key = self._key()
        except ConfigError as error:
            self._post(BrainLost(order.session, str(error), fatal=True, cause="key"))
            return
        await connection.run(key)
