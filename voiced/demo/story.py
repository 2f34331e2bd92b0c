"""What happens in the demo: who says what, when, and what goes wrong."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from voiced.audio import RATE
from voiced.conversation.commands import Fact, FalseInterruption, FloorChanged, ReplyHeard, TurnFailed
from voiced.demo.account import Account
from voiced.resample import Resampler
from voiced.testing.loopback import CallTool, Drop, LoopbackServer, Reply, Say, Turn
from voiced.testing.sound_card import VirtualCard

PATIENCE_S: Final = 30.0
"""A scene that takes longer has gone wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the user says, and what the server answers, each with its recording."""

    user: str
    assistant: str
    tool: CallTool | None = None


LINES: Final = {
    "moon": Line("How far away is the moon?", "The moon is about 384,000 kilometres away."),
    "timer": Line(
        "Set a timer for ten seconds.",
        "Your timer is set for ten seconds.",
        CallTool("set_timer", '{"duration_s": 10, "name": null}'),
    ),
    "coffee": Line(
        "Tell me about coffee.",
        "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
        "fifteenth century. Traders carried it on to Istanbul, Venice and London.",
    ),
    "tea": Line(
        "No wait, tell me about tea instead.",
        "Tea comes from the leaves of a bush that grows in the hills of China and India.",
    ),
    "rain": Line("Why does it rain?", "Warm air carries water up. Where it cools, the water falls out of it as rain."),
}
TIMER_DONE: Final = "Your timer is done."


class Storyteller:
    """Speaks to the card's microphone, plays the server's part, and waits for what should come of it.

    A `ports.StatusSink`, so that it knows how far the daemon is.
    """

    def __init__(self, card: VirtualCard, account: Account) -> None:
        self._card = card
        self._account = account
        self._line = LINES["moon"]
        self._name = "moon"
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()

    def report(self, fact: Fact) -> None:
        self._facts.put_nowait(fact)

    # The server's part.

    def reply(self, turn: Turn) -> Reply:
        if "timer" in turn.params.get("instructions", ""):
            return Say(TIMER_DONE, clip("assistant_timer_done"))
        answer = Say(self._line.assistant, clip(f"assistant_{self._name}"))
        if self._line.tool is not None and not turn.tool_outputs:
            return self._line.tool
        return answer

    def transcript(self, _pcm: bytes) -> str:
        return self._line.user

    # The user's part.

    async def tell(self, server: LoopbackServer) -> bool:
        """All scenes; False where one did not come to its end."""
        try:
            await asyncio.to_thread(lambda: asyncio.run(self._card.until_open(2)))
            await self._scene("A question, and a cough while it is answered")
            await self._ask("moon")
            await self._until(_floor("speaking"))
            await self._after(1.2, lambda: self._card.say(cough()))
            self._account.note("(somebody coughs)")
            await self._until(lambda fact: isinstance(fact, FalseInterruption))
            await self._answered()

            await self._scene("A tool")
            await self._ask("timer")
            await self._answered()

            await self._scene("A long answer, and somebody who interrupts it")
            await self._ask("coffee")
            await self._until(_floor("speaking"))
            await asyncio.sleep(3.0)
            await self._ask("tea")
            await self._answered(cut=True)
            await self._answered()

            await self._scene("The timer speaks up by itself, in the next silence")
            await self._answered()

            await self._scene("The connection drops before the answer")
            await self._ask("rain")
            await self._until(_floor("thinking"))
            await server.inject(Drop())
            await self._answered()
            await asyncio.sleep(0.5)
        except TimeoutError:
            self._account.note(f"This scene did not come to its end within {PATIENCE_S:.0f} s.")
            return False
        return True

    async def _scene(self, title: str) -> None:
        self._account.scene(title)
        await asyncio.sleep(0.6)

    async def _ask(self, name: str) -> None:
        self._name, self._line = name, LINES[name]
        self._card.say(clip(f"user_{name}"), at=self._card.time())

    async def _after(self, seconds: float, act: Callable[[], object]) -> None:
        await asyncio.sleep(seconds)
        act()

    async def _answered(self, *, cut: bool = False) -> None:
        await self._until(lambda fact: isinstance(fact, ReplyHeard) and fact.cut == cut)

    async def _until(self, happened: Callable[[Fact], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                fact = await self._facts.get()
                if isinstance(fact, TurnFailed):
                    raise TimeoutError
                if happened(fact):
                    return


def _floor(name: str) -> Callable[[Fact], bool]:
    return lambda fact: isinstance(fact, FloorChanged) and fact.floor == name


def clip(name: str) -> bytes:
    """A recording (espeak-ng's voice), as PCM16 at 24 kHz."""
    data = resources.files("voiced.demo").joinpath("voices", f"{name}.wav").read_bytes()
    with wave.open(io.BytesIO(data)) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()))


def cough() -> bytes:
    """Two bursts of coloured noise, 0.2 s in all: PCM16 at 24 kHz."""
    random = np.random.default_rng(7)
    length = int(0.2 * RATE)
    time = np.arange(length) / RATE
    noise = np.convolve(random.standard_normal(length), np.hanning(12), "same")
    shape = np.exp(-time / 0.04) + 0.7 * np.where(time > 0.09, np.exp(-(time - 0.09) / 0.04), 0.0)
    voice = np.sin(2 * np.pi * 180 * time) * 1.5
    sound = (noise + voice) * shape
    pcm: bytes = np.rint(sound / np.abs(sound).max() * 16000).astype("<i2").tobytes()
    return pcm
