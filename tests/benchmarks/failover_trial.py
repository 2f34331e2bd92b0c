"""The process that is measured: `python -m tests.benchmarks.failover_trial RECORD --next=cascade …`.

A whole daemon in real time on a card in memory, its servers, and somebody who asks one question; then all of it anew.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tests.daemon.household import Household, Sound
from voiced.ai.client import load
from voiced.audio import RATE, SAMPLE_BYTES
from voiced.conversation.commands import BrainChanged, ToolStarted
from voiced.conversation.settings import BrainSettings
from voiced.playout.earcons import earcon
from voiced.testing.http import HttpLoopback
from voiced.testing.http import Pace as HttpPace
from voiced.testing.http import Script as HttpScript
from voiced.testing.loopback import (
    UPGRADE,
    CallTool,
    Drop,
    Fail,
    Fault,
    LoopbackServer,
    Pace,
    Refuse,
    Reply,
    Say,
    Script,
    Stall,
)
from voiced.testing.sound_card import VirtualCard

Next = Literal["cascade", "offline"]

Point = Literal[
    "no failure",
    "no failure, the next one alone",
    "refused before the question",
    "lost while the user speaks",
    "lost at the commit",
    "lost while it thinks",
    "silent while it thinks",
    "responses fail",
    "too many requests",
    "lost in a tool call",
    "lost in mid-answer",
]
POINTS: Final[tuple[Point, ...]] = get_args(Point)

FIRST_SOUND_S: Final = 0.4
"""Of Realtime, from the request to its first audio."""

PACE: Final = HttpPace(transcription_s=0.15, chat_s=0.2, piece_s=0.015, speech_s=0.12, speed=8)
"""Of the cascade's servers: to the first audio of a short sentence some 0.55 s."""

SILENT_AFTER_S: Final = 3.0
"""`brain.silent_after_s`; the default is longer, and is waited for in the same way."""

QUESTION: Final = "timer"
ANSWER: Final = "It will be sunny."
LONG_ANSWER: Final = "Tomorrow it will be sunny and warm, and in the evening a few clouds come up."

SILENCE: Final = RATE * 40 // 1000
"""Samples of zeros that divide one stretch of sound from the next."""

AUDIBLE: Final = 60
"""Amplitude; what is left of an earcon that was taken off the tape is below."""

EARCON_S: Final = len(earcon("lost")) / SAMPLE_BYTES / RATE

PLUGIN: Final = '''
import asyncio
from voiced.api import tool


@tool
async def look_up() -> str:
    """Look something up."""
    await asyncio.sleep(0.3)
    return "It will be sunny."
'''


