"""Keeps one server connected, and knows its tools while it is away."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voiced.api import Appointment, NotConfigured, Result, ToolContext, ToolError
from voiced.plugins.builtin.mcp import offers, results
from voiced.plugins.builtin.mcp.settings import ServerSettings

if TYPE_CHECKING:
    from mcp.types import Tool

    from voiced.plugins.builtin.mcp.connection import Connection

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 120.0
"""From a loss to the next attempt: twice as long after each, but for one that held for `STEADY`."""

TELLING_TRIES: Final = 4
"""One that was not there at so many is told to whoever looks at the plugins: its table may be wrong."""

JITTER: Final = 0.25
STEADY: Final = timedelta(minutes=1)

_NAMED: Final = 8

_TOKEN_CHARACTERS: Final = 16 * 1024


class Server:
    """`changed` is called when other tools are offered.

    What it offered stays offered while it is away, and answers that it is: a model that sees its tools vanish tells the
    user that it never could.
    """

    def __init__(self, name: str, settings: ServerSettings, context: ToolContext, changed: Callable[[], None]) -> None:
        self.name = name
        self.prefix = settings.prefix
        self.offers: tuple[offers.Offer, ...] = ()
        self._settings = settings
        self._context = context
        self._changed = changed
        self._connection: Connection | None = None
        self._choice = offers.Choice()
        self._steady: Appointment | None = None
        self._pause_s = FIRST_PAUSE_S
        self._told = ""
        self._lists = 0

    async def keep(self) -> None:
        """Connect again and again, until it is cancelled."""
        for tries in itertools.count(1):
            why = await self._connect()
            if tries == TELLING_TRIES and not self._lists:
                self._context.report(
                    f"the server {self._spoken()} could not be used at its first {tries} tries: {why}; "
                    "it is tried again"
                )
            pause_s = self._pause_s * random.uniform(1 - JITTER, 1 + JITTER)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            log = self._context.log.debug if why == self._told else self._context.log.warning
            log("server is away and is tried again", server=self.name, reason=why, in_s=round(pause_s, 1))
            self._told = why
            over = asyncio.Event()
            self._context.call_after(timedelta(seconds=pause_s), partial(_set, over))
            await over.wait()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Result:
        """Raises ToolError, in words that a user may hear."""
        if self._connection is None:
            raise ToolError(f"The {self._spoken()} server does not answer just now.")
        return results.read(await self._connection.call(tool, arguments))

    def send_signal(self, number: signal.Signals) -> None:
        """To its program, where it is one that voiced started."""
        if self._connection:
            self._connection.send_signal(number)

    async def _connect(self) -> str:
        from voiced.plugins.builtin.mcp.connection import Connection  # mcp, which was imported in a thread

        try:
            token = await self._token()
        except (NotConfigured, OSError) as error:
            self._context.report(f"the server {self._spoken()} has no token: {error}")
            return "its token is missing"
        if not (token.isascii() and token.isprintable()):  # else it is quoted where it can't be sent
            self._context.report(f"the token of the server {self._spoken()} has characters that no token has")
            return "its token can't be sent"
        self._connection = Connection(self._spoken(), self._settings, self._context, self._listed)
        try:
            return await self._connection.run(token)
        finally:
            self._connection = None
            if self._steady:
                self._steady.cancel()
                self._steady = None

    async def _token(self) -> str:
        """Empty where a server by `url` has none. Raises NotConfigured and OSError."""
        settings = self._settings
        if settings.token_file:
            return await self._context.in_thread(partial(_read_token, settings.token_file))
        if settings.command and not settings.token_env:
            return ""
        try:
            return await self._context.secret(self.name)
        except NotConfigured:
            if settings.token_env:
                raise
            return ""

    def _listed(self, tools: list[Tool]) -> bool:
        """Whether other tools are offered than before."""
        self._lists += 1
        if self._steady is None:
            self._context.log.info("server is connected", server=self.name, tools=len(tools))
            self._steady = self._context.call_after(STEADY, self._trust)
        choice = offers.choose(tools, self._settings)
        if choice == self._choice:
            return False
        self._tell(choice)
        changes = choice.offers != self.offers
        self._choice, self.offers = choice, choice.offers
        if changes:
            self._changed()
        return changes

    async def _trust(self) -> None:
        """It has held for a while: when it is lost, that is news, and it may come back soon."""
        self._pause_s = FIRST_PAUSE_S
        self._told = ""

    def _tell(self, choice: offers.Choice) -> None:
        log = self._context.log
        if choice.forbidden:
            names = ", ".join(choice.forbidden[: offers.MOST_TOOLS])
            if choice.offers or choice.unfit:
                log.info("server has tools that are not allowed", server=self.name, tools=names)
            else:
                self._context.report(
                    f"the server {self._spoken()} offers nothing: write what it may into its allow; it has {names}"
                )
        if choice.unfit:
            log.warning(
                "tools of the server are left out: they are too many, or their arguments take too long to describe",
                server=self.name,
                tools=", ".join(choice.unfit[:_NAMED]) + (", …" if len(choice.unfit) > _NAMED else ""),
            )

    def _spoken(self) -> str:
        return self.name.replace("_", " ")


def _read_token(path: str) -> str:
    with Path(path).expanduser().open(encoding="utf-8", errors="replace") as file:
        return file.read(_TOKEN_CHARACTERS).strip()


async def _set(event: asyncio.Event) -> None:
    event.set()
