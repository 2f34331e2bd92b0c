"""The process that is measured: `python -m tests.benchmarks.client {voiced,floor,card} …`, started by `trial`.

It has voiced, the floor, or nothing on a sound card in memory, somebody who talks to it, and nobody else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pickle
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import voiced
from tests.benchmarks.recording_card import Block, RecordingCard
from tests.benchmarks.rules import CARD_RATE
from tests.speech import read_wav
from voiced.sound_card import SoundCard
from voiced.testing.sound_card import VirtualCard

SETTLE_S: Final = 1.0
"""Between the session and the first measurement."""

QUESTION: Final = Path(voiced.__file__).parent / "demo" / "voices" / "user_rain.wav"
"""By its path: to import the demo is to import the server too, which would be counted as the client's memory."""

PATIENCE_S: Final = 20.0
"""A reply that does not begin, or does not end, for so long has gone wrong."""

SIMULATED_SPEED: Final = 60
"""Times real time, at most, in a simulated hour; while an answer is awaited, real time: the network is no faster."""

SAMPLE_EVERY_S: Final = 300
"""Of simulated time, between two looks at the memory."""

QUESTIONS_AT: Final = (1, 7)
"""Seconds into each 20 simulated ones; the second falls into the reply to the first."""

ANSWERED_BY: Final = (4, 10)
"""Seconds into each 20: no more of them pass before the answer is heard."""


@dataclass(slots=True)
class Record:
    """What the client found out about itself. `cpu_…`: seconds of processor time in a minute of real time.

    `tape`: what left the loudspeaker, PCM16 at the card's rate. `rss`: (seconds of sound since the start, MB).
    """

    heard: list[Block] = field(default_factory=list)
    played: list[Block] = field(default_factory=list)
    tape: bytes = b""
    cpu_idle: float = 0.0
    cpu_talking: float = 0.0
    rss: list[tuple[float, float]] = field(default_factory=list)


class Converser:
    """Somebody who asks, and interrupts every answer with the next question; in a thread of their own."""

    def __init__(self, card: RecordingCard, microphone: VirtualCard, *, idle_s: float, interruptions: int) -> None:
        self._card = card
        self._microphone = microphone
        self._idle_s = idle_s
        self._interruptions = interruptions
        self._question = read_wav(QUESTION)

    def converse(self, record: Record) -> None:
        """Wait for the word to begin, and do it. Raises TimeoutError where no answer comes."""
        sys.stdin.readline()
        time.sleep(SETTLE_S)
        record.rss.append((0.0, rss_mb()))
        with _measured() as idle:
            time.sleep(self._idle_s)
        record.cpu_idle = idle.cpu_per_minute
        if self._interruptions:
            with _measured() as talking:
                self._interrupt()
            record.cpu_talking = talking.cpu_per_minute
        record.rss.append((time.monotonic() - idle.began, rss_mb()))

    def _interrupt(self) -> None:
        pauses = random.Random(1)
        self._say()
        for _ in range(self._interruptions):
            self._until(self._card.sounding.wait, "begins")
            time.sleep(pauses.uniform(0.4, 0.7))
            self._say()
            self._until(self._card.silent.wait, "gives way")
        self._until(self._card.sounding.wait, "begins")
        time.sleep(0.5)

    def _say(self) -> None:
        self._microphone.say(self._question, at=self._microphone.time())

    def _until(self, wait: Callable[[float], bool], happens: str) -> None:
        if not wait(PATIENCE_S):
            raise TimeoutError(f"no answer {happens} within {PATIENCE_S:g} s")


class _Measured:
    def __init__(self) -> None:
        self.began = time.monotonic()
        self._cpu = time.process_time()
        self.cpu_per_minute = 0.0

    def end(self) -> None:
        elapsed = time.monotonic() - self.began
        self.cpu_per_minute = 60 * (time.process_time() - self._cpu) / elapsed if elapsed else 0.0


