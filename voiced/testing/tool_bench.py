"""Tools alone, with no conversation around them: what one returns, and what it says, asks and plays by itself.

The host that runs tools in voiced runs them here too: arguments come as the model writes them and are checked, results
go as the model gets them, permissions, timeouts, fillers and questions are the real ones. In place of the conversation
is somebody who hears at once whatever is said, and answers questions as the test wrote. Time, `clock`, stands still
until the test lets it pass.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, assert_never

from voiced.api import StateChanged, Transcript, Wake
from voiced.audio import Ms
from voiced.config import PluginTables
from voiced.conversation.commands import (
    CancelTool,
    Fact,
    FloorChanged,
    ReplyHeard,
    RequestEnded,
    RunTool,
    SoundBegun,
    UserHeard,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    CallId,
    CardAsked,
    CardWithdrawn,
    EarconAsked,
    Event,
    MuteAsked,
    SoundCame,
    StopAsked,
    ToolReturned,
    ToolsChanged,
    ToolSpec,
    UsageReported,
    VolumeAsked,
)
from voiced.plugins.host import PluginHost
from voiced.plugins.settings import PluginSettings
from voiced.testing.api_in_hand import api_at
from voiced.testing.clock import PATIENCE_S, all_done, turns
from voiced.testing.in_hand import trouble_of
from voiced.testing.offline_sentences import understood
from voiced.testing.plugin_trial import PluginTrial
from voiced.usage import Usage

NOBODY_ANSWERED: Final = "nobody answered"


class ToolBench(PluginTrial):
    """Name plugins with `plugin`, then enter `running`.

    `folder`: of the test's own; what plugins keep is there. `looked_at`: where files are looked for. All that plugins
    did is in `heard` (what they said, fillers and questions too), `questions`, `sounds` (PCM16 at 24 kHz), `earcons`,
    `cards`, `muted`, `volume` and `spent`. `spoken` and `images` are of the last call.
    """

    def __init__(self, folder: Path, looked_at: Sequence[Path] = ()) -> None:
        super().__init__(folder, looked_at)
        self.sounds: list[bytes] = []
        self.earcons: list[str] = []
        self.muted = False
        self.volume = 40
        self.spoken = ""
        """The result in words, where no model words it."""
        self.images: list[bytes] = []
        """Whole PNG or JPEG files."""
        self.spent: list[Usage] = []
        """What each request of the API used."""
        self.offered: dict[str, ToolSpec] = {}
        """The tools that the model may call now, by name."""
        self._calls = count(1)
        self._returned: dict[CallId, asyncio.Future[tuple[ToolReturned, Set[asyncio.Task[Any]]]]] = {}
        self._under_way: dict[CallId, str] = {}
        self._taken = 0
        self._moment = asyncio.Event()
        self._loaded = False
        self._began = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the plugins, and unload them at the end.

        Raises AssertionError with what is wrong with a plugin that does not load, and where an answer of the user was
        not asked for.
        """
        self._loaded, self._began = False, True
        ai = None if self._api is None else api_at(self._api.base_url, self._post)
        self._host = PluginHost(
            PluginSettings(),
            post=self._post,
            state_folder=self._folder,
            volume=lambda: self.volume,
            clock=self.clock,
            tables=PluginTables.of(self._plugins.settings),
            environ={"HOME": str(self._folder), **self._plugins.environ},
            ai=ai,
            sources=self._plugins.sources,
        )
        running = asyncio.create_task(self._host.run())
        try:
            await self._until(lambda: self._loaded, "the plugins did not load")
            if trouble := trouble_of(self._host.status()):
                raise AssertionError(trouble)
            yield
            self._no_complaint()
            self._all_answered()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            if ai is not None:
                await ai.aclose()

    # What happens.

    async def call(self, tool: str, arguments_json: str | None = None, /, **arguments: object) -> Any:
        """What the model is told by a call, from JSON. `arguments_json`: exactly what the model writes.

        Raises AssertionError where the call fails.
        """
        ok, output = await self._run(tool, arguments_json, arguments)
        if not ok:
            raise AssertionError(f"{tool} failed, and the model was told: {output}")
        try:
            return json.loads(output)
        except ValueError:
            return output

    async def error(self, tool: str, arguments_json: str | None = None, /, **arguments: object) -> str:
        """What the model is told by a call that fails. Raises AssertionError where it does not."""
        ok, output = await self._run(tool, arguments_json, arguments)
        if ok:
            raise AssertionError(f"{tool} did not fail, and the model was told: {output}")
        return output

    async def hears(self) -> str:
        """The next thing that a plugin says and that `hears` did not give yet."""
        await self._until(lambda: len(self.heard) > self._taken, "nothing was said")
        self._taken += 1
        return self.heard[self._taken - 1]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait, without time passing, until this is true: for what a thread or a server does."""
        give_up = time.monotonic() + PATIENCE_S
        while not holds():
            self._no_complaint()
            if time.monotonic() > give_up:
                raise AssertionError(f"it did not come to that within {PATIENCE_S:g} s; heard so far: {self.heard}")
            await turns()

    async def happens(self, event: Wake | Transcript | StateChanged) -> None:
        """Tell who subscribed to it."""
        others = asyncio.all_tasks()
        for fact in _facts(event):
            self._host.report(fact)
        await all_done(others)

    async def user_interrupts(self) -> None:
        """Take the floor: the calls under way whose tools say `on_barge_in="cancel"` are cancelled."""
        for call, tool in list(self._under_way.items()):
            if self.offered[tool].on_barge_in == "cancel":
                self._host.do(CancelTool(call))
        await turns()

    def offline(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """Which tool this sentence asks for where there is no cloud, with which arguments; None: it is not understood.

        Raises AssertionError where a sentence of a tool can't be used.
        """
        return understood(self.offered.values(), text)

    # How.

    async def _run(self, tool: str, arguments_json: str | None, arguments: Mapping[str, object]) -> tuple[bool, str]:
        text = json.dumps(arguments, default=str) if arguments_json is None else arguments_json
        self._must_run()
        call = CallId(f"call-{next(self._calls)}")
        returned = self._returned[call] = asyncio.get_running_loop().create_future()
        self._under_way[call] = tool
        self._host.do(RunTool(call, tool, text))
        await self._until(returned.done, f"{tool} did not return")
        event, others = returned.result()
        await all_done(others)  # the tools that are offered may be others now
        self.spoken = event.spoken
        self.images = [image.data for image in event.images]
        return event.ok, event.output

    def _must_run(self) -> None:
        if not self._began:
            raise AssertionError("no plugin is loaded yet: write `async with tools.running():` around this")

    async def _until(self, holds: Callable[[], object], otherwise: str) -> None:
        self._must_run()
        give_up = time.monotonic() + PATIENCE_S
        while True:
            self._no_complaint()
            if holds():
                return
            self._moment.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._moment.wait()
            except TimeoutError:
                trouble = trouble_of(self._host.status())
                raise AssertionError(
                    f"{otherwise} within {PATIENCE_S:g} s; heard so far: {self.heard}. {trouble}"
                ) from None

    def _post(self, event: Event) -> None:
        match event:
            case ToolsChanged(tools):
                self.offered = {tool.name: tool for tool in tools}
                self._loaded = True
            case ToolReturned(call):
                self._under_way.pop(call, None)
                self._returned.pop(call).set_result((event, asyncio.all_tasks()))
            case AnnouncementAsked():
                self._said(event)
            case SoundCame(request, sound, last):
                self.sounds[-1] += sound
                if last:
                    self._ends(request)
            case AnnouncementWithdrawn(request):
                self._ends(request, error="it was withdrawn")
            case EarconAsked(name):
                self.earcons.append(name)
            case CardAsked(card):
                self.cards[card.id] = card
            case CardWithdrawn(card_id):
                self.cards.pop(card_id, None)
            case StopAsked():
                pass
            case MuteAsked(muted):
                self.muted = muted
            case VolumeAsked(percent):
                self.volume = percent
            case UsageReported(usage):
                self.spent.append(usage)
            case _:
                raise TypeError(f"a plugin's host posts no {type(event).__name__}")
        self._moment.set()

    def _said(self, asked: AnnouncementAsked) -> None:
        if asked.earcon:
            self.earcons.append(asked.earcon)
        if asked.sound:
            self.sounds.append(asked.sound)
        if asked.more:
            asyncio.get_running_loop().call_soon(self._host.report, SoundBegun(asked.request))
            return
        if asked.text:
            self.heard.append(asked.text)
        if asked.answer is None:
            self._ends(asked.request)
            return
        answer = self._answer_to(asked.text)
        self._ends(asked.request, answer, "" if answer else NOBODY_ANSWERED)

    def _ends(self, request: str, text: str = "", error: str = "") -> None:
        asyncio.get_running_loop().call_soon(self._host.report, RequestEnded(request, text, error))


def _facts(event: Wake | Transcript | StateChanged) -> list[Fact]:
    match event:
        case Wake():
            return [FloorChanged("idle"), FloorChanged("listening")]
        case Transcript("user", text):
            return [UserHeard(1, text)]
        case Transcript(_, text):
            return [ReplyHeard(1, text, Ms(1), Ms(1), cut=False)]
        case StateChanged(state):
            return [FloorChanged(state)]
        case other:
            assert_never(other)
