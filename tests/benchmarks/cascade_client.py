"""The process that is measured: `python -m tests.benchmarks.cascade_client SCRIPT RECORD --url=…`.

It has the floor, the cascade and the sequential pipeline, which take turns, so that the machine's noise hits all.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import voiced
from tests.benchmarks.cascade_floor import INSTRUCTIONS, KEY, Arrival, Floor, Sequential
from tests.benchmarks.cascade_scripts import (
    CHAT_MODEL,
    SUBJECTS,
    TOOL,
    TOOL_DESCRIPTION,
    TOOL_OUTPUT,
    TOOL_PARAMETERS,
    VOICE,
    ScriptName,
    Subject,
)
from tests.inbox import Inbox
from tests.speech import read_wav
from voiced.audio import samples_of
from voiced.brains.cascade.brain import CascadeBrain
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.cascade.wav import wav
from voiced.conversation.commands import (
    BrainCommand,
    CancelReply,
    CommitUtterance,
    DeleteItem,
    OpenSession,
    SendToolResult,
    StartReply,
    StreamUtterance,
)
from voiced.conversation.events import (
    BrainReady,
    Event,
    ReplyAudio,
    ReplyDone,
    SessionId,
    ToolCalled,
    ToolSpec,
    UtteranceCommitted,
)

PATIENCE_S: Final = 20.0
PAUSE_S: Final = 0.05
"""Between two turns."""

SPEECH: Final = Path(voiced.__file__).parent / "demo" / "voices" / "user_timer.wav"
SESSION: Final = SessionId(1)

INTERRUPTED_AFTER_S: Final = {"being written down": 0.1, "being said": 0.2}
"""After the utterance's end; after the first sound: the model still writes, and two sentences are being made."""


@dataclass(slots=True)
class Turn:
    """One question. Times of `time.monotonic()`; `cancelled`: when the floor was taken."""

    subject: Subject
    began: float
    heard: list[Arrival] = field(default_factory=list)
    cancelled: float = 0.0
    during: str = ""


@dataclass(slots=True)
class Record:
    """What the process found out. `ready_s`: from the order to open a session to its being there, the first time."""

    turns: list[Turn] = field(default_factory=list)
    ready_s: float = 0.0


class Cascade:
    """voiced's brain, and the part of the conversation that a turn needs."""

    def __init__(self, base_url: str, pcm: bytes) -> None:
        self._inbox = Inbox()
        self._heard: list[Arrival] = []
        self._pcm = pcm
        settings = CascadeSettings(
            base_url=base_url, chat_models=(CHAT_MODEL,), tts_voice=VOICE, chat_reasoning_effort="none"
        )
        self._brain = CascadeBrain(self._post, settings, lambda _: KEY, instructions=INSTRUCTIONS, jitter=lambda: 0.0)

    async def run(self) -> None:
        await self._brain.run()

    async def open(self) -> float:
        """Seconds until it was ready."""
        began = time.monotonic()
        tool = ToolSpec(TOOL, TOOL_DESCRIPTION, TOOL_PARAMETERS)
        self._do(OpenSession(SESSION, (), (tool,), brain="cascade"))
        await self._inbox.get(BrainReady, PATIENCE_S)
        return time.monotonic() - began

    async def turn(self, heard: list[Arrival]) -> None:
        self._begin(heard)
        await self._done(1)
        if self._inbox.of(ToolCalled):
            await self._done(2)

    async def interrupted_turn(self, turn: Turn, during: str) -> None:
        """Begin a turn, and interrupt it."""
        turn.during = during
        self._begin(turn.heard)
        if during == "being said":
            await self._inbox.get(ReplyAudio, PATIENCE_S)
        await asyncio.sleep(INTERRUPTED_AFTER_S[during])
        turn.cancelled = time.monotonic()
        self._do(CancelReply(SESSION, None))
        await self._done(1)
        for committed in self._inbox.of(UtteranceCommitted):  # it would be written down with the next one
            self._do(DeleteItem(SESSION, committed.item))

    def speak(self) -> None:
        """The user has spoken, and the sound was sent along."""
        self._inbox.events.clear()
        self._do(StreamUtterance(SESSION, self._pcm))

    def _begin(self, heard: list[Arrival]) -> None:
        self._heard = heard
        self._do(CommitUtterance(SESSION), StartReply(SESSION))

    async def _done(self, count: int) -> None:
        await self._inbox.until(lambda: len(self._inbox.of(ReplyDone)) >= count, PATIENCE_S)

    def _do(self, *commands: BrainCommand) -> None:
        for command in commands:
            self._brain.do(command)

    def _post(self, event: Event) -> None:
        if isinstance(event, ReplyAudio):
            self._heard.append((time.monotonic(), samples_of(event.pcm)))
        elif isinstance(event, ToolCalled):
            self._do(SendToolResult(event.session, event.call, TOOL_OUTPUT))
        elif isinstance(event, ReplyDone) and self._inbox.of(ToolCalled) and not self._inbox.of(ReplyDone):
            self._do(StartReply(event.session))
        self._inbox.post(event)


