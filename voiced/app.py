"""The composition root: builds everything, runs it in one TaskGroup, and takes it down again.

SIGTERM, SIGINT   stop within 2 s
SIGHUP            read configuration and plugins anew; the conversation goes on
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing, nullcontext, suppress
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from voiced.brains.cascade.brain import CascadeBrain
from voiced.brains.offline.choice import POCKETSPHINX, Choice, recogniser_of, voice_of
from voiced.brains.offline.session import OfflineBrain
from voiced.brains.offline.spotter import LocalSpotter
from voiced.brains.realtime.session import RealtimeBrain
from voiced.capture.echo import echo_control
from voiced.capture.microphone import Microphone
from voiced.config import Config, Loaded
from voiced.control.server import ControlServer
from voiced.conversation.commands import CloseMicrophone, Fact, Muted, VolumeChanged
from voiced.conversation.events import BrainName, Event, StopAsked, ToolReturned, ToolsChanged, ToolSpec, VolumeAsked
from voiced.conversation.machine import Conversation
from voiced.errors import ConfigError
from voiced.hub import Hub
from voiced.lights.settings import must_be_installed
from voiced.lights.standing import Standing
from voiced.log import set_up as set_up_log
from voiced.playout import earcon_choice
from voiced.playout.earcon_choice import EarconChoice
from voiced.playout.speaker import Speaker
from voiced.plugins.acting import ourselves
from voiced.plugins.ai import HostAi
from voiced.plugins.discovery import Source
from voiced.plugins.host import FIRST_BATCH_S, PluginHost, PluginStatus
from voiced.plugins.wall_clock import Clock, SystemClock
from voiced.ports import Brain, StatusSink
from voiced.signals import Signals
from voiced.sound_card import PortAudioCard, SoundCard
from voiced.spending.bookkeeper import Bookkeeper
from voiced.spending.first_times import FirstTimes
from voiced.state_folder import state_folder
from voiced.systemd import ServiceManager
from voiced.turn_log import TurnLog

if TYPE_CHECKING:
    from voiced.capture.wake_word import WakeWord
    from voiced.keys.listener import KeyListener
    from voiced.keys.notifier import Notifier
    from voiced.kiosk.server import KioskServer
    from voiced.lights.lights import Lights

PLUGINS_WITHIN_S: Final = FIRST_BATCH_S + 0.2
"""The first session waits so long for the plugins; tools that come later are offered later."""

STOP_WITHIN_S: Final = 1.8
"""After SIGTERM a device or a thread that hangs is left behind."""

HUNG_AFTER_S: Final = 60.0
"""Far longer than any device takes to open: PortAudio waits in its driver for ever then."""

UP_AGAIN_AFTER_S: Final = 1.0
"""A brain that broke down in a way that nobody thought of is set up again; meanwhile another one answers."""

FALLS: Final = 20
FALLS_WITHIN_S: Final = 60.0
"""An edge that breaks down so often in so short a time does not heal."""

log = structlog.get_logger(__name__)


class _Edge(Protocol):
    async def run(self) -> None:
        """Serve until cancelled."""


class _RunningBrain(Brain, _Edge, Protocol):
    """A brain, and the task that serves it."""


class Daemon:
    """voiced itself, on any sound card. `sinks` watch beside the log and the control socket.

    `clock`: what the plugins take for the time; None is the machine's. `plugins`: instead of those that are installed.
    `api`: whether they may have any. `overhears`: called with all that plugins tell the conversation.
    """

    def __init__(
        self,
        loaded: Loaded,
        card: SoundCard,
        *,
        sinks: Iterable[StatusSink] = (),
        clock: Clock | None = None,
        plugins: Iterable[Source] | None = None,
        api: bool = True,
        overhears: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._loaded = loaded
        self._card = card
        self._clock = clock or SystemClock()
        self._sinks = tuple(sinks)
        self._sources = plugins
        self._api = api
        self._overhears = overhears
        self._volume = _Volume(loaded.config.playout.volume)
        self._mute = _Mute()
        self._keys: KeyListener | None = None
        self._kiosk: KioskServer | None = None
        self._browser_cancels_echo = False
        self._notifier: Notifier | None = None
        self._earcons = EarconChoice()
        self._standing = Standing()
        self._lights: Lights | None = None
        self._edges: dict[str, asyncio.Task[None]] = {}
        self._falls: dict[str, _Falls] = {}
        self._tools_known = asyncio.Event()
        self._stderr = sys.stderr  # before the plugins' own is told from it
        self.tools: tuple[ToolSpec, ...] | None = None
        """What the brains are offered; None until the plugins are loaded."""

    async def run(self, stop: asyncio.Event, *, quit: Callable[[], None] | None = None) -> None:
        """Serve until `stop` is set. Raises ConfigError and ControlError where it can't even begin.

        `quit`: called where somebody asks for the end; None sets `stop`.
        """
        environ = self._loaded.places.environ
        config = self._loaded.config
        manager = ServiceManager(environ)
        control = self._control = ControlServer(
            config.control.path_to_serve(environ),
            post=lambda event: self._hub.post(event),
            reload=self.reload,
            plugins=lambda: [asdict(status) for status in self._plugins.status()],
            switch=lambda name, action: self._plugins.switch(name, action),
            run_tool=lambda command: self._plugins.do(command),
            quit=quit or stop.set,
            history=lambda: self._hub.history(),
            modes=lambda: self._loaded.config.listen.modes,
            keys=lambda: {} if self._keys is None else self._keys.standing(),
            spending=lambda: self._books.status(),
            come_and_go=config.kiosk.serve and config.kiosk.sound == "browser",
        )
        self._books = Bookkeeper(
            config.budget, state_folder(environ), post=lambda event: self._hub.post(event), now=self._clock.now
        )
        self._manager = manager
        counted = FirstTimes(state_folder(environ))
        self._ai = HostAi(
            lambda: self._loaded.config.ai,
            lambda provider: self._loaded.secrets.provider_key(provider).get_secret_value(),
            headers=lambda: self._loaded.config.account,
            thrift=lambda: self._books.thrift,
            cloud=lambda: set(self._loaded.config.brain.order) != {"offline"},
            post=lambda event: self._hub.post(event),
            first_time=lambda name: asyncio.to_thread(counted.is_first, name),
        )
        self._plugins = PluginHost(
            config.plugins,
            post=self._post_tools,
            state_folder=state_folder(environ),
            volume=lambda: self._volume.percent,
            clock=self._clock,
            tables=self._loaded.plugin_tables,
            environ=environ,
            ai=self._ai if self._api else None,
            sources=self._sources,
        )
        signals = Signals(lambda event: self._hub.post(event), config.brain.order[0])
        watching = (TurnLog(), signals, self._volume, self._mute, self._standing, self._books, control, self._plugins)
        sinks: tuple[StatusSink, ...] = (*watching, *self._sinks)
        if config.keys.notifies(environ):
            from voiced.keys.notifier import Notifier  # here, as all that only a desktop has: it takes memory

            self._notifier = Notifier(environ)
            sinks += (self._notifier,)
        self._build_kiosk()
        sinks += () if self._kiosk is None else (self._kiosk,)
        self._hub = Hub(Conversation(config.turns, config.brain, config.listen), sinks)
        self._hub.tools = self._plugins
        await self._earcons.load(config.earcons)
        self._build_sound()
        self._build_brains()
        self._build_keys()
        must_be_installed(config.lights)
        self._build_lights()
        listening = nullcontext() if self._kiosk is None else self._kiosk.listening()
        async with control.serving(), listening, aclosing(self._ai), asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._run_edges()
            running = [
                *self._edges.values(),
                tasks.create_task(self._plugins.run()),
                tasks.create_task(self._books.run()),
                tasks.create_task(manager.keep_alive(self.trouble)),
            ]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tools_known.wait(), PLUGINS_WITHIN_S)
            await self._books.load()
            self._books.look()  # an empty purse opens no session in the cloud
            self._hub.start()
            manager.ready("listening")
            await stop.wait()
            log.info("stopping")
            manager.stopping()
            self._hub.stop()
            signals.stop()
            for task in {*running, *self._edges.values()}:
                task.cancel()

    def trouble(self) -> str:
        """What is broken in a way that only a new process mends; "" is nothing. What heals by itself is none."""
        for name, device in (("microphone", self._microphone), ("loudspeaker", self._speaker)):
            if device.hung_for_s > HUNG_AFTER_S:
                return f"the {name} hangs in its driver"
        if self._hub.overdue_s > HUNG_AFTER_S:
            return "the conversation is not woken any more"
        for name, task in self._edges.items():
            if task.done():
                return f"{name} has ended"
        return next((f"{name} breaks down again and again" for name, each in self._falls.items() if each.often), "")

    def plugins(self) -> tuple[PluginStatus, ...]:
        """All plugins that were found, while it runs."""
        return self._plugins.status()

    def post(self, event: Event) -> None:
        """Tell the conversation, as an edge does; while it runs, on the event loop's thread."""
        self._hub.post(event)

    def reload_plugins(self) -> None:
        """Begin to load all plugins anew; the conversation goes on."""
        self._plugins.reload()

    def reload(self) -> None:
        """Read configuration and plugins anew. Raises ConfigError, and leaves everything as it was."""
        loaded = self._loaded.again()
        echo_control(loaded.config.capture)  # these may ask for something that is not installed, or not there
        _wake_word(loaded.config)
        earcon_choice.check(loaded.config.earcons)
        must_be_installed(loaded.config.lights)
        _engines(loaded)
        self._manager.reloading()
        before, now = self._loaded.config, loaded.config
        self._loaded = loaded
        set_up_log(now.log, self._stderr)
        if now.control != before.control:
            log.warning("reload.restart_needed", reason="[control] is read at the start only")
        if now.kiosk != before.kiosk:
            log.warning("reload.restart_needed", reason="[kiosk] is read at the start only")
        if now.keys.notifications != before.keys.notifications:
            log.warning("reload.restart_needed", reason="keys.notifications is read at the start only")
        if _sound(now) != _sound(before):
            self._hub.post(StopAsked())  # what plays on the old loudspeaker ends here
            if now.playout.volume != before.playout.volume:
                self._volume.percent = now.playout.volume
            self._build_sound()
        self._build_brains()
        self._build_keys()
        self._build_lights()
        self._run_edges()
        self._tasks.create_task(self._earcons.load_anew(now.earcons))
        self._hub.reconfigure(now.turns, now.brain, now.listen)
        self._books.reconfigure(now.budget)
        self._plugins.reload(settings=now.plugins, tables=loaded.plugin_tables)
        self._manager.ready("listening")
        log.info("reloaded")

    def _build_kiosk(self) -> None:
        """The page, where it is wanted, and the browser as the sound card. Raises ConfigError."""
        settings = self._loaded.config.kiosk
        if not settings.serve:
            return
        from voiced.kiosk.browser_card import BrowserCard  # here: with the server's side of WebSockets it takes memory
        from voiced.kiosk.server import KioskServer

        browser = None
        if settings.sound == "browser":
            browser = BrowserCard(on_arrival=self._look_for_devices, clock=asyncio.get_running_loop().time)
            self._card, self._browser_cancels_echo = browser, True
        self._kiosk = KioskServer(
            settings,
            token=self._loaded.secrets.kiosk_token(),
            post=lambda event: self._hub.post(event),
            status=lambda: self._control.status(),
            history=lambda: self._hub.history(),
            level=lambda: self._microphone.level_dbfs,
            card=browser,
        )

    def _look_for_devices(self) -> None:
        self._microphone.look_again()
        self._speaker.look_again()

    def _build_sound(self) -> None:
        config = self._loaded.config
        capture = config.capture
        if self._browser_cancels_echo and capture.echo == "auto":
            capture = capture.model_copy(update={"echo": "off"})
        echo, wake = echo_control(capture), _wake_word(config)

        def far_end(pcm: bytes, heard_at: float) -> None:
            echo.far_end(pcm, heard_at)
            if wake is not None:
                wake.far_end(pcm, heard_at)

        self._speaker = self._hub.speaker = Speaker(
            self._card, config.playout, self._hub.post, far_end=far_end, earcons=self._earcons
        )
        self._microphone = self._hub.microphone = Microphone(self._card, capture, self._hub.post, echo=echo, wake=wake)
        self._hub.post(VolumeAsked(self._volume.percent))  # what somebody chose outlasts a change of devices
        if self._mute.muted:
            self._microphone.do(CloseMicrophone())

    def _build_brains(self) -> None:
        """Those that are in the order. Keys are asked for when they are needed: a new one needs no restart."""
        config, secrets, post = self._loaded.config, self._loaded.secrets, self._hub.post
        make: dict[BrainName, Callable[[], _RunningBrain]] = {
            "realtime": lambda: RealtimeBrain(
                post,
                config.realtime,
                lambda: secrets.openai_key().get_secret_value() if secrets.given else "",
                config.turns.end,
            ),
            "cascade": lambda: CascadeBrain(
                post,
                config.cascade,
                lambda service: secrets.cascade_key(service).get_secret_value(),
                instructions=config.realtime.instructions,
                headers=config.account,
            ),
            "offline": lambda: OfflineBrain(post, *_engines(self._loaded), hang_s=config.offline.hang_s),
        }
        self._brains = {name: make[name]() for name in config.brain.order}
        self._hub.brains = self._brains
        self._spotter = self._hub.spotter = LocalSpotter(post, POCKETSPHINX)

    def _build_keys(self) -> None:
        """Where somebody wants a key to talk. It is built once, since two can't have the same key at once."""
        keys = self._loaded.config.keys
        if self._keys is not None:
            self._keys.reconfigure(keys)
        elif keys.wanted:
            from voiced.keys.listener import KeyListener

            environ = self._loaded.places.environ
            self._keys = KeyListener(keys, self._hub.post, environ, muted=lambda: self._mute.muted)

    def _build_lights(self) -> None:
        """Where somebody wants some. They are built once: two can't have the same pins."""
        config = self._loaded.config
        listens_always, cloud = "open" in config.listen.modes, config.brain.order != ("offline",)
        if self._lights is not None:
            self._lights.reconfigure(config.lights, listens_always=listens_always, cloud=cloud)
        elif config.lights.wanted:
            from voiced.lights.lights import Lights

            self._lights = self._standing.lights = Lights(
                config.lights,
                self._loaded.places.environ,
                listens_always=listens_always,
                cloud=cloud,
                facts=self._standing.facts,
            )

    def _run_edges(self) -> None:
        """Run what was built; what it replaces is let go."""
        edges: dict[str, _Edge] = {"speaker": self._speaker, "microphone": self._microphone}
        edges.update(self._brains.items())
        if self._loaded.config.brain.local_commands:
            edges["spotter"] = self._spotter
        if self._keys is not None:
            edges["keys"] = self._keys
        if self._kiosk is not None:
            edges["kiosk"] = self._kiosk
        if self._notifier is not None:
            edges["notifications"] = self._notifier
        if self._lights is not None:
            edges["lights"] = self._lights
        for name in self._edges.keys() - edges.keys():
            self._edges.pop(name).cancel()
        for name, edge in edges.items():
            task = self._edges.get(name)
            if task is None or task.get_name() != f"{name} {id(edge)}":
                if task is not None:
                    task.cancel()
                self._edges[name] = self._tasks.create_task(self._keep_up(name, edge), name=f"{name} {id(edge)}")

    async def _keep_up(self, name: str, edge: _Edge) -> None:
        """Serve, also after a mistake in the edge: the others go on answering."""
        while True:
            try:
                await edge.run()
            except Exception as error:  # whatever it is, it must not silence the assistant
                self._falls.setdefault(name, _Falls()).add(asyncio.get_running_loop().time())
                log.error("edge.broke_down", edge=name, error=type(_root(error)).__name__)
                log.debug("edge.broke_down", edge=name, exc_info=error)  # its text may hold what somebody said
                self._hub.crashed(edge)
            else:
                return
            await asyncio.sleep(UP_AGAIN_AFTER_S)

    def _post_tools(self, event: Event) -> None:
        if isinstance(event, ToolReturned) and self._control.returned(event):
            return
        self._hub.post(event)
        if isinstance(event, ToolsChanged):
            self.tools = event.tools
            self._tools_known.set()
        self._overhears(event)


