"""Commands that need no brain: one verdict for each question, whatever becomes of the process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.brains.offline.household import CLOCK, HOUSEHOLD, LOUDER, STOP, VOLUME, tool
from tests.brains.offline.spoken import POCKETSPHINX, among_silence, spoken
from tests.inbox import Inbox
from voiced.brains.offline.frames import MOST_HEADER
from voiced.brains.offline.spotter import LocalSpotter
from voiced.brains.offline.worker_process import Engine
from voiced.conversation.commands import SpotSound, SpotTools, SpotVerdict
from voiced.conversation.events import CommandSpotted, NoCommand, ToolSpec

PATIENT_S = 60.0
"""Where the verdict itself is asked about, and not the time that it takes."""

SOUND = b"\x01\x00" * 2400


def ear(**options: Any) -> Engine:
    return Engine("ear", "tests.brains.offline.engines_on_demand:Ear", options)


@asynccontextmanager
async def spotter(
    engine: Engine, tools: tuple[ToolSpec, ...] = HOUSEHOLD, patience_s: float = PATIENT_S
) -> AsyncIterator[tuple[LocalSpotter, Inbox]]:
    inbox = Inbox()
    spotter = LocalSpotter(inbox.post, engine, patience_s=patience_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spotter.run())
        spotter.do(SpotTools(tools))
        yield spotter, inbox
        running.cancel()


class Asking:
    """Asks about one utterance after the other."""

    def __init__(self, spotter: LocalSpotter, inbox: Inbox) -> None:
        self._spotter = spotter
        self._inbox = inbox
        self.number = 0

    async def about(self, pcm: bytes = SOUND, *, over_reply: bool = False) -> CommandSpotted | NoCommand:
        self.number += 1
        for start in range(0, len(pcm), 960):
            self._spotter.do(SpotSound(self.number, pcm[start : start + 960]))
        self._spotter.do(SpotVerdict(self.number, over_reply))
        [verdict] = await self.verdicts(self.number)
        return verdict

    async def verdicts(self, *numbers: int) -> list[CommandSpotted | NoCommand]:
        def found() -> list[CommandSpotted | NoCommand]:
            verdicts: list[CommandSpotted | NoCommand] = []
            verdicts += self._inbox.of(CommandSpotted)
            verdicts += self._inbox.of(NoCommand)
            return [verdict for verdict in verdicts if verdict.utterance in numbers]

        await self._inbox.until(lambda: len(found()) >= len(numbers), PATIENT_S)
        return found()

    async def until(
        self, holds: Callable[[CommandSpotted | NoCommand], bool], pcm: bytes = SOUND, *, over_reply: bool = False
    ) -> CommandSpotted | NoCommand:
        """Ask until a verdict is as wanted: a process takes a moment to come up, or to end."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                verdict = await self.about(pcm, over_reply=over_reply)
                if holds(verdict):
                    return verdict
                await asyncio.sleep(0.01)


