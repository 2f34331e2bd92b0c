"""voiced in real time with no sound card: a browser is its ears and mouth, and a server on loopback answers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from voiced.app import Daemon
from voiced.config import load_config
from voiced.conversation.commands import BrainChanged, DeviceChanged, Fact
from voiced.testing.loopback import LoopbackServer, Say, Script
from voiced.testing.sound_card import VirtualCard

FIRST_WORD_S: Final = 0.6
SECOND_WORD_S: Final = 4.2
"""When the fake microphone begins to speak, after it was opened."""

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails, or on a machine that has hung."""

QUESTIONS: Final = ("What can you tell me about the moon?", "Will it rain tomorrow?")

F = TypeVar("F", bound=Fact)


class House:
    """Enter it: voiced runs, and its page is at `url`, also after a `stop` and `start`. `answers`: the server's."""

    def __init__(self, folder: Path, answers: Sequence[str], settings: Mapping[str, object]) -> None:
        self.server = LoopbackServer(Script([Say(answer) for answer in answers], QUESTIONS))
        self.facts: list[Fact] = []
        self._folder = folder
        self._settings = settings
        self._port = _free_port()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        try:
            await self.start()
        except BaseException:
            await self.server.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            await self.server.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self._port}/"

    async def start(self) -> None:
        self._write_settings()
        home = {name: str(self._folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
        loaded = load_config(environ=home, system_file=self._folder / "nowhere.toml")
        self._stop = asyncio.Event()
        self.facts.clear()
        daemon = Daemon(loaded, VirtualCard(), sinks=(self,), plugins=())
        self._running = asyncio.create_task(daemon.run(self._stop))
        await self.heard(BrainChanged, lambda fact: fact.state == "ready")

    async def stop(self) -> None:
        """SIGTERM."""
        self._stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await self._running

    def report(self, fact: Fact) -> None:
        """`ports.StatusSink`."""
        self.facts.append(fact)
        self._news.set()

    async def has_sound(self) -> None:
        """Wait until it hears and speaks."""
        await self.heard(DeviceChanged, lambda fact: fact.kind == "microphone" and fact.ok)
        await self.heard(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and fact.ok)

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def heard(self, kind: type[F], where: Callable[[F], object] = lambda _: True) -> F:
        """The first such fact, waited for. Raises TimeoutError with all facts so far."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for fact in self.of(kind):
                        if where(fact):
                            return fact
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError("it did not come; what came:\n" + "\n".join(map(str, self.facts))) from None

    def _write_settings(self) -> None:
        key = self._folder / "key"
        key.write_text("sk-house-000")
        key.chmod(0o600)
        settings = {
            "brain.order": ["realtime"],
            "brain.local_commands": False,
            "realtime.base_url": self.server.base_url,
            "openai.key_file": str(key),
            "kiosk.serve": True,
            "kiosk.sound": "browser",
            "kiosk.port": self._port,
            **{name.replace("__", "."): value for name, value in self._settings.items()},
        }
        (self._folder / "voiced").mkdir(exist_ok=True)
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        (self._folder / "voiced" / "voiced.toml").write_text(text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