def _engines(loaded: Loaded) -> tuple[Choice, Choice]:
    """Who hears and who speaks offline. Raises ConfigError where one is not installed, or lacks its model."""
    settings, environ = loaded.config.offline, loaded.places.environ
    return recogniser_of(settings, environ), voice_of(settings, environ)


def _sound(config: Config) -> tuple[object, ...]:
    """What `_build_sound` goes by."""
    return config.capture, config.playout, config.wake if "wake" in config.listen.modes else None


def _wake_word(config: Config) -> WakeWord | None:
    """Raises ConfigError where it is wanted and not installed, or where a word or its model is not there."""
    if "wake" not in config.listen.modes:
        return None
    from voiced.capture.wake_word import WakeWord

    return WakeWord(config.wake)


def _root(error: Exception) -> Exception:
    """What a TaskGroup wraps."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


class _Falls:
    """How often one edge broke down lately."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=FALLS)

    def add(self, now: float) -> None:
        self._at.append(now)

    @property
    def often(self) -> bool:
        """FALLS times within FALLS_WITHIN_S."""
        return len(self._at) == FALLS and self._at[-1] - self._at[0] < FALLS_WITHIN_S


class _Volume:
    """`ports.StatusSink` that remembers the loudness, for the plugins."""

    def __init__(self, percent: int) -> None:
        self.percent = percent

    def report(self, fact: Fact) -> None:
        if isinstance(fact, VolumeChanged):
            self.percent = fact.percent


class _Mute:
    """`ports.StatusSink` that remembers whether the microphone is muted, for a key that does both."""

    def __init__(self) -> None:
        self.muted = False

    def report(self, fact: Fact) -> None:
        if isinstance(fact, Muted):
            self.muted = fact.muted


async def run(loaded: Loaded, card: SoundCard | None = None) -> int:
    """Run the daemon in the foreground until a signal ends it; the exit code."""
    daemon = Daemon(loaded, card or PortAudioCard())
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def end(_number: int = 0, _frame: FrameType | None = None) -> None:
        """In the main thread, whatever it does: a plugin may have the loop wait, and it would never see the signal."""
        with ourselves():
            loop.call_soon_threadsafe(stop.set)
            # A device that hangs in its driver, or a tool that blocks its thread, must not keep the process alive.
            deadline = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
            deadline.daemon = True
            deadline.start()

    def reload() -> None:
        try:
            daemon.reload()
        except ConfigError as error:
            for line in str(error).splitlines():
                log.error("reload.refused", reason=line)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await daemon.run(stop, quit=end)
    return 0