@contextlib.contextmanager
def _measured() -> Any:
    measured = _Measured()
    try:
        yield measured
    finally:
        measured.end()


async def simulate(card: VirtualCard, sounding: threading.Event, seconds: int, record: Record) -> None:
    """Let so many seconds of sound pass, with questions, answers and interruptions, faster than real time."""
    await asyncio.to_thread(sys.stdin.readline)
    question = read_wav(QUESTION)
    began = time.monotonic()
    record.rss.append((0.0, rss_mb()))
    for second in range(1, seconds + 1):
        if second % 20 in QUESTIONS_AT:
            card.say(question)
        await card.run(1.0)
        if second % 20 in ANSWERED_BY:
            await _real_time_until(sounding, card)
        await asyncio.sleep(began + second / SIMULATED_SPEED - time.monotonic())
        if second % SAMPLE_EVERY_S == 0 or second == seconds:
            record.rss.append((second, rss_mb()))


async def _real_time_until(sounding: threading.Event, card: VirtualCard) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not sounding.is_set():
            await card.run(0.02)
            await asyncio.sleep(0.02)


def rss_mb() -> float:
    """Memory of this process that is in RAM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status says nothing of VmRSS")


async def _voiced(card: SoundCard, base_url: str) -> None:
    from tests.benchmarks.daemon import serve

    await serve(card, base_url)


async def _floor(card: SoundCard, base_url: str) -> None:
    from tests.benchmarks.floor import serve

    await serve(card, base_url)


async def _card_alone(card: SoundCard, _base_url: str) -> None:
    """What the card costs by itself."""
    card.open_output(
        "", block_ms=10, callback=lambda samples, *_: bytes(2 * samples), on_stopped=lambda reason="": None
    )
    card.open_input("", block_ms=20, callback=lambda *_: None, on_stopped=lambda reason="": None)
    await asyncio.get_running_loop().create_future()


SUBJECTS: Final[dict[str, Callable[[SoundCard, str], Coroutine[Any, Any, None]]]] = {
    "voiced": _voiced,
    "floor": _floor,
    "card": _card_alone,
}


async def run(options: argparse.Namespace) -> Record:
    """Let the subject converse, and say what came of it."""
    record = Record()
    simulated = options.simulate > 0
    microphone = VirtualCard(rate=CARD_RATE, keep_s=1.0 if simulated else 3600.0)
    card = RecordingCard(microphone, keep=not simulated)
    serving = asyncio.create_task(SUBJECTS[options.subject](card, options.url))
    if simulated:
        talking = asyncio.create_task(simulate(microphone, card.sounding, options.simulate, record))
    else:
        microphone.start()
        talker = Converser(card, microphone, idle_s=options.idle, interruptions=options.interruptions)
        talking = asyncio.create_task(asyncio.to_thread(talker.converse, record))
    await asyncio.wait({serving, talking}, return_when=asyncio.FIRST_COMPLETED)
    if not talking.done():
        serving.result()  # it ended, and should not have
        raise RuntimeError("the subject ended before the conversation")
    await talking
    record.heard, record.played = card.heard, card.played
    record.tape = b"" if simulated else microphone.played.samples().tobytes()
    serving.cancel()
    await asyncio.wait({serving})
    await asyncio.to_thread(microphone.stop)
    return record


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("record", type=Path)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--url", default="")
    parser.add_argument("--idle", type=float, default=0.0)
    parser.add_argument("--interruptions", type=int, default=0)
    parser.add_argument("--simulate", type=int, default=0)
    options = parser.parse_args()
    with contextlib.suppress(OSError):  # no PortAudio here; where it is, both carry it, as voiced does on a machine
        import sounddevice  # noqa: F401
    tempfile.tempdir = str(options.record.parent)
    options.record.write_bytes(pickle.dumps(asyncio.run(run(options))))


if __name__ == "__main__":
    # pickle must find Record where the reader does, not in __main__
    from tests.benchmarks import client

    client.main()
