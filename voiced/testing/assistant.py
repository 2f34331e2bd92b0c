"""A scripted conversation with the whole of voiced: the model calls a tool, the user hears what comes of it.

The daemon runs in this process, with a sound card in memory and a Realtime server on loopback that does what the test
wrote. People speak to its microphone, and what is `heard` left its loudspeaker. Time is of two kinds. That of the
sound hurries while somebody talks. That of plugins, `clock`, stands still until the test lets it pass.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from voiced.app import Daemon
from voiced.audio import RATE
from voiced.config import load_config
from voiced.config.as_toml import toml_value
from voiced.conversation.commands import (
    BrainChanged,
    CardGone,
    CardShown,
    DeviceChanged,
    Fact,
    FloorChanged,
    ReplyHeard,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UtteranceEnded,
)
from voiced.testing.api_in_hand import KEY
from voiced.testing.clock import PATIENCE_S
from voiced.testing.in_hand import trouble_of
from voiced.testing.loopback import LoopbackServer, Script
from voiced.testing.offline_sentences import understood
from voiced.testing.plugin_trial import PluginTrial
from voiced.testing.scripted_model import ScriptedModel
from voiced.testing.sound_card import VirtualCard
from voiced.testing.swift_time import SwiftTime
from voiced.testing.voice import babble

TICK_MS: Final = 20
SPEECH_S: Final = 0.6
"""Enough to take the floor from an assistant that talks."""


class Assistant(PluginTrial):
    """Name plugins with `plugin`, then enter `running`.

    `folder`: of the test's own; what plugins keep is there. `looked_at`: where files are looked for. `questions`: all
    that plugins asked aloud. `heard`: all that left the loudspeaker, a turn or announcement each, as far as it was
    heard.
    """

    def __init__(self, folder: Path, looked_at: Sequence[Path] = ()) -> None:
        super().__init__(folder, looked_at)
        self._model = ScriptedModel(self._complain)
        self._taken = 0
        """Of `heard`: what `hears` or `user_says` gave."""
        self._began = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run voiced. At the end all that was scripted must have happened.

        Raises AssertionError with what is wrong with a plugin that does not load.
        """
        self._began = True
        self._swift = SwiftTime()
        self._card = VirtualCard(rate=RATE, tick_ms=TICK_MS)
        self._server = LoopbackServer(Script(self._model.reply, lambda _: self._words))
        self._facts: list[Fact] = []
        self._floor = "idle"
        self._words = ""
        self._speaks_until = 0.0
        self._news = asyncio.Event()
        self._moment = asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.enter_context(self._swift.kept())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="voiced-"))  # short: a socket is in it
            await stack.enter_async_context(self._server)
            stop = asyncio.Event()
            self._daemon = self._built(Path(folder))
            self._serving = asyncio.create_task(self._daemon.run(stop))
            stack.push_async_callback(self._end, stop, asyncio.create_task(self._turn_time()))
            await self._until(self._ready, "voiced is not ready")
            self._no_trouble()
            yield
            self._all_done()

    # The script.

    def model_calls(self, tool: str, arguments_json: str | None = None, /, **arguments: object) -> None:
        """What the model does next: it calls a tool. `arguments_json`: exactly what it writes, such as nonsense."""
        self._model.will_call(tool, arguments if arguments_json is None else arguments_json)

    def model_says(self, text: str) -> None:
        """What the model does next: it says this."""
        self._model.will_say(text)

    # What happens.

    async def user_says(self, text: str) -> str:
        """Speak to the microphone. All that the user hears from then on until it is quiet again.

        Raises AssertionError where the script does not go that far, or the turn fails.
        """
        start = len(self.heard)
        await self.user_speaks(text)
        await self._until(lambda: self._floor == "idle" and len(self.heard) > start, f"nobody answered {text!r}")
        self._taken = len(self.heard)
        return " ".join(self.heard[start:])

    async def user_speaks(self, text: str) -> None:
        """Speak to the microphone, and wait for no answer: `hears` gives it, `tool_runs` waits for a call."""
        self._must_run()
        ended = self._count(UtteranceEnded)
        self._speak(text)
        await self._until(lambda: self._count(UtteranceEnded) > ended, f"nobody listened to {text!r}")

    async def hears(self) -> str:
        """The next thing that leaves the loudspeaker and that `user_says` did not give: an announcement."""
        await self._until(lambda: len(self.heard) > self._taken, "nothing was heard")
        self._taken += 1
        return self.heard[self._taken - 1]

    async def tool_runs(self, tool: str) -> None:
        """Wait until the model has called it."""
        await self._until(lambda: tool in self._called(), f"{tool} was not called")

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until this is true: for what a thread or a server does."""
        await self._until(holds, "it did not come to that")

    def tool_result(self, tool: str) -> Any:
        """What the model was told by the last call of a tool, from JSON. Raises AssertionError where it failed."""
        ok, output = self._outcome(tool)
        if not ok:
            raise AssertionError(f"{tool} failed, and the model was told: {output}")
        return _value(output)

    def tool_error(self, tool: str) -> str:
        """What the model was told by the last call of a tool, which failed. Raises AssertionError where it did not."""
        ok, output = self._outcome(tool)
        if ok:
            raise AssertionError(f"{tool} did not fail, and the model was told: {output}")
        return output

    def offline(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """Which tool this sentence asks for where there is no cloud, with which arguments; None: it is not understood.

        Raises AssertionError where a sentence of a tool can't be used.
        """
        self._must_run()
        return understood(self._daemon.tools or (), text)

    def report(self, fact: Fact) -> None:
        """`ports.StatusSink`."""
        self._facts.append(fact)
        match fact:
            case FloorChanged():
                self._floor = fact.floor
                if fact.floor == "listening" and self._card.time() >= self._speaks_until:
                    self._asked()
            case ReplyHeard() if fact.text:
                self.heard.append(fact.text)
            case CardShown(card):
                self.cards[card.id] = card
            case CardGone(card_id):
                self.cards.pop(card_id, None)
            case TurnFailed():
                self._complain(f"the turn failed: {fact.reason}")
            case _:
                pass
        self._news.set()

    # How.

    def _built(self, folder: Path) -> Daemon:
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(KEY)
        settings: dict[str, object] = {
            "brain.order": ["realtime"],
            "brain.local_commands": False,
            "realtime.base_url": self._server.base_url,
            "openai.key_file": str(key),
            "capture.echo": "off",  # the card has none
            **{f"plugin.{name}": table for name, table in self._plugins.settings.items()},
        }
        if self._api is not None:
            settings |= {
                "ai.providers.openai": {"base_url": self._api.base_url, "key_file": str(key)},
                "ai.retries": 0,
                "ai.longest_wait_s": 0.0,
            }
        file = folder / "voiced.toml"
        file.write_text("".join(f"{name} = {toml_value(value)}\n" for name, value in settings.items()))
        environ = self._plugins.environ | {"HOME": str(self._folder), "XDG_RUNTIME_DIR": str(folder)}
        return Daemon(
            load_config(file, environ=environ),
            self._card,
            sinks=(self,),
            clock=self.clock,
            plugins=self._plugins.sources,
            api=self._api is not None,
        )

    async def _end(self, stop: asyncio.Event, driver: asyncio.Task[None]) -> None:
        stop.set()
        try:
            await self._serving
        finally:
            driver.cancel()
            with suppress(asyncio.CancelledError):
                await driver

    async def _turn_time(self) -> None:
        """Turn the card's crank: as fast as it goes while somebody talks, else as time passes."""
        began = self._swift.time() - self._card.time()
        while True:
            self._card.step()
            now = began + self._card.time()
            if self._floor in ("listening", "speaking", "overlap") or self._card.time() < self._speaks_until:
                self._swift.hurry_to(now)
                for _ in range(4):  # whoever waits for a socket, a thread or a time gets a chance before the next tick
                    await asyncio.sleep(0)
            else:
                await self._news_before(now)
            self._moment.set()
            self._moment = asyncio.Event()

    async def _news_before(self, moment: float) -> None:
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await self._news.wait()

    async def _until(self, holds: Callable[[], object], otherwise: str) -> None:
        self._must_run()
        give_up = time.monotonic() + PATIENCE_S
        while not holds():
            self._no_complaint()
            if self._serving.done():
                self._serving.result()
            if time.monotonic() > give_up:
                trouble = trouble_of(self._daemon.plugins())
                raise AssertionError(f"{otherwise} within {PATIENCE_S:g} s; heard so far: {self.heard}. {trouble}")
            await self._moment.wait()

    def _ready(self) -> bool:
        devices = {fact.kind for fact in self._facts if isinstance(fact, DeviceChanged) and fact.ok}
        brain = [fact.state for fact in self._facts if isinstance(fact, BrainChanged)]
        if len(devices) < 2 or brain[-1:] != ["ready"] or self._daemon.tools is None:
            return False
        known = [tool["name"] for tool in self._server.sessions[-1].settings["tools"]]
        return known == [tool.name for tool in self._daemon.tools]

    def _no_trouble(self) -> None:
        if trouble := trouble_of(self._daemon.plugins()):
            raise AssertionError(trouble)

    def _all_done(self) -> None:
        self._no_complaint()
        if left := self._model.left:
            raise AssertionError(f"the model was not asked for all that is in the script; left: {left}")
        self._all_answered()
        if violations := self._server.violations:
            raise AssertionError(f"the real server would have refused this: {violations}")

    def _must_run(self) -> None:
        if not self._began:
            raise AssertionError("voiced does not run yet: write `async with assistant.running():` around this")

    def _speak(self, text: str) -> None:
        self._words = text
        _, end = self._card.say(babble(SPEECH_S), at=self._card.time())
        self._speaks_until = end + 1.0

    def _asked(self) -> None:
        """A plugin has asked something, and listens."""
        question = self._model.told[-1] if self._model.told else ""
        if answer := self._answer_to(question):
            self._speak(answer)

    def _count(self, kind: type[Fact]) -> int:
        return sum(isinstance(fact, kind) for fact in self._facts)

    def _called(self) -> list[str]:
        return [fact.name for fact in self._facts if isinstance(fact, ToolStarted)]

    def _outcome(self, tool: str) -> tuple[bool, str]:
        self._must_run()
        ended = [fact for fact in self._facts if isinstance(fact, ToolEnded) and fact.name == tool]
        if not ended:
            called = ", ".join(self._called()) or "none"
            raise AssertionError(f"no call of {tool} has ended; the tools that were called: {called}")
        outputs = {item.call_id: item.output for item in self._server.conversation.items if item.output is not None}
        return ended[-1].ok, outputs[ended[-1].call]


def _value(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return output