class TrialBroke(Exception):
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question. Seconds of `time.monotonic()`: when its sound ended, when the brain failed (0.0: it did not), and
    when the first of the answer left the loudspeaker, which is the second answer where the first was cut. `tail_s`:
    how long what was buffered played on after the failure.
    """

    point: Point
    next: Next
    ended: float
    failed: float
    sounded: float
    tail_s: float = 0.0

    @property
    def since_end_ms(self) -> float:
        """From the end of the question to the answer."""
        return 1000 * (self.sounded - self.ended)

    @property
    def since_failure_ms(self) -> float:
        """From the failure, or the end of the question where that is later, to the answer."""
        return 1000 * (self.sounded - max(self.ended, self.failed))


class LiveHousehold(Household):
    """Time passes by itself, on the card too."""

    async def _tick(self) -> None:
        await asyncio.sleep(0.002)

    async def _nothing_is_left(self) -> None:
        assert list(self.server.violations) == []


async def ask(point: Point, successor: Next) -> Outcome:
    """Ask one question, with one failure. Raises TimeoutError and TrialBroke."""
    card = VirtualCard(rate=RATE, keep_s=60.0)
    card.start()
    try:
        with tempfile.TemporaryDirectory(prefix="voiced-benchmark-") as folder:
            http = HttpLoopback(HttpScript(lambda _: ANSWER, lambda _: "What will the weather be like?"), pace=PACE)
            realtime = LoopbackServer(_script(point), pace=_pace(point), faults=_faults(point))
            async with http:
                order = [successor] if point == "no failure, the next one alone" else ["realtime", successor]
                home = LiveHousehold(
                    Path(folder),
                    realtime,
                    card=card,
                    settings={
                        "brain.order": order,
                        "brain.silent_after_s": SILENT_AFTER_S,
                        "cascade.base_url": http.base_url,
                        "cascade.key_file": str(Path(folder) / "key"),
                        "cascade.chat_reasoning_effort": "none",
                        "turn.hangover_ms": 300,
                    },
                )
                home.write_plugin("benchmark", PLUGIN)
                async with home:
                    await home.ready()
                    return await _Question(home, point, successor).ask()
    finally:
        await asyncio.to_thread(card.stop)


class _Question:
    def __init__(self, home: Household, point: Point, successor: Next) -> None:
        self._home = home
        self._point: Point = point
        self._next: Next = successor

    async def ask(self) -> Outcome:
        home = self._home
        await home.run(0.3)
        began, ended = home.say(QUESTION)
        failed = await self._fail(began)
        after = max(ended, failed)
        tail_s = 0.0
        give_up = time.monotonic() + 15 + BrainSettings().silent_after_s
        while True:
            await home.run(0.1)
            tape = home.loudspeaker(ended - 1.0)
            begun = stretches(without_earcon(tape), ended - 1.0)
            if self._point == "lost in mid-answer":
                tails = [end for start, end in begun if start < failed]
                tail_s = max(tails, default=failed) - failed
            whole = ended - 1.0 + tape.size / RATE - EARCON_S  # of what begins later it may be a part
            sounds = [start for start, _ in begun if after < start < whole]
            if sounds:
                return Outcome(self._point, self._next, ended, failed, sounds[0], max(0.0, tail_s))
            if time.monotonic() > give_up:
                raise TrialBroke(f"{self._point}, {self._next}: no answer; {home.facts[-12:]}")

    async def _fail(self, began: float) -> float:
        """When it failed."""
        home = self._home
        ways: dict[Point, Callable[[], Awaitable[float]]] = {
            "lost while the user speaks": lambda: self._drop(began + 0.8),
            "lost at the commit": lambda: self._arrived("input_audio_buffer.commit"),
            "silent while it thinks": lambda: self._arrived("response.create"),
            "responses fail": lambda: self._left("response.done"),
            "too many requests": lambda: self._left("response.done"),
        }
        match self._point:
            case "refused before the question":
                return next(
                    at
                    for at, fact in zip(home.times, home.facts, strict=True)
                    if isinstance(fact, BrainChanged) and fact.state in ("refused", "lost")
                )
            case "lost while it thinks":
                return await self._drop(await self._arrived("response.create") + FIRST_SOUND_S / 2)
            case "lost in a tool call":
                await home.until(lambda: home.of(ToolStarted))
                return await self._drop(time.monotonic() + 0.1)
            case "lost in mid-answer":
                await home.until(lambda: self._waits_to_be_played(after_s=0.6))
                return await self._drop(time.monotonic())
            case point if point in ways:
                return await ways[point]()
        return 0.0

    async def _drop(self, moment: float) -> float:
        await self._home.until(lambda: time.monotonic() >= moment)
        failed = time.monotonic()
        await self._home.server.inject(Drop())
        return failed

    def _waits_to_be_played(self, after_s: float) -> bool:
        """Whether it has spoken for so long, and half as much is ahead of the loudspeaker."""
        audio = [entry for entry in self._home.server.sent if entry.audio_bytes]
        since = time.monotonic() - audio[0].at if audio else 0.0
        sent_s = sum(entry.audio_bytes for entry in audio) / SAMPLE_BYTES / RATE
        return since >= after_s and sent_s - since >= after_s / 2

    async def _arrived(self, kind: str) -> float:
        home = self._home
        await home.until(lambda: home.received(kind))
        return home.received(kind)[0].at

    async def _left(self, kind: str) -> float:
        server = self._home.server
        await self._home.until(lambda: [entry for entry in server.sent if entry.type == kind])
        return next(entry.at for entry in server.sent if entry.type == kind)


def _script(point: Point) -> Script:
    replies: dict[Point, Reply] = {
        "responses fail": Fail(),
        "too many requests": Fail("rate_limit_exceeded"),
        "lost in a tool call": CallTool("look_up"),
        "lost in mid-answer": Say(LONG_ANSWER),
    }
    reply = replies.get(point, Say(ANSWER))
    return Script(lambda _: reply, lambda _: "What will the weather be like?")


def _pace(point: Point) -> Pace:
    """In mid-answer there is a second and more that waits to be played, as with the real server."""
    return Pace(first_delta_delay_s=FIRST_SOUND_S, speed=2.0 if point == "lost in mid-answer" else 4.0)


def _faults(point: Point) -> list[Fault]:
    match point:
        case "refused before the question":
            return [Fault(Refuse(503), on=UPGRADE, every=True)]
        case "lost at the commit":
            return [Fault(Drop(), on="input_audio_buffer.commit")]
        case "silent while it thinks":
            return [Fault(Stall(half_open=True), on="response.create")]
        case _:
            return []


def stretches(tape: Sound, since: float) -> list[tuple[float, float]]:
    """When sound began and ended, in seconds of the card's clock."""
    places = np.flatnonzero(np.abs(tape) > AUDIBLE)
    if not places.size:
        return []
    breaks = np.flatnonzero(np.diff(places) > SILENCE)
    starts = [places[0], *places[breaks + 1]]
    ends = [*places[breaks], places[-1]]
    return [(since + start / RATE, since + end / RATE) for start, end in zip(starts, ends, strict=True)]


def without_earcon(tape: Sound) -> Sound:
    """The tape without the tones that tell of a loss, which are mixed into whatever plays."""
    tones = np.frombuffer(earcon("lost"), "<i2").astype(np.float64)
    rest: npt.NDArray[np.float64] = tape.astype(np.float64)
    if rest.size < tones.size:
        return tape
    size = rest.size + tones.size
    likeness = np.fft.irfft(np.fft.rfft(rest, size) * np.conj(np.fft.rfft(tones, size)), size)[: rest.size]
    place = int(likeness[: rest.size - tones.size + 1].argmax())
    gain = likeness[place] / float(tones @ tones)
    if 0.7 < gain < 1.3:
        rest[place : place + tones.size] -= round(gain, 2) * tones
    return np.round(rest).clip(-32768, 32767).astype(np.int16)


async def run(successor: Next, points: list[Point], *, loaded: bool) -> list[Outcome]:
    """All points, one after the other. `loaded`: with the library of the cascade loaded before."""
    if loaded:
        await load()
    return [await ask(point, successor) for point in points]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("record", type=Path)
    parser.add_argument("--next", required=True)
    parser.add_argument("--points", nargs="+", choices=POINTS, default=list(POINTS))
    parser.add_argument("--not-loaded", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(run(options.next, options.points, loaded=not options.not_loaded))
    options.record.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    # pickle must find Outcome where the reader does, not in __main__
    from tests.benchmarks import failover_trial

    failover_trial.main()
