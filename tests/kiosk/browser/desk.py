"""The kiosk's server with nobody but a test behind it: what the page sends lies here, and it is told what one likes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from pydantic import SecretStr

from voiced.control.snapshot import Snapshot
from voiced.conversation.commands import BrainChanged, Fact
from voiced.conversation.events import Event
from voiced.kiosk.browser_card import BrowserCard
from voiced.kiosk.server import KioskServer
from voiced.kiosk.settings import KioskSettings

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails, or on a machine that has hung."""


class Desk:
    """Enter it; the page is at `url`. `settings` of the kiosk, `history` and `spending` as the daemon has them."""

    def __init__(self, *, token: str = "", **settings: object) -> None:
        self.posted: list[Event] = []
        """What the page's reader pressed and typed."""
        self.history: list[dict[str, str]] = []
        self.spending: dict[str, Any] = {}
        self.modes = ["wake"]
        self.snapshot = Snapshot(0.0)
        self.level = -100.0
        self._news = asyncio.Event()
        self.card = BrowserCard()
        self._server = KioskServer(
            KioskSettings.model_validate({"port": 0, **settings}),
            post=self._post,
            status=lambda: {**self.snapshot.at(60.0), "spending": self.spending, "listening": {"modes": self.modes}},
            history=lambda: self.history,
            level=lambda: self.level,
            card=self.card,
            token=SecretStr(token),
        )
        self._server.listen()
        self.url = self._server.url
        self.tell(BrainChanged("ready"))

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._server.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def gets(self, *events: Event) -> None:
        """Wait until the page's reader has done just this, since this was asked last."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self.posted != list(events):
                    self._news.clear()
                    await self._news.wait()
        assert self.posted == list(events)
        self.posted.clear()

    def tell(self, *facts: Fact) -> None:
        """These happen."""
        for fact in facts:
            self.snapshot.add(fact, 0.0)
            self._server.report(fact)

    def _post(self, event: Event) -> None:
        self.posted.append(event)
        self._news.set()
