"""Notifications of the desktop (org.freedesktop.Notifications)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

import structlog

from voiced import installing
from voiced.conversation.commands import Fact
from voiced.errors import VoicedError
from voiced.keys.desktop_entry import APP_ID
from voiced.keys.notices import Kind, Notice, Notices

if TYPE_CHECKING:
    from voiced.keys.session_bus import SessionBus

SERVER: Final = "org.freedesktop.Notifications"

EVERY_S: Final = 10.0
"""The least time between two notices of a kind: of a device that comes and goes, the last state is shown."""

AT_ONCE: Final[frozenset[Kind]] = frozenset({"mute"})
"""Shown whenever they come: who reads that the microphone is closed must be able to believe it."""

AGAIN_AFTER_S: Final = 30.0
"""What came while nobody showed notices is dropped; so long after that it is tried again."""

log = structlog.get_logger(__name__)


class Notifier:
    """`ports.StatusSink`, and the task that shows what it was told; with nobody to show it, it does nothing."""

    def __init__(
        self, environ: Mapping[str, str], *, every_s: float = EVERY_S, again_after_s: float = AGAIN_AFTER_S
    ) -> None:
        self._environ = environ
        self._every_s = every_s
        self._again_after_s = again_after_s
        self._notices = Notices()
        self._pending: dict[Kind, Notice] = {}
        self._news = asyncio.Event()
        self._ids: dict[Kind, int] = {}
        self._due: dict[Kind, float] = {}
        self._told = ""

    def report(self, fact: Fact) -> None:
        notice = self._notices.of(fact)
        if notice is not None:
            self._pending[notice.kind] = notice
            self._news.set()

    async def run(self) -> NoReturn:
        """Until cancelled. Nothing is imported, nor connected to, before there is something to show."""
        while True:
            await self._news.wait()
            try:
                from voiced.keys.session_bus import BusError, session_bus
            except ImportError:
                await self._unavailable(f"it takes dbus-fast: {installing.an_extra('desktop')}")
                continue
            try:
                async with session_bus(self._environ) as bus:
                    await self._show(bus)
            except BusError as error:
                await self._unavailable(str(error))

    async def _show(self, bus: SessionBus) -> None:
        """Until the bus is gone. Raises BusError where nobody shows notices.

        The connection stays: some desktops take the notices away with it.
        """
        self._ids.clear()
        loop = asyncio.get_running_loop()
        while True:
            await self._until_due()
            if not bus.connected():
                return
            self._news.clear()
            for kind in [kind for kind in self._pending if self._due.get(kind, 0) <= loop.time()]:
                self._due[kind] = loop.time() + (0.0 if kind in AT_ONCE else self._every_s)
                try:
                    await self._notify(bus, self._pending.pop(kind))
                except VoicedError:
                    if bus.connected():
                        raise
                    return

    async def _until_due(self) -> None:
        """Something came, or it is time for what came too early."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min((self._due.get(kind, 0.0) for kind in self._pending), default=None)):
                await self._news.wait()
        self._news.set()

    async def _notify(self, bus: SessionBus, notice: Notice) -> None:
        from dbus_fast import Variant

        hints = {"desktop-entry": Variant("s", APP_ID), "transient": Variant("b", True)}
        self._ids[notice.kind], *_ = await bus.call(
            SERVER,
            "/org/freedesktop/Notifications",
            f"{SERVER}.Notify",
            "susssasa{sv}i",
            ("voiced", self._ids.get(notice.kind, 0), notice.icon, notice.title, notice.body, [], hints, -1),
        )

    async def _unavailable(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.info("notifications.unavailable", reason=reason)
        await asyncio.sleep(self._again_after_s)
        self._news.clear()
        self._pending.clear()
