"""Keeps each lamp at the newest state of the assistant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from voiced.conversation.commands import Fact
from voiced.lights.pins import Pins
from voiced.lights.port import Lamp
from voiced.lights.program import Program
from voiced.lights.settings import LightSettings
from voiced.lights.state import Seen, State, after, flash_left_s, state_of

MakeLamps = Callable[[LightSettings, Mapping[str, str]], Sequence[Lamp]]


def lamps_of(settings: LightSettings, environ: Mapping[str, str]) -> list[Lamp]:
    """All that the settings ask for."""
    lamps: list[Lamp] = []
    if settings.command:
        lamps.append(Program(settings.command, settings.command_timeout_s, environ))
    if settings.uses_pins:
        lamps.append(Pins(settings))
    return lamps


class Lights:
    """`ports.StatusSink`, and the edge that shows what comes of the facts. `facts`: how things stand at the beginning.

    `environ`: of this process. `listens_always`, `cloud`: whether the settings have it listen with neither wake word
    nor key, and whether they have a brain in the cloud.
    """

    def __init__(
        self,
        settings: LightSettings,
        environ: Mapping[str, str],
        *,
        listens_always: bool,
        cloud: bool,
        facts: Iterable[Fact] = (),
        lamps: MakeLamps = lamps_of,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._make = lamps
        self._loop = asyncio.get_running_loop()
        self._seen = Seen(open=listens_always, alone=not cloud)
        self._renewed = asyncio.Event()
        self._changed: set[asyncio.Event] = set()
        for fact in facts:
            self.report(fact)

    def report(self, fact: Fact) -> None:
        self._see(after(self._seen, fact, self._loop.time()))

    def reconfigure(self, settings: LightSettings, *, listens_always: bool, cloud: bool) -> None:
        """Go on with other settings; the old lamps are let go before new ones shine, which may be at the same pins."""
        self._see(replace(self._seen, open=listens_always, alone=not cloud))
        if settings != self._settings:
            self._settings = settings
            self._renewed.set()

    async def run(self) -> None:
        """Keep the lamps at what is to be shown until cancelled; then they show `off`."""
        while True:
            self._renewed.clear()
            async with asyncio.TaskGroup() as group:
                kept = [group.create_task(self._keep(lamp)) for lamp in self._make(self._settings, self._environ)]
                await self._renewed.wait()
                for lamp in kept:
                    lamp.cancel()

    def _see(self, seen: Seen) -> None:
        if seen != self._seen:
            self._seen = seen
            for event in self._changed:
                event.set()

    async def _keep(self, lamp: Lamp) -> None:
        changed = asyncio.Event()
        self._changed.add(changed)
        shown: State | None = None
        try:
            while True:
                changed.clear()
                if (state := state_of(self._seen, self._loop.time())) != shown:
                    await lamp.show(state)
                    shown = state
                else:
                    await self._until(changed)
        finally:
            self._changed.discard(changed)
            await lamp.close()

    async def _until(self, changed: asyncio.Event) -> None:
        """Something happened, or an error was shown for long enough."""
        left_s = flash_left_s(self._seen, self._loop.time())
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s if left_s > 0 else None):
                await changed.wait()
