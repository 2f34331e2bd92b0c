"""One tool by itself: no brain and no sound, what it says is printed, and what it asks is answered by typing."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TextIO

from voiced.config import Loaded
from voiced.conversation.commands import RequestEnded, RunTool, SoundBegun
from voiced.conversation.events import (
    AnnouncementAsked,
    CallId,
    CardAsked,
    EarconAsked,
    Event,
    MuteAsked,
    SoundCame,
    StopAsked,
    ToolReturned,
    ToolsChanged,
    UsageReported,
    VolumeAsked,
)
from voiced.errors import PluginError
from voiced.plugin_dev.account import shown
from voiced.plugins.ai import HostAi
from voiced.plugins.discovery import Source
from voiced.plugins.host import PluginHost
from voiced.plugins.outcomes import BEGUN
from voiced.plugins.wall_clock import SystemClock
from voiced.spending.first_times import FirstTimes
from voiced.spending.till import Till
from voiced.state_folder import state_folder

CALL: Final = CallId("by-hand")

VOLUME: Final = 100
"""What a plugin is told that it is."""

PATIENCE_S: Final = 10.0
"""For tools that are not there at once."""

NOBODY: Final = "nobody typed an answer"


class Alone:
    """Takes the place of the conversation. `answers`: what somebody types, begun when it is asked for first."""

    def __init__(self, loaded: Loaded, out: TextIO, answers: Callable[[], AsyncIterator[str]]) -> None:
        self._loaded = loaded
        self._out = out
        self._answers = answers
        self._typed: AsyncIterator[str] | None = None
        self._questions: asyncio.Queue[AnnouncementAsked] = asyncio.Queue()
        self._tools: tuple[str, ...] | None = None
        self._returned: ToolReturned | None = None
        self._announced = False
        self._news = asyncio.Event()

    async def call(self, sources: Sequence[Source], tool: str, arguments: Mapping[str, Any]) -> bool:
        """Load the plugins, run the tool, and print what comes of it; whether it worked.

        It has the API as in the daemon, and what that costs is in the same ledger. Raises PluginError where none of
        them has the tool.
        """
        environ = self._loaded.places.environ
        self._till = Till(self._loaded.config.budget, state_folder(environ), now=SystemClock().now)
        ai = self._api(FirstTimes(state_folder(environ)))
        host = self._host = PluginHost(
            self._loaded.config.plugins,
            post=self._post,
            state_folder=state_folder(environ),
            volume=lambda: VOLUME,
            tables=self._loaded.plugin_tables,
            environ=environ,
            ai=ai,
            sources=sources,
        )
        tasks = [asyncio.create_task(host.run()), asyncio.create_task(self._answer())]
        running = asyncio.create_task(self._run(tool, arguments))
        try:
            await asyncio.wait({*tasks, running}, return_when=asyncio.FIRST_COMPLETED)
            for ended in tasks:
                if ended.done():
                    ended.result()
            return await running
        finally:
            for task in (*tasks, running):
                task.cancel()
            await asyncio.wait({*tasks, running})
            await ai.aclose()

    def _api(self, names: FirstTimes) -> HostAi:
        return HostAi(
            lambda: self._loaded.config.ai,
            lambda provider: self._loaded.secrets.provider_key(provider).get_secret_value(),
            headers=lambda: self._loaded.config.account,
            thrift=lambda: "offline" if self._till.refusal() else "none",
            cloud=lambda: set(self._loaded.config.brain.order) != {"offline"},
            post=self._post,
            first_time=lambda name: asyncio.to_thread(names.is_first, name),
        )

    async def _run(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        await self._until(lambda: self._tools is not None)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._until(lambda: tool in (self._tools or ()) or not self._may_come())
        if tool not in (self._tools or ()):
            raise PluginError("\n".join([self._no_tool(tool), *self._why_not()]))
        self._host.do(RunTool(CALL, tool, json.dumps(arguments)))
        await self._until(lambda: self._returned is not None)
        assert self._returned is not None
        if self._returned.ok and self._returned.output == BEGUN.text:
            await self._until(lambda: self._announced)
        return self._returned.ok

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._news.clear()
            await self._news.wait()

    def _may_come(self) -> bool:
        """Whether a plugin has no tool yet: it may still be loading, or ask a server which ones it has."""
        return any(plugin.state == "on" and not plugin.tools for plugin in self._host.status())

    def _no_tool(self, tool: str) -> str:
        names = self._tools or ()
        if not names:
            return f"there is no tool {tool}"
        near = difflib.get_close_matches(tool, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        return f"there is no tool {tool}; {hint}"

    def _why_not(self) -> list[str]:
        """Of the plugins that may have had it."""
        plugins = self._host.status()
        off = [f"{each.name} is {each.state}: {each.why}" for each in plugins if each.state != "on"]
        return off + [f"{each.name}: {problem}" for each in plugins if each.state == "on" for problem in each.problems]

    def _post(self, event: Event) -> None:
        """What the conversation would be told."""
        match event:
            case ToolsChanged(tools):
                self._tools = tuple(tool.name for tool in tools)
            case ToolReturned():
                self._say(event.output)
                self._returned = event
            case AnnouncementAsked():
                self._spoken(event)
            case SoundCame(request, _, True):
                asyncio.get_running_loop().call_soon(self._host.report, RequestEnded(request))
            case EarconAsked(name):
                self._say(f"♪ {name}")
            case CardAsked(card):
                self._say(shown(card))
            case VolumeAsked(percent):
                self._say(f"(the volume is {percent} %)")
            case MuteAsked(muted):
                self._say(f"(the microphone is {'muted' if muted else 'on'})")
            case StopAsked():
                self._say("(it stops talking)")
            case UsageReported(usage):
                self._till.spent(usage)
                if self._till.trouble:
                    self._say(self._till.trouble)
            case _:
                pass
        self._news.set()

    def _spoken(self, asked: AnnouncementAsked) -> None:
        if asked.earcon:
            self._say(f"♪ {asked.earcon}")
        if asked.sound:
            self._say("♫ (a sound)")
            if asked.more:
                asyncio.get_running_loop().call_soon(self._host.report, SoundBegun(asked.request))
                return
        elif asked.text:
            self._say(f"{'asks' if asked.answer else 'says'}: {asked.text}")
        if asked.answer is not None:
            self._questions.put_nowait(asked)
            return
        if asked.call is None:
            self._announced = True
        self._ended(asked, asked.text)

    async def _answer(self) -> None:
        """One question after the other."""
        while True:
            asked = await self._questions.get()
            if asked.answer and asked.answer.choices:
                self._say(f"(answer: {', '.join(asked.answer.choices)})")
            self._typed = self._typed or self._answers()
            answer = await anext(self._typed, None)
            self._ended(asked, answer or "", NOBODY if answer is None else "")

    def _ended(self, asked: AnnouncementAsked, text: str, error: str = "") -> None:
        """Later: whoever asked does not wait for it yet."""
        fact = RequestEnded(asked.request, text, error)
        asyncio.get_running_loop().call_soon(self._host.report, fact)

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)