class Conversations:
    """One turn after the other, of everybody in turn."""

    def __init__(self, url: str, script: ScriptName) -> None:
        self._url = url
        pcm = read_wav(SPEECH)
        self._floor = Floor(script, wav(pcm))
        self._cascade = Cascade(url, pcm)
        self._wav = wav(pcm)
        self._record = Record()

    async def converse(self, turns: int, interruptions: int) -> Record:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._cascade.run())
            self._record.ready_s = await self._cascade.open()
            from openai import AsyncOpenAI  # the cascade has loaded it by now, as it does in the daemon

            async with AsyncOpenAI(api_key=KEY, base_url=self._url, max_retries=0) as client:
                sequential = Sequential(client, self._wav)
                await self._floor.open(self._url)
                for number in range(turns * len(SUBJECTS)):
                    await self._turn(SUBJECTS[number % len(SUBJECTS)], sequential)
                for number in range(interruptions * len(INTERRUPTED_AFTER_S)):
                    await self._interrupt(tuple(INTERRUPTED_AFTER_S)[number % len(INTERRUPTED_AFTER_S)])
                self._floor.close()
            running.cancel()
        return self._record

    async def _turn(self, subject: Subject, sequential: Sequential) -> None:
        await asyncio.sleep(PAUSE_S)
        self._cascade.speak()
        turn = self._begun(subject)
        async with asyncio.timeout(PATIENCE_S):
            match subject:
                case "floor":
                    await self._floor.turn(turn.heard)
                case "cascade":
                    await self._cascade.turn(turn.heard)
                case "sequential":
                    await sequential.turn(turn.heard)

    async def _interrupt(self, during: str) -> None:
        await asyncio.sleep(PAUSE_S * 4)  # the server sees that the last ones hung up
        self._cascade.speak()
        await self._cascade.interrupted_turn(self._begun("cascade"), during)
        await asyncio.sleep(PAUSE_S * 4)
        turn = self._begun("floor")
        turn.during = during
        asking = asyncio.create_task(self._floor.turn(turn.heard))
        if during == "being said":
            await self._floor.sounds.wait()
        await asyncio.sleep(INTERRUPTED_AFTER_S[during])
        turn.cancelled = time.monotonic()
        self._floor.close()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await self._floor.open(self._url)

    def _begun(self, subject: Subject) -> Turn:
        turn = Turn(subject, time.monotonic())
        self._record.turns.append(turn)
        return turn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("record", type=Path)
    parser.add_argument("script")
    parser.add_argument("--url", required=True)
    parser.add_argument("--turns", type=int, default=0)
    parser.add_argument("--interruptions", type=int, default=0)
    options = parser.parse_args()
    found = asyncio.run(Conversations(options.url, options.script).converse(options.turns, options.interruptions))
    options.record.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    # Pickled as a class of the module, not of the script.
    from tests.benchmarks import cascade_client

    cascade_client.main()
