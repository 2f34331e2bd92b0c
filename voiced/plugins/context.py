"""What a plugin may ask of the assistant, as events for the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from voiced.api import Appointment, ToolError
from voiced.conversation.events import AnnouncementAsked, Event, MuteAsked, StopAsked, VolumeAsked
from voiced.plugins.state_file import StateFile
from voiced.plugins.wall_clock import Clock, Timer
from voiced.ports import Post

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")

RECHECK_S = 30.0
"""The wall clock may be set, and the machine may sleep: look again this often."""


class Spawn(Protocol):
    """Runs a plugin's callback in a task where it harms nothing else."""

    def __call__(self, callback: Callable[[], Awaitable[None]], plugin: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all plugins share."""

    loop: asyncio.AbstractEventLoop
    post: Post
    clock: Clock
    volume: Callable[[], int]
    spawn: Spawn


class HostContext:
    """The `ToolContext` of one plugin."""

    def __init__(self, plugin: str, services: Services, state: StateFile) -> None:
        self._plugin = plugin
        self._services = services
        self._state = state
        self._numbers = count(1)
        self._appointments: set[_Appointment] = set()
        self._log: FilteringBoundLogger = structlog.get_logger().bind(plugin=plugin)

    @property
    def log(self) -> FilteringBoundLogger:
        return self._log

    def now(self) -> datetime:
        return self._services.clock.now()

    def announce(self, text: str, *, earcon: str = "") -> None:
        self._post(AnnouncementAsked(f"{self._plugin}-{next(self._numbers)}", text, earcon))

    def stop(self) -> None:
        self._post(StopAsked())

    def mute(self, muted: bool) -> None:
        self._post(MuteAsked(muted))

    @property
    def volume(self) -> int:
        return self._services.volume()

    def set_volume(self, percent: int) -> None:
        if not 0 <= percent <= 100:
            raise ToolError(f"The volume is 0 to 100, not {percent}.")
        self._post(VolumeAsked(percent))

    def call_at(self, moment: datetime, callback: Callable[[], Awaitable[None]]) -> Appointment:
        if moment.tzinfo is None:
            raise ValueError(f"call_at({moment}): give the moment a time zone, such as context.now().tzinfo")
        clock = self._services.clock
        return self._appoint(lambda: moment.timestamp() - clock.now().timestamp(), callback)

    def call_after(self, delay: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        clock = self._services.clock
        due = clock.elapsed() + delay.total_seconds()
        return self._appoint(lambda: due - clock.elapsed(), callback)

    async def load_state(self, kind: type[T], default: T) -> T:
        return await self._state.load(kind, default)

    async def save_state(self, value: object) -> None:
        await self._state.save(value)

    def close(self) -> None:
        """Nothing is called later any more. On the event loop's thread."""
        for appointment in list(self._appointments):
            appointment.end()

    def _appoint(self, remaining_s: Callable[[], float], callback: Callable[[], Awaitable[None]]) -> Appointment:
        appointment = _Appointment(
            self._services, remaining_s, lambda: self._services.spawn(callback, self._plugin), self._appointments
        )
        self._services.loop.call_soon_threadsafe(appointment.begin)
        return appointment

    def _post(self, event: Event) -> None:
        self._services.loop.call_soon_threadsafe(self._services.post, event)


class _Appointment:
    """Looks at its clock when it should be due, and each `RECHECK_S`. `waiting`: where it is while it waits."""

    def __init__(
        self,
        services: Services,
        remaining_s: Callable[[], float],
        call: Callable[[], None],
        waiting: set[_Appointment],
    ) -> None:
        self._services = services
        self._remaining_s = remaining_s
        self._call = call
        self._waiting = waiting
        self._timer: Timer | None = None
        self._over = False

    @property
    def remaining(self) -> timedelta:
        return timedelta(seconds=max(0.0, self._remaining_s()))

    def cancel(self) -> None:
        self._over = True
        self._services.loop.call_soon_threadsafe(self.end)

    def begin(self) -> None:
        if not self._over:
            self._waiting.add(self)
            self._look()

    def end(self) -> None:
        self._over = True
        self._waiting.discard(self)
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        remaining_s = self._remaining_s()
        if self._over:
            return
        if remaining_s > 0:
            self._timer = self._services.clock.call_later(min(remaining_s, RECHECK_S), self._look)
        else:
            self.end()
            self._call()
