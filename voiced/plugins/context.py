"""What a plugin may ask of the assistant, as events for the hub."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import structlog

from voiced.api import (
    Ai,
    Appointment,
    NoAnswer,
    NotPermitted,
    Permission,
    StateChanged,
    StateError,
    Subscription,
    ToolError,
    Transcript,
    Wake,
)
from voiced.conversation.events import CallId, EarconAsked, Event, MuteAsked, StopAsked, VolumeAsked
from voiced.plugins.cards import Cards
from voiced.plugins.permissions import NONE, Permissions, require
from voiced.plugins.secret import SecretPlaces
from voiced.plugins.speech import Lifetime, Speech, Voice
from voiced.plugins.state_file import StateFile
from voiced.plugins.subscriptions import KINDS, Listener, Subscriptions
from voiced.plugins.threads import in_thread
from voiced.plugins.wall_clock import Clock, Timer
from voiced.plugins.wav_file import pcm_of, whole_samples
from voiced.ports import Post

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")
E = TypeVar("E", bound="Wake | Transcript | StateChanged")

RECHECK_S: Final = 30.0
"""The wall clock may be set, and the machine may sleep: look again this often."""

SHORTEST_INTERVAL_S: Final = 1.0
"""Of `call_every`: what comes more often than that does nothing else."""

THREAD_LIMIT: Final = 8
"""So many threads of one plugin's `in_thread` at one time."""

LONGEST_PROBLEM: Final = 500
"""Characters of what a plugin reports."""

APPOINTMENT_LIMIT: Final = 1000
"""So many things of one plugin may be waited for."""

SUBSCRIPTION_LIMIT: Final = 100
"""So many subscriptions of one plugin: more are made by calls that never cancel them."""


