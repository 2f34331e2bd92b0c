"""What happens in the demo: who says what, when, and what goes wrong. What it answers is not written here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from voiced.demo.account import Account
from voiced.demo.cloud import Cloud, Part
from voiced.demo.progress import PATIENCE_S, Progress, Turn, WentOtherwise
from voiced.demo.recordings import cough, recording
from voiced.testing.loopback import CallTool, Say
from voiced.testing.sound_card import VirtualCard

T = TypeVar("T")

LINES: Final = {
    "date": "What is the date today?",
    "timer": "Set a ten second timer.",
    "help": "What can you do?",
    "singapore": "What's the time in Singapore?",
    "rain": "Why does it rain?",
    "coffee": "Set a coffee timer for three minutes.",
    "wake": "Wake me up tomorrow at seven o'clock.",
}
"""What the user says, each with its recording."""

RAIN: Final = "Warm air carries water up. Where it cools, the water falls out of it as rain."


class Story:
    """Speaks into the card's microphone, and waits for what should come of it. `plug_in`: connects the cloud."""

    def __init__(
        self, card: VirtualCard, progress: Progress, account: Account, cloud: Cloud, plug_in: Callable[[], None]
    ) -> None:
        self._card = card
        self._progress = progress
        self._account = account
        self._cloud = cloud
        self._plug_in = plug_in

    async def tell(self) -> bool:
        """All scenes; False where one did not come to its end."""
        try:
            await asyncio.to_thread(lambda: asyncio.run(self._card.until_open(2)))
            await self._until(lambda: self._progress.ready)
            await self._alone()
            await self._in_the_cloud()
        except WentOtherwise as why:
            self._account.note(f"This scene did not come to its end: {why}.")
            return False
        return True

    # No network and no key.

    async def _alone(self) -> None:
        await self._scene("A question, with no network and no key")
        await self._ask_and_hear("date", [("get_time", {"part": "date"})])

        await self._scene("A tool")
        await self._ask_and_hear("timer", [("set_timer", {"duration_s": 10})])

        await self._scene("A long answer: a cough does not interrupt it, a question does")
        long = await self._ask("help")
        await self._until(lambda: self._progress.floor == "speaking")
        await asyncio.sleep(1.0)
        self._account.note("(somebody coughs)")
        self._card.say(cough(), at=self._card.time())
        await self._until(lambda: self._progress.coughs == 1)
        await asyncio.sleep(1.0)
        singapore = await self._ask("singapore")
        await self._until(lambda: long.reply is not None)
        _expect(long.reply is not None and long.reply.cut, "the long answer was not interrupted")
        await self._hear(singapore, [("get_time", {"zone": "Asia/Singapore", "part": "time"})])

        self._account.scene("The timer speaks up by itself, in the next silence")
        await self._until(lambda: bool(self._progress.announced))

        await self._scene("Something that needs more than this machine")
        rain = await self._ask_and_hear("rain", [])
        _expect(not rain.heard, f"it was taken for {rain.heard!r}")
        self._account.note("It is none of its sentences, and was not taken for the nearest one.")

    # A cloud.

    async def _in_the_cloud(self) -> None:
        await self._scene("A key and a network, and the same question again")
        self._account.note("(The cloud here is a stand-in on this machine: its answers are written down.)")
        self._plug_in()
        await self._until(lambda: self._progress.brain == "realtime" and self._progress.ready)
        self._cloud.play(Part(LINES["rain"], answer=Say(RAIN, recording("cloud_rain"))))
        await self._ask_and_hear("rain", [], by="realtime")

        await self._scene("The connection drops before the answer: nobody has to say it again, the sound was kept")
        self._cloud.play(Part(LINES["coffee"]))
        await self._lose("coffee", [("set_timer", {"duration_s": 180, "name": "coffee"})])

        await self._scene("It drops again, after a tool did its work: it is not done twice")
        tool = CallTool("set_alarm", '{"time": "07:00", "day": "tomorrow", "name": null}')
        self._cloud.play(Part(LINES["wake"], tool))
        await self._lose("wake", [("set_alarm", {"time": "07:00", "day": "tomorrow"})])

    async def _lose(self, name: str, tools: list[tuple[str, dict[str, Any]]]) -> None:
        """Ask, break the connection, hear the answer all the same, and see the cloud come back."""
        turn = await self._ask(name)
        await self._in_time(self._cloud.drop_in_thought(), "the cloud was never asked")
        await self._hear(turn, tools)
        await self._until(lambda: self._progress.brain == "realtime" and self._progress.ready)
        assert turn.reply is not None
        known = await self._in_time(self._cloud.hears_of(turn.reply.text), "the cloud was not told of the answer")
        self._account.note(f"It was told the whole conversation: {known} pieces.")

    async def _in_time(self, happening: Awaitable[T], otherwise: str) -> T:
        try:
            return await asyncio.wait_for(happening, PATIENCE_S)
        except TimeoutError:
            raise WentOtherwise(otherwise) from None

    # What people do.

    async def _scene(self, title: str) -> None:
        self._account.scene(title)
        await asyncio.sleep(0.4)
        await self._until(lambda: self._progress.floor == "idle")

    async def _ask(self, name: str) -> Turn:
        """Say it. Returns once the daemon knows that it was said."""
        before = len(self._progress.turns)
        self._account.says(LINES[name])
        self._card.say(recording(f"user_{name}"), at=self._card.time())
        await self._until(lambda: len(self._progress.turns) > before)
        return self._progress.turns[-1]

    async def _hear(self, turn: Turn, tools: list[tuple[str, dict[str, Any]]], by: str = "offline") -> None:
        """Listen to the whole answer, which took these tools."""
        await self._until(lambda: turn.reply is not None)
        _expect(turn.reply is not None and not turn.reply.cut and turn.reply.heard > 0, "the answer was not heard")
        _expect(turn.by == by, f"{turn.by} answered")
        _expect(turn.tools == tools, f"the tools were {turn.tools}")

    async def _ask_and_hear(self, name: str, tools: list[tuple[str, dict[str, Any]]], by: str = "offline") -> Turn:
        turn = await self._ask(name)
        await self._hear(turn, tools, by)
        return turn

    async def _until(self, happened: Callable[[], bool]) -> None:
        await self._progress.until(happened)


def _expect(as_told: bool, otherwise: str) -> None:
    if not as_told:
        raise WentOtherwise(otherwise)
