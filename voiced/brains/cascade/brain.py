"""The cascade as the hub knows it: orders go to the session at hand, events come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from voiced.brains.cascade.services import Services
from voiced.brains.cascade.session import Session
from voiced.brains.cascade.settings import CascadeSettings, Service
from voiced.conversation.commands import BrainCommand, CloseSession, OpenSession
from voiced.ports import Post


class CascadeBrain:
    """`ports.Brain` over three HTTP services.

    One session at a time: `OpenSession` replaces the last one, and commands for any other session are ignored. When to
    come back, and after how long, is the conversation's decision; the edge adds jitter of up to half as much again.

    `key` is asked for each service at each session, so that a new key needs no restart; "" where there is none, or
    it raises `ConfigError`. `instructions` stand in where `cascade.instructions` is empty. `headers` go to OpenAI
    alone.
    `jitter` returns 0.0 to 1.0. Create and call it on the event loop's thread.
    """

    def __init__(
        self,
        post: Post,
        settings: CascadeSettings,
        key: Callable[[Service], str],
        *,
        instructions: str = "",
        headers: Mapping[str, str] | None = None,
        jitter: Callable[[], float] = random.random,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._post = post
        self._settings = settings
        self._instructions = settings.instructions or instructions
        self._services = Services(settings, key, headers=headers or {}, today=today)
        self._left_out: dict[str, dict[str, Any]] = {}
        self._jitter = jitter
        self._session: Session | None = None
        self._opened: asyncio.Queue[tuple[OpenSession, Session] | None] = asyncio.Queue()

    def do(self, command: BrainCommand) -> None:
        """Carry `command` out, soon. Returns at once."""
        if isinstance(command, OpenSession):
            self._session = Session(
                command, self._settings, self._services, self._instructions, self._post, self._left_out
            )
            self._opened.put_nowait((command, self._session))
        elif self._session is None or command.session != self._session.session:
            pass  # of a session that is over
        elif isinstance(command, CloseSession):
            self._session = None
            self._opened.put_nowait(None)
        else:
            self._session.do(command)

    async def run(self) -> None:
        """Serve sessions until cancelled, one after the other."""
        try:
            async with asyncio.TaskGroup() as tasks:
                serving: asyncio.Task[None] | None = None
                while True:
                    opened = await self._opened.get()
                    if serving is not None:
                        serving.cancel()
                        await asyncio.wait([serving])  # they share the clients
                    serving = tasks.create_task(self._serve(*opened)) if opened is not None else None
        finally:
            await self._services.close()

    async def _serve(self, order: OpenSession, session: Session) -> None:
        await asyncio.sleep(order.after / 1000 * (1 + self._jitter() / 2))
        await session.run()