class Spawn(Protocol):
    """Runs a plugin's callback in a task where it harms nothing else."""

    def __call__(self, callback: Callable[[], Awaitable[None]], plugin: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all plugins share. `tools_changed` is called with the name of the plugin that wants its tools seen anew."""

    loop: asyncio.AbstractEventLoop
    post: Post
    clock: Clock
    volume: Callable[[], int]
    spawn: Spawn
    speech: Speech
    subscriptions: Subscriptions
    tools_changed: Callable[[str], None]
    data_folder: Path
    """Where each plugin that wants one gets a folder."""
    environ: Mapping[str, str] = field(repr=False)
    ai: Ai | None = None


class HostContext:
    """The `ToolContext` of one plugin: of its setup, or (`of_call`) of one call.

    `permissions`: what was granted of what it declared. `settings`: the plugin's own, validated, or None.
    """

    def __init__(
        self,
        plugin: str,
        services: Services,
        state: StateFile,
        *,
        permissions: Permissions = NONE,
        settings: object = None,
    ) -> None:
        self._plugin = plugin
        self._services = services
        self._state = state
        self._permissions = permissions
        self._secrets = SecretPlaces(plugin, services.environ, settings)
        self._lifetime = Lifetime()
        self._appointments: set[_Appointment] = set()
        self._listeners: set[_Listening] = set()
        self._threads: set[asyncio.Future[Any]] = set()
        self._log: FilteringBoundLogger = structlog.get_logger().bind(plugin=plugin)
        self._cards = Cards(plugin, self._post, self.report)
        self.voice = Voice(plugin, services.speech, services.clock, self._post, self._lifetime)

    def of_call(self, call: CallId | None, permissions: Permissions) -> HostContext:
        """The same for one call: it speaks in the turn that waits for `call`. None: no turn waits."""
        context = copy.copy(self)
        context._permissions = permissions
        context.voice = self.voice.within(call)
        return context

    @property
    def log(self) -> FilteringBoundLogger:
        return self._log

    def now(self) -> datetime:
        return self._services.clock.now()

    # Speech.

    def announce(self, text: str, *, earcon: str = "") -> None:
        self._need("say", "announce")
        self.voice.announce(text, earcon)

    async def say(self, text: str) -> bool:
        self._need("say", "say")
        return await self.voice.say(text)

    async def ask(self, question: str, *, choices: Sequence[str] = (), within_s: float = 8.0) -> str:
        self._need("say", "ask")
        self._need("listen", "ask")
        return await self.voice.ask(question, choices, within_s)

    async def confirm(self, question: str) -> bool:
        self._need("say", "confirm")
        self._need("listen", "confirm")
        try:
            return await self.voice.confirm(question)
        except NoAnswer:
            return False

    async def listen(self, *, choices: Sequence[str] = (), within_s: float = 8.0) -> str:
        self._need("listen", "listen")
        return await self.voice.ask("", choices, within_s)

    async def play(self, sound: bytes | AsyncIterable[bytes]) -> bool:
        self._need("say", "play")
        if isinstance(sound, AsyncIterable):
            async with aclosing(whole_samples(sound)) as pieces:
                return await self.voice.play_as_it_comes(pieces)
        return await self.voice.play(await in_thread(lambda: pcm_of(sound), f"sound of {self._plugin}"))

    def earcon(self, name: str) -> None:
        self._need("say", "earcon")
        self._post(EarconAsked(name))

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

    # Where there is a screen.

    def show(
        self,
        id: str,
        *,
        title: str = "",
        text: str = "",
        image: bytes | Path | None = None,
        ends_at: datetime | float | None = None,
    ) -> None:
        self._cards.show(id, title=title, text=text, image=image, ends_at=ends_at)

    def hide(self, id: str) -> None:
        self._cards.hide(id)

    # Time.

    def call_at(self, moment: datetime, callback: Callable[[], Awaitable[None]]) -> Appointment:
        if moment.tzinfo is None:
            raise ValueError(f"call_at({moment}): give the moment a time zone, such as context.now().tzinfo")
        clock = self._services.clock
        return self._appoint(lambda: moment.timestamp() - clock.now().timestamp(), callback)

    def call_after(self, delay: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        clock = self._services.clock
        due = clock.elapsed() + delay.total_seconds()
        return self._appoint(lambda: due - clock.elapsed(), callback)

    def call_every(self, interval: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        if interval.total_seconds() < SHORTEST_INTERVAL_S:
            raise ValueError(f"call_every({interval}): the interval is a second at least")
        every = _Every(self._services.clock, interval.total_seconds(), callback)
        return self._appoint(every.remaining_s, every.call, again=every.next)

    # What it keeps.

    async def load_state(self, kind: type[T], default: T) -> T:
        return await self._state.load(kind, default)

    async def save_state(self, value: object) -> None:
        await self._state.save(value)

    async def data_folder(self) -> Path:
        folder = self._services.data_folder / self._plugin

        def make() -> None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)

        try:
            await in_thread(make, f"folder of {self._plugin}")
        except OSError as error:
            raise StateError(f"The folder {folder} can't be made ({error.strerror}).") from error
        return folder

    async def secret(self, name: str) -> str:
        return await in_thread(lambda: self._secrets.read(name), f"secret of {self._plugin}")

    # Beside speech.

    async def in_thread(self, function: Callable[[], T]) -> T:
        if len(self._threads) >= THREAD_LIMIT:
            raise ToolError(f"{THREAD_LIMIT} threads of {self._plugin} are running already. Try again in a moment.")

        def call() -> T:
            try:
                return function()
            except (StopIteration, SystemExit) as error:  # no future takes these
                raise RuntimeError(f"the function raised {type(error).__name__}") from error

        thread = in_thread(call, f"thread of {self._plugin}")
        self._threads.add(thread)
        thread.add_done_callback(self._thread_ended)
        return await asyncio.shield(thread)

    def subscribe(self, kind: type[E], callback: Callable[[E], Awaitable[None]]) -> Subscription:
        if kind not in KINDS:
            known = ", ".join(each.__name__ for each in KINDS)
            raise ValueError(f"subscribe({kind!r}): there is nothing of that kind; known are {known}")
        if kind is Transcript:
            self._need("listen", "subscribe(Transcript)")
        if len(self._listeners) >= SUBSCRIPTION_LIMIT:
            raise ToolError(f"{self._plugin} has {SUBSCRIPTION_LIMIT} subscriptions already; cancel some.")
        plugin, spawn = self._plugin, self._services.spawn
        listener = Listener(kind, callback, lambda tell: spawn(tell, plugin), plugin)
        listening = _Listening(listener, self._services, self._listeners)
        self._listeners.add(listening)
        self._services.loop.call_soon_threadsafe(listening.begin)
        return listening

    def report(self, problem: str) -> None:
        self._services.loop.call_soon_threadsafe(self._state.report, " ".join(problem.split())[:LONGEST_PROBLEM])

    def tools_changed(self) -> None:
        self._services.loop.call_soon_threadsafe(self._services.tools_changed, self._plugin)

    @property
    def ai(self) -> Ai:
        self._need("api", "ai")
        if self._services.ai is None:
            raise ToolError("There is no API here.")
        return self._services.ai

    # Its end.

    def hush(self) -> None:
        """It is being unloaded: from now on nothing is said and nobody is asked. On the event loop's thread."""
        self._lifetime.over = True

    def close(self) -> None:
        """Nothing is called later any more, and nothing shown. On the event loop's thread."""
        self.hush()
        self._cards.close()
        for appointment in list(self._appointments):
            appointment.end()
        for listening in list(self._listeners):
            listening.end()

    def _need(self, permission: Permission, what: str) -> None:
        try:
            require(permission, self._permissions, what)
        except NotPermitted as error:
            self._log.error("not permitted", reason=str(error))  # the model is told, but its author must know
            raise

    def _appoint(
        self,
        remaining_s: Callable[[], float],
        callback: Callable[[], Awaitable[None]],
        again: Callable[[], bool] = lambda: False,
    ) -> Appointment:
        if len(self._appointments) >= APPOINTMENT_LIMIT:
            raise ToolError(f"{self._plugin} waits for {APPOINTMENT_LIMIT} things already; cancel some.")
        appointment = _Appointment(
            self._services, remaining_s, lambda: self._services.spawn(callback, self._plugin), self._appointments, again
        )
        self._appointments.add(appointment)
        self._services.loop.call_soon_threadsafe(appointment.begin)
        return appointment

    def _post(self, event: Event) -> None:
        self._services.loop.call_soon_threadsafe(self._services.post, event)

    def _thread_ended(self, thread: asyncio.Future[Any]) -> None:
        self._threads.discard(thread)
        if not thread.cancelled():
            thread.exception()  # a cancelled call does not fetch it


class _Listening:
    """Implements `Subscription`."""

    def __init__(self, listener: Listener, services: Services, listening: set[_Listening]) -> None:
        self._listener = listener
        self._services = services
        self._listening = listening
        self._over = False

    def begin(self) -> None:
        if not self._over:
            self._services.subscriptions.add(self._listener)

    def cancel(self) -> None:
        self._over = True
        self._services.loop.call_soon_threadsafe(self.end)

    def end(self) -> None:
        self._over = True
        self._listening.discard(self)
        self._services.subscriptions.remove(self._listener)
        self._listener.end()


class _Every:
    """When something that is done again and again is due next; left out where the last time is not over."""

    def __init__(self, clock: Clock, interval_s: float, callback: Callable[[], Awaitable[None]]) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._callback = callback
        self._due = clock.elapsed() + interval_s
        self._under_way = False

    def remaining_s(self) -> float:
        return self._due - self._clock.elapsed()

    def next(self) -> bool:
        """It was due. Times that were slept through are not made up for."""
        late_s = max(0.0, self._clock.elapsed() - self._due)
        self._due += self._interval_s * (1 + late_s // self._interval_s)
        return True

    async def call(self) -> None:
        if self._under_way:
            return
        self._under_way = True
        try:
            await self._callback()
        finally:
            self._under_way = False


class _Appointment:
    """Looks at its clock when it should be due, and each `RECHECK_S`. `waiting`: where it is while it waits.

    `again`: asked when it was due, whether it will be once more.
    """

    def __init__(
        self,
        services: Services,
        remaining_s: Callable[[], float],
        call: Callable[[], None],
        waiting: set[_Appointment],
        again: Callable[[], bool],
    ) -> None:
        self._services = services
        self._remaining_s = remaining_s
        self._call = call
        self._waiting = waiting
        self._again = again
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
        elif self._again():
            self._call()
            self._look()
        else:
            self.end()
            self._call()