async def eventually(holds: Callable[[], object]) -> None:
    """Wait for something outside of this process."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


def is_spotted(verdict: CommandSpotted | NoCommand) -> bool:
    return isinstance(verdict, CommandSpotted)


def is_none(verdict: CommandSpotted | NoCommand) -> bool:
    return isinstance(verdict, NoCommand)


async def test_a_local_command_is_spotted_with_its_arguments() -> None:
    async with spotter(ear(says="volume thirty percent")) as (spot, inbox):
        verdict = await Asking(spot, inbox).until(is_spotted)
        assert verdict == CommandSpotted(verdict.utterance, "set_volume", '{"percent": 30}', "volume thirty percent")


async def test_what_is_for_a_brain_or_not_sure_is_no_command() -> None:
    for said, confidence in (("what time is it", 1.0), ("stop", 0.7), ("yes", 1.0), ("", 1.0)):
        async with spotter(ear(says=said, confidence=confidence)) as (spot, inbox):
            asking = Asking(spot, inbox)
            await eventually(processes_of_ours)
            for _ in range(20):
                assert is_none(await asking.about())


async def test_an_utterance_is_as_long_as_its_sound_and_a_new_number_is_a_new_one(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with spotter(ear(says="stop", diary=str(diary))) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted)
        written = len(diary.read_text())
        spot.do(SpotSound(1000, SOUND))
        spot.do(SpotSound(1001, SOUND))
        spot.do(SpotSound(1001, SOUND))
        spot.do(SpotVerdict(1001))
        assert is_spotted((await asking.verdicts(1001))[0])
        assert diary.read_text()[written:] == "bfbffe"


async def test_too_long_an_utterance_is_not_decoded_to_its_end(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with spotter(ear(says="stop", diary=str(diary))) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted)
        written = len(diary.read_text())
        for _ in range(41):
            spot.do(SpotSound(1000, SOUND))  # 100 ms
        spot.do(SpotVerdict(1000))
        assert await asking.verdicts(1000) == [NoCommand(1000)]
        assert is_spotted(await asking.about())
        assert diary.read_text()[written:].startswith("b" + "f" * 40 + "b")


async def test_a_verdict_about_an_utterance_that_had_no_sound_is_none() -> None:
    async with spotter(ear(says="stop")) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted)
        spot.do(SpotVerdict(1000))
        spot.do(SpotSound(1001, SOUND))
        spot.do(SpotVerdict(1002))
        assert await asking.verdicts(1000, 1002) == [NoCommand(1000), NoCommand(1002)]


async def test_with_no_local_tool_there_is_no_process_and_it_comes_and_goes_with_one() -> None:
    async with spotter(ear(says="stop"), tools=(CLOCK,)) as (spot, inbox):
        asking = Asking(spot, inbox)
        assert is_none(await asking.about())
        assert processes_of_ours() == []
        spot.do(SpotTools((CLOCK, STOP)))
        await asking.until(is_spotted)
        [process] = processes_of_ours()
        spot.do(SpotTools((CLOCK, LOUDER)))
        await asking.until(is_none)
        assert processes_of_ours() == [process]
        spot.do(SpotTools((CLOCK,)))
        await eventually(lambda: not processes_of_ours())
        assert is_none(await asking.about())


async def test_one_that_does_not_run_answers_too() -> None:
    inbox = Inbox()
    spot = LocalSpotter(inbox.post, ear(says="stop"))
    spot.do(SpotTools(HOUSEHOLD))
    spot.do(SpotSound(1, SOUND))
    spot.do(SpotVerdict(1))
    assert inbox.events == [NoCommand(1)]


async def test_a_process_that_hangs_costs_the_verdict_and_not_the_turn(tmp_path: Path) -> None:
    hanging = ear(says="stop", diary=str(tmp_path / "diary"), hang_at="xbf")
    async with spotter(hanging, patience_s=0.05) as (spot, inbox):
        asking = Asking(spot, inbox)
        await eventually((tmp_path / "diary").exists)
        verdicts = [await asking.about() for _ in range(12)]
        assert verdicts == [NoCommand(number) for number in range(1, 13)]


async def test_verdicts_that_pile_up_are_answered_once_each(tmp_path: Path) -> None:
    hanging = ear(says="stop", diary=str(tmp_path / "diary"), hang_at="xbf")
    async with spotter(hanging, patience_s=0.2) as (spot, inbox):
        await eventually((tmp_path / "diary").exists)
        for number in range(1, 101):
            spot.do(SpotSound(number, SOUND))
            spot.do(SpotVerdict(number))
        await Asking(spot, inbox).verdicts(*range(1, 101))
        assert sorted(verdict.utterance for verdict in inbox.of(NoCommand)) == list(range(1, 101))


async def test_a_killed_process_costs_one_utterance() -> None:
    async with spotter(ear(says="stop")) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted)
        spot.do(SpotSound(1000, SOUND))
        [process] = processes_of_ours()
        os.kill(process, signal.SIGKILL)
        spot.do(SpotVerdict(1000))
        assert await asking.verdicts(1000) == [NoCommand(1000)]
        await asking.until(is_spotted)


async def test_an_engine_that_can_not_be_loaded_is_no_command() -> None:
    async with spotter(Engine("none", "tests.brains.offline.engines_on_demand:that_does_not_load")) as (spot, inbox):
        asking = Asking(spot, inbox)
        assert [await asking.about() for _ in range(3)] == [NoCommand(1), NoCommand(2), NoCommand(3)]


async def test_more_sentences_than_a_process_takes_are_no_command() -> None:
    async with spotter(ear(says="stop"), (tool("endless", "x" * MOST_HEADER, local=True),)) as (spot, inbox):
        asking = Asking(spot, inbox)
        await eventually(processes_of_ours)
        assert is_none(await asking.about())
        spot.do(SpotTools(HOUSEHOLD))
        await asking.until(is_spotted)


async def test_a_cancelled_spotter_owes_no_verdict(tmp_path: Path) -> None:
    hanging = ear(says="stop", diary=str(tmp_path / "diary"), hang_at="xbf")
    async with spotter(hanging) as (spot, inbox):
        await eventually((tmp_path / "diary").exists)
        spot.do(SpotSound(1, SOUND))
        spot.do(SpotVerdict(1))
        await asyncio.sleep(0)
    assert inbox.events == [NoCommand(1)]
    assert processes_of_ours() == []


async def test_commands_are_spotted_in_speech_and_talk_is_not() -> None:
    commands = {"louder": "change_volume", "volume fifty percent": "set_volume", "be quiet": "stop_talking"}
    talk = (
        "how far away is the moon", "tell me about coffee", "what time is it", "set a timer for ten minutes",
        "the cat sat on the mat", "it was a long day and I am tired", "thank you", "what do you think about it",
    )  # fmt: skip
    sounds = await spoken(*commands, *talk, voice="en-us", words_per_minute=150)
    async with spotter(POCKETSPHINX, tools=(*HOUSEHOLD, VOLUME)) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted, among_silence(sounds[0]))
        verdicts = [await asking.about(among_silence(sound)) for sound in sounds]
        spotted = [verdict.name if isinstance(verdict, CommandSpotted) else "" for verdict in verdicts]
        assert spotted == [*commands.values(), *[""] * len(talk)]
        fifty = verdicts[1]
        assert isinstance(fifty, CommandSpotted)
        assert json.loads(fifty.arguments) == {"percent": 50}


async def test_stop_said_over_a_reply_needs_less_certainty() -> None:
    async with spotter(ear(says="stop", confidence=0.4)) as (spot, inbox):
        asking = Asking(spot, inbox)
        await asking.until(is_spotted, over_reply=True)
        assert is_none(await asking.about())


def processes_of_ours() -> list[int]:
    """Workers that this process started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                command = entry.joinpath("cmdline").read_bytes()
            except (OSError, IndexError, ValueError):
                continue
            if parent == os.getpid() and b"voiced.brains.offline.worker" in command:
                found.append(int(entry.name))
    return found
