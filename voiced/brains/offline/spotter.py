"""Listens for commands that need no brain: "stop", "louder", whoever is answering."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.brains.offline.engines import RECOGNISER_RATE
from voiced.brains.offline.frames import FrameError
from voiced.brains.offline.matching import Understanding
from voiced.brains.offline.worker_process import Answer, Engine, Worker, WorkerFailed
from voiced.conversation.commands import SpotSound, SpotterCommand, SpotTools, SpotVerdict
from voiced.conversation.events import CommandSpotted, NoCommand, ToolSpec
from voiced.errors import BrainError
from voiced.ports import Post
from voiced.resample import Resampler

log = structlog.get_logger(__name__)

LONGEST_S: Final = 4.0
"""A command is shorter, with the silence around it; what is longer is not listened to any further."""

PATIENCE_S: Final = 0.25
"""For the verdict; a brain waits for it. It usually takes 5 ms, for the sound was decoded as it came."""

SURE: Final = 0.75
"""Confidence that it takes. Higher than to answer: a command heard by mistake takes somebody's turn away."""

SURE_OVER_A_REPLY: Final = 0.15
"""The same, for what is said over a reply and takes no floor, such as "stop": nobody's turn is taken away. It is too
short to be sure of; of 300 snatches of people's talk as short, five were taken for a command so, at 0.3 three."""

MOST_WAITING: Final = 8
"""Verdicts at one time; a recogniser that is so far behind will not give them in time."""


class LocalSpotter:
    """`ports.Spotter` with a recogniser in a process of its own; there is no process while no tool is local.

    It listens for the sentences of all tools and for small talk, so that what is none of the local ones has somewhere
    else to go. `patience_s` bounds each verdict: a dead, busy or slow process gives `NoCommand`. Create and call it on
    the event loop's thread.
    """

    def __init__(self, post: Post, engine: Engine, *, patience_s: float = PATIENCE_S) -> None:
        self._post = post
        self._engine = engine
        self._patience_s = patience_s
        self._tools: tuple[ToolSpec, ...] = ()
        self._tools_changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._ears: _Ears | None = None
        self._utterance: _Utterance | None = None
        self._waiting = 0

    def do(self, command: SpotterCommand) -> None:
        """Carry `command` out. Returns at once."""
        match command:
            case SpotTools(tools):
                self._tools = tools
                self._tools_changed.set()
            case SpotSound(number, pcm):
                if self._utterance is None or self._utterance.number != number:
                    self._utterance = _Utterance(number, self._ears)
                self._utterance.add(pcm)
            case SpotVerdict(number, over_reply):
                utterance, self._utterance = self._utterance, None
                self._judge(number, utterance, SURE_OVER_A_REPLY if over_reply else SURE)

    async def run(self) -> None:
        """Keep the recogniser up, and knowing what to listen for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await self._until_local()
                    await self._listen()
        finally:
            self._tasks = self._ears = None

    async def _until_local(self) -> None:
        while not _listens_for(self._tools):
            self._tools_changed.clear()
            await self._tools_changed.wait()

    async def _listen(self) -> None:
        """As long as there is a local tool."""
        worker = Worker(self._engine)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(worker.run())
            teaching: asyncio.Task[None] | None = None
            known: tuple[ToolSpec, ...] = ()
            while _listens_for(tools := self._tools):
                self._tools_changed.clear()
                if tools != known:
                    known = tools
                    self._ears = _Ears(worker, tools, await asyncio.to_thread(Understanding, tools))  # some 100 ms
                    if teaching is not None:
                        teaching.cancel()
                    teaching = tasks.create_task(self._ears.when_up())
                await self._tools_changed.wait()
            self._ears = None
            listening.cancel()
            if teaching is not None:
                teaching.cancel()

    def _judge(self, number: int, utterance: _Utterance | None, sure: float) -> None:
        answer = utterance.end() if utterance is not None and utterance.number == number else None
        if answer is None or utterance is None or self._tasks is None or self._waiting >= MOST_WAITING:
            self._post(NoCommand(number))
            return
        self._waiting += 1
        self._tasks.create_task(self._verdict(utterance, answer, sure))

    async def _verdict(self, utterance: _Utterance, answer: Answer, sure: float) -> None:
        event: CommandSpotted | NoCommand = NoCommand(utterance.number)
        try:
            async with asyncio.timeout(self._patience_s):
                event = utterance.spotted(await answer.result(), sure)
        except TimeoutError:
            log.info("spotter.slow", patience_s=self._patience_s)
        except BrainError as error:
            log.info("spotter.failed", reason=str(error))
        finally:
            self._waiting -= 1
            self._post(event)


def _listens_for(tools: tuple[ToolSpec, ...]) -> bool:
    return any(tool.local and tool.sentences for tool in tools)


class _Ears:
    """A recogniser that knows what to listen for. New tools are new ears over the same process."""

    def __init__(self, worker: Worker, tools: tuple[ToolSpec, ...], understanding: Understanding) -> None:
        self.worker = worker
        self.understanding = understanding
        self.local = frozenset(tool.name for tool in tools if tool.local)
        self._taught = 0

    async def when_up(self) -> None:
        """Teach a process that is still starting, so that the first utterance needs not wait for it."""
        try:
            await self.worker.up()
        except WorkerFailed:
            return  # it is logged; a later utterance teaches a later process
        self.teach()

    def teach(self) -> None:
        """Tell the process the grammar, if it does not know it."""
        life, grammar = self.worker.life, self.understanding.grammar
        if life and life != self._taught:
            self._taught = life
            try:
                self.worker.ask("expect", jsgf=grammar.jsgf, words=grammar.words)
            except FrameError as error:
                log.error("spotter.too_many_sentences", reason=str(error))


class _Utterance:
    """One utterance, decoded as it comes; given up where it is too long or the process dies."""

    def __init__(self, number: int, ears: _Ears | None) -> None:
        self.number = number
        self._resampler = Resampler(RATE, RECOGNISER_RATE)
        self._room = int(LONGEST_S * RATE) * SAMPLE_BYTES
        self._ears = ears
        self._life = 0
        if ears is not None:
            ears.teach()
            self._life = ears.worker.life
            if self._life:
                ears.worker.ask("begin")

    def add(self, pcm: bytes) -> None:
        """Sound, PCM16 at 24 kHz."""
        self._room -= len(pcm)
        if self._listening():
            assert self._ears is not None
            self._ears.worker.ask("feed", self._resampler.process(pcm))

    def end(self) -> Answer | None:
        """Ask what it was; None where nobody listened to all of it."""
        if not self._listening():
            return None
        assert self._ears is not None
        return self._ears.worker.ask("end")

    def spotted(self, heard: dict[str, object], sure: float) -> CommandSpotted | NoCommand:
        """What the process answered, as an event."""
        assert self._ears is not None
        text, confidence = heard.get("text"), heard.get("confidence")
        if isinstance(text, str) and isinstance(confidence, float) and confidence >= sure:
            match = self._ears.understanding.match(text)
            if match is not None and match.tool in self._ears.local:
                return CommandSpotted(self.number, match.tool, match.arguments, match.text)
        return NoCommand(self.number)

    def _listening(self) -> bool:
        return self._room >= 0 and self._life != 0 and self._ears is not None and self._ears.worker.life == self._life
