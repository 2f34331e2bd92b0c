"""voiced at home: the whole daemon on a card in memory, a Realtime server on loopback, and a test that turns time."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
import structlog

import voiced
from tests.daemon.swift_clock import SwiftClock
from tests.speech import read_wav
from voiced.app import Daemon
from voiced.audio import RATE
from voiced.config import load_config
from voiced.control.client import replies
from voiced.control.protocol import Request
from voiced.conversation.commands import BrainChanged, DeviceChanged, Fact
from voiced.log import LogSettings, set_up
from voiced.testing.loopback import Entry, LoopbackServer
from voiced.testing.sound_card import VirtualCard

F = TypeVar("F", bound=Fact)

Sound = npt.NDArray[np.int16]

VOICED: Final = Path(voiced.__file__).parent

PATIENCE_S: Final = 60.0
"""Real seconds; only reached by a test that fails."""

GONE_WITHIN_S: Final = 2.0
"""Real seconds that the daemon may take to stop."""

KEY: Final = "sk-household-000"


class Household:
    """Enter it, then `start` voiced, or wait for it to be `ready`. Nothing passes of its time but what the test
    turns: `run`, `until`, `next`.

    `server`: None where there is none. `settings`: lines of a voiced.toml, which `reconfigure` changes. `environ`: what
    the environment has beside the folders. The card runs at 24 kHz, so that the tapes hold what the server sent,
    sample by sample.
    """

    def __init__(
        self,
        folder: Path,
        server: LoopbackServer | None,
        *,
        settings: Mapping[str, object] | None = None,
        card: VirtualCard | None = None,
        base_url: str | None = None,
        refused: bool = False,
        keep_s: float = 120.0,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.card = card or VirtualCard(rate=RATE, keep_s=keep_s)
        self.facts: list[Fact] = []
        self._reactions: dict[type[Fact], Callable[[], object]] = {}
        self.times: list[float] = []
        """Of the facts, on the card's clock."""
        self.daemon: Daemon
        self._server = server
        self._settings = dict(settings or {})
        self._base_url = base_url
        self._refused = refused
        self._environ = dict(environ or {})
        self._read = 0
        self._since = 0  # the facts of this run of the daemon
        self._log = io.StringIO()
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    # Who lives here.

    async def __aenter__(self) -> Self:
        self._tasks_before = asyncio.all_tasks()
        self._threads_before = set(threading.enumerate())
        root = logging.getLogger()
        self._logging_before = (root.handlers[:], root.level, structlog.get_config())
        self._stderr = contextlib.redirect_stderr(self._log)  # a reload logs there too
        self._stderr.__enter__()
        set_up(LogSettings(level="debug"), self._log)
        self.clock = SwiftClock()
        self._began = self.clock.time() - self.card.time()
        (self.folder / "plugins").mkdir(exist_ok=True)
        if self._server is not None:
            await self._server.__aenter__()
        self.write_settings()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._running is not None:
                await self.stop()
        finally:
            if self._server is not None:
                await self._server.__aexit__(kind, error, trace)
            self._stderr.__exit__(None, None, None)
            root = logging.getLogger()
            for handler in root.handlers:
                handler.close()
            root.handlers[:], level, config = self._logging_before
            root.setLevel(level)
            structlog.configure(**config)
        if error is None:
            await self._nothing_is_left()

    def start(self) -> None:
        """Switch voiced on; it was off."""
        home = {name: str(self.folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
        loaded = load_config(environ=home | self._environ, system_file=self.folder / "nowhere.toml")
        self._stop = asyncio.Event()
        self._since = len(self.facts)
        self.daemon = Daemon(loaded, self.card, sinks=(self,), clock=self.clock)
        self._running = asyncio.get_running_loop().create_task(self.daemon.run(self._stop), name="the daemon")

    async def stop(self) -> None:
        """SIGTERM."""
        assert self._running is not None
        running, self._running = self._running, None
        self._stop.set()
        before = time.monotonic()
        while not running.done() and time.monotonic() < before + GONE_WITHIN_S:
            await self._a_moment()
        assert running.done(), f"voiced did not stop within {GONE_WITHIN_S} s"
        running.result()

    def write_settings(self, **changes: object) -> None:
        """The household's voiced.toml; `turn__hangover_ms=700` changes turn.hangover_ms."""
        self._settings |= {name.replace("__", "."): value for name, value in changes.items()}
        url = self._base_url or (self.server.base_url if self._server else "http://127.0.0.1:9/v1")
        key_file = self.folder / "key"
        if not key_file.exists():
            self.write_key(KEY)
        settings = {
            "brain.order": ["realtime"],
            "brain.local_commands": False,
            "realtime.base_url": url,
            "openai.key_file": str(key_file),
            "plugins.folder": str(self.folder / "plugins"),
            "capture.echo": "off",  # the card has none
            "playout.volume": 100,
            "log.level": "debug",
            **self._settings,
        }
        (self.folder / "voiced").mkdir(exist_ok=True)
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        (self.folder / "voiced" / "voiced.toml").write_text(text)

    def write_key(self, key: str) -> None:
        path = self.folder / "key"
        path.write_text(key)
        path.chmod(0o600)

    def write_plugin(self, name: str, code: str) -> None:
        (self.folder / "plugins").mkdir(exist_ok=True)
        (self.folder / "plugins" / f"{name}.py").write_text(code)

    @property
    def server(self) -> LoopbackServer:
        assert self._server is not None, "this household has no server"
        return self._server

    @property
    def log(self) -> list[dict[str, Any]]:
        """The daemon's log so far."""
        for handler in logging.getLogger().handlers:
            handler.flush()
        return [json.loads(line) for line in self._log.getvalue().splitlines()]

    # Facts.

    def report(self, fact: Fact) -> None:
        """`ports.StatusSink`."""
        self.facts.append(fact)
        self.times.append(self.card.time())
        if type(fact) in self._reactions:
            asyncio.get_running_loop().call_soon(self._reactions.pop(type(fact)))

    def on(self, kind: type[Fact], reaction: Callable[[], object]) -> None:
        """Do this once, as soon as the next fact of this kind is told."""
        self._reactions[kind] = reaction

    def of(self, kind: type[F]) -> list[F]:
        """All facts of this kind so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    # Time.

    async def run(self, seconds: float) -> None:
        """Let so much of the household's time pass."""
        end = self.card.time() + seconds
        while self.card.time() < end - 1e-9:
            await self._tick()

    async def until(self, holds: Callable[[], object], *, within_s: float = 120.0) -> None:
        """Let time pass until `holds()`. Raises TimeoutError after `within_s` of the household's time."""
        give_up = time.monotonic() + PATIENCE_S
        end = self.card.time() + within_s
        while not holds():
            if self.card.time() > end or time.monotonic() > give_up:
                recent = "\n".join(f"{at:8.2f} {fact}" for at, fact in zip(self.times, self.facts, strict=True))
                raise TimeoutError(f"it did not come to that by {self.card.time():.2f} s; what came:\n{recent}")
            await self._tick()

    async def next(self, kind: type[F], where: Callable[[F], object] = lambda _: True, within_s: float = 120.0) -> F:
        """The first fact of this kind after the one that `next` gave last; lets time pass until it is there."""
        found: list[F] = []

        def look() -> bool:
            while self._read < len(self.facts):
                fact = self.facts[self._read]
                self._read += 1
                if isinstance(fact, kind) and where(fact):
                    found.append(fact)
                    return True
            return False

        await self.until(look, within_s=within_s)
        return found[0]

    async def ready(self) -> None:
        """Switch voiced on, if it was off, and let time pass until it hears, answers and speaks."""
        if self._running is None:
            self.start()
        await self.until(lambda: self._can("microphone") and self._can("loudspeaker") and self._connected())

    async def plugins_are_loaded(self) -> None:
        """Wait for them, after `start`: that takes real time, in threads, in which the household's stands still."""
        give_up = time.monotonic() + PATIENCE_S
        await self._a_moment()
        while not any(plugin.tools for plugin in self.daemon.plugins()) and time.monotonic() < give_up:
            await self._a_moment()

    async def _tick(self) -> None:
        """One tick of the card; whoever waits for a socket, a thread or a time gets a chance before the next."""
        self.card.step()
        self.clock.hurry_to(self._began + self.card.time())
        for _ in range(4):
            await asyncio.sleep(0)

    async def _a_moment(self) -> None:
        await asyncio.sleep(0.001)

    # What one hears and says.

    def say(self, name: str) -> tuple[float, float]:
        """The user says the recording `name` now; when it begins and ends, on the card's clock."""
        return self.card.say(clip(name), at=self.card.time())

    def loudspeaker(self, start: float | None = None, end: float | None = None) -> Sound:
        """What came out of it between two times on the card's clock."""
        return self.card.played.samples(start, end)

    async def control(self, request: Request) -> list[dict[str, Any]]:
        """All replies of the control socket; time passes until the last one."""
        path = self.folder / "voiced" / "control.sock"
        asking = asyncio.ensure_future(asyncio.to_thread(lambda: list(replies([path], request, timeout_s=PATIENCE_S))))
        await self.until(asking.done)
        return asking.result()

    def received(self, *kinds: str) -> list[Entry]:
        """What the server got, of these kinds."""
        return [entry for entry in self.server.received if entry.type in kinds]

    # What must hold at the end.

    def _can(self, device: str) -> bool:
        told = [fact.ok for fact in self._now() if isinstance(fact, DeviceChanged) and fact.kind == device]
        return told[-1:] == [True]

    def _connected(self) -> bool:
        return [fact.state for fact in self._now() if isinstance(fact, BrainChanged)][-1:] == ["ready"]

    def _now(self) -> list[Fact]:
        return self.facts[self._since :]

    async def _nothing_is_left(self) -> None:
        if self._server is not None and not self._refused:
            assert list(self._server.violations) == []
        tasks = asyncio.all_tasks() - self._tasks_before
        assert [task for task in tasks if _is_ours(task)] == []
        if tasks:  # a library's tasks for a connection end a moment after it is closed
            _, tasks = await asyncio.wait(tasks, timeout=PATIENCE_S)
        assert tasks == set()
        ours = [
            thread
            for thread in set(threading.enumerate()) - self._threads_before
            if not thread.name.startswith("asyncio_")
        ]
        for thread in ours:
            thread.join(timeout=1.0)
        assert [thread.name for thread in ours if thread.is_alive()] == []
        foreign = [line for line in self.log if not line["logger"].startswith("voiced")]
        assert foreign == [], "a library, or asyncio, complained"
        assert KEY not in self._log.getvalue()


def _is_ours(task: asyncio.Task[Any]) -> bool:
    """Whether it runs code of voiced."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(VOICED)


def clip(name: str) -> bytes:
    """A question, by espeak-ng's voice: coffee, moon, rain, tea or timer. PCM16 at 24 kHz."""
    return read_wav(Path(__file__).parent / "voices" / f"{name}.wav")
