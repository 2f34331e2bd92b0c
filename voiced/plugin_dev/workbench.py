"""`voiced plugin dev`: the assistant in this process with a plugin that somebody writes, loaded anew when it is saved.

A Realtime server on loopback stands in for the cloud: it calls the tool whose sentence was typed or spoken, and says
what came of it. So there is no key and no network, and unless people want to speak no sound card either. Nothing that
is kept in the meantime stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from voiced import __version__
from voiced.ai.presets import PRESETS
from voiced.ai.settings import ProviderSettings
from voiced.app import Daemon
from voiced.brains.offline.choice import recogniser_of, voice_of
from voiced.config import Loaded, load_config
from voiced.conversation.events import Event, ToolReturned, ToolsChanged
from voiced.log import LogSettings, set_up
from voiced.plugin_dev import PRINTED
from voiced.plugin_dev.account import Account
from voiced.plugin_dev.console import Console
from voiced.plugin_dev.engines import Engines
from voiced.plugin_dev.lines import typed
from voiced.plugin_dev.model import Model
from voiced.plugin_dev.server import ServerThread
from voiced.plugin_dev.watching import EVERY_S, saved
from voiced.plugins.steps import TRACEBACK
from voiced.plugins.working_copy import WorkingCopy, working_copy
from voiced.sound_card import PortAudioCard, SoundCard
from voiced.testing.sound_card import VirtualCard

CARD_RATE: Final = 24_000

MOMENT: Final = bytes(CARD_RATE // 10 * 2)
"""A tenth of a second of silence: what is said where nobody listens."""

NOWHERE: Final = "http://127.0.0.1:9/v1"
"""An address, for settings that are not about the server."""

NOT_LOGGED: Final = frozenset(
    (
        "trouble with a plugin",  # the account has it in its own words
        "plugin crashed while it was imported",
        "a table is for a plugin that is not there",  # the settings are about all plugins, and here is one
        "a plugin that is not there is disabled",
    )
)

_OF_A_SERVICE: Final = frozenset(
    ("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
)
"""What systemd tells a service that is another one than this."""


def main(
    path: Path, *, file: Path | None = None, overrides: Sequence[str] = (), sound: bool = False, out: TextIO
) -> int:
    """Run until somebody ends it; the exit code. `file` and `overrides` are those of `load_config`.

    Raises PluginError where there is no plugin at `path`, ConfigError, ControlError.
    """
    copy = working_copy(path)
    _set_up_log()
    with tempfile.TemporaryDirectory(prefix="voiced-dev-") as home:
        load = Settings(Path(home), file, tuple(overrides), sound)
        bench = Workbench(copy, load, PortAudioCard() if sound else None, out)
        asyncio.run(bench.run(typed(sys.stdin.fileno()), at_once=sys.stdin.isatty()))
    return 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Those of this machine, as far as they are not of what is played here. `home`: for what must not stay."""

    home: Path
    file: Path | None = None
    overrides: tuple[str, ...] = ()
    sound: bool = False

    def load(self, base_url: str, environ: Mapping[str, str] = os.environ) -> Loaded:
        """With the server there. Raises ConfigError."""
        ours = {name: str(self.home) for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME")} | {"OPENAI_API_KEY": "none"}
        others = {name: value for name, value in environ.items() if name not in _OF_A_SERVICE}
        return load_config(self.file, (*self.overrides, *self._played(base_url)), others | ours)

    def _played(self, base_url: str) -> tuple[str, ...]:
        card = () if self.sound else ('capture.device=""', 'playout.device=""', 'capture.echo="off"')
        return (
            'brain.order=["realtime"]',
            "brain.local_commands=false",
            "brain.cooldown_s=1",
            "brain.silent_after_s=30",  # nothing is given up because a machine is slow
            f'realtime.base_url="{base_url}"',
            'realtime.dialect="ga"',
            'openai.key_file=""',
            'control.socket=""',
            'turn.end="local"',
            *card,
        )


class Workbench:
    """The daemon with the plugin, the server, and who types. `card`: None is one in memory, with nobody there."""

    def __init__(
        self,
        copy: WorkingCopy,
        settings: Settings,
        card: SoundCard | None,
        out: TextIO,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._copy = copy
        self._settings = settings
        self._card = card
        self._every_s = every_s
        self._account = Account(out, hears=card is not None)
        self._engines: Engines | None = None
        self._model = Model(self._say, lambda: self._account.choices)

    async def run(self, lines: AsyncIterator[str], *, at_once: bool) -> None:
        """Until the lines end, or somebody types /quit. Raises ConfigError, ControlError."""
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.create_task(asyncio.sleep(0))
        named = self._settings.load(NOWHERE).config.ai.providers.values()
        models = {model for provider in named for model in provider.models.values()}
        async with self._engines_up(), ServerThread(self._model.reply, self._hear, models) as server:
            with _card(self._card) as card:
                loaded = _api_at(server.api_url, self._settings.load(server.base_url), self._settings.home)
                await self._serve(loaded, card, lines, at_once, api=bool(server.api_url))
        for violation in server.violations:
            self._account.line("problem", f"the real server would have refused this: {violation}", "31")

    @asynccontextmanager
    async def _engines_up(self) -> AsyncIterator[None]:
        """Until the server is gone, which waits for them."""
        if self._card is None:
            yield
            return
        loaded = self._settings.load(NOWHERE)
        offline, environ = loaded.config.offline, loaded.places.environ
        self._engines = Engines(recogniser_of(offline, environ), voice_of(offline, environ))
        running = asyncio.create_task(self._engines.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _serve(
        self, loaded: Loaded, card: SoundCard, lines: AsyncIterator[str], at_once: bool, *, api: bool
    ) -> None:
        self._greet(api)
        stop = asyncio.Event()
        self._daemon = Daemon(
            loaded, card, sinks=(self._account,), plugins=self._copy.sources, api=api, overhears=self._overhear
        )
        console = Console(
            self._account, self._post, lambda: self._model.tools, self._daemon.reload_plugins, at_once=at_once
        )
        serving = asyncio.create_task(self._daemon.run(stop))
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(console.run(lines))]
        try:
            done, _ = await asyncio.wait({serving, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.wait({serving, *tasks})

    def _greet(self, api: bool) -> None:
        names = " and ".join(source.name for source in self._copy.sources)
        self._account.line(
            "",
            f"voiced {__version__} with the plugin {names} ({self._copy.path}). A stand-in for the cloud answers, on "
            "this machine: no key, no network.\n"
            + ("" if api else "A plugin that asks the API finds none: pip install 'voiced[test]' brings a stand-in.\n")
            + f"{'Speak, or type' if self._card else 'Type'} what you would say, or /help; Ctrl-D ends it. "
            "Saving a file loads the plugin anew.",
        )

    async def _watch(self) -> None:
        async for changed in saved(self._copy, self._every_s):
            self._account.line("saved", ", ".join(path.name for path in changed), "2")
            self._daemon.reload_plugins()

    def _post(self, event: Event) -> None:
        self._daemon.post(event)

    def _overhear(self, event: Event) -> None:
        match event:
            case ToolsChanged(tools):
                self._model.tools = tools
                self._looking.cancel()
                self._looking = asyncio.create_task(self._tell_what_is_loaded())
            case ToolReturned(call, spoken=spoken) if spoken:
                self._model.learns(call, spoken)
            case _:
                pass
        self._account.overhear(event)

    async def _tell_what_is_loaded(self) -> None:
        understanding = await asyncio.to_thread(self._model.understanding)
        told = self._daemon.plugins()
        self._account.loaded(told, map(str, understanding.problems))
        while any(plugin.state == "on" and plugin.why for plugin in told):  # it is still being loaded, and may fail
            await asyncio.sleep(self._every_s)
            if (now := self._daemon.plugins()) != told:
                told = now
                self._account.loaded(told, ())

    # In the server's thread.

    def _say(self, text: str) -> bytes:
        self._loop.call_soon_threadsafe(self._account.says, text)
        return self._engines.say(text) if self._engines else MOMENT

    def _hear(self, pcm: bytes) -> str:
        return self._engines.hear(pcm, self._model.grammar()) if self._engines else ""


def _api_at(url: str, loaded: Loaded, home: Path) -> Loaded:
    """Whichever provider a plugin asks, it is the server there: nothing leaves this machine, and nothing is paid."""
    (key := home / "api.key").touch(0o600)
    key.write_text("none")
    ai = loaded.config.ai
    own = {name: ai.providers[name].models if name in ai.providers else {} for name in (*PRESETS, *ai.providers)}
    providers = {name: ProviderSettings(base_url=url, key_file=str(key), models=models) for name, models in own.items()}
    here = ai.model_copy(update={"providers": providers})
    return replace(loaded, config=loaded.config.model_copy(update={"ai": here}))


@contextmanager
def _card(given: SoundCard | None) -> Iterator[SoundCard]:
    """The card to use."""
    if given is not None:
        yield given
        return
    card = VirtualCard(rate=CARD_RATE, keep_s=1.0)
    card.start()
    try:
        yield card
    finally:
        card.stop()


def _set_up_log() -> None:
    """What plugins print and log, with the traceback of what crashes, and what is wrong with voiced."""
    set_up(LogSettings(level="debug"), sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_of_interest)


def _of_interest(record: logging.LogRecord) -> bool:
    line = record.msg if isinstance(record.msg, dict) else {}
    least = logging.INFO if "plugin" in line else logging.WARNING
    return line.get("event") in (PRINTED, TRACEBACK) or (
        record.levelno >= least and line.get("event") not in NOT_LOGGED
    )
