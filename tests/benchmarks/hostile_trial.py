"""The process that is measured, started by `hostile`: `python -m tests.benchmarks.hostile_trial RECORD …`.

It has voiced with one plugin on a sound card in memory, and somebody who asks one question after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Literal, get_args

from tests.benchmarks.client import PATIENCE_S, QUESTION, SETTLE_S
from tests.benchmarks.daemon import serve
from tests.benchmarks.recording_card import RecordingCard, audible
from tests.benchmarks.rules import CARD_RATE
from tests.speech import read_wav
from voiced.testing.sound_card import VirtualCard

Deed = Literal[
    "nothing",
    "prints",
    "crashes",
    "leaks tasks",
    "floods",
    "exits and forks",
    "allocates 100 MB",
    "computes in a thread",
    "computes while it is imported",
    "blocks the loop for 20 ms",
    "blocks the loop for 200 ms",
]
DEEDS: Final[tuple[Deed, ...]] = get_args(Deed)

_PRELUDE: Final = """
import asyncio, os, sys, threading, time
from datetime import timedelta
from voiced.api import *

@tool
async def act():
    "Act."

def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
"""

_HOSTILE: Final = """
class Hostile(Plugin):
    async def setup(self, context):
        self.context = context
        self.task = asyncio.create_task(self.go_on())

    async def go_on(self):
        while True:
            {deed}
            await asyncio.sleep({pause_s})
"""

_BESIDE: Final[dict[Deed, tuple[str, float]]] = {
    "prints": ("[print(n) for n in range(200)]", 0.05),
    "leaks tasks": ("asyncio.create_task(asyncio.sleep(0.9))", 0.01),
    "floods": ("[(self.context.set_volume(100), self.context.tools_changed()) for _ in range(100)]", 0.05),
    "allocates 100 MB": ("await self.context.in_thread(lambda: bytearray(10**8).count(1))", 0.05),
    "computes in a thread": ("await self.context.in_thread(lambda: compute(1))", 0.0),
    "blocks the loop for 20 ms": ("compute(0.02)", 0.2),
    "blocks the loop for 200 ms": ("compute(0.2)", 2.0),
}

_CRASHES: Final = """
async def crash():
    raise OSError("no lamp")

class Hostile(Plugin):
    async def setup(self, context):
        for seconds in range(1, 30):
            context.call_after(timedelta(seconds=seconds), crash)
"""

_EXITS: Final = """
def leave():
    for way in (os.fork, os.abort, lambda: os._exit(3), lambda: os.kill(os.getpid(), 9)):
        try:
            way()
        except BaseException:
            pass

async def leave_too():
    leave()
    sys.exit(3)

class Hostile(Plugin):
    async def setup(self, context):
        self.context = context
        self.task = asyncio.create_task(self.go_on())

    async def go_on(self):
        while True:
            leave()
            await self.context.in_thread(leave)
            await asyncio.gather(asyncio.create_task(leave_too()), return_exceptions=True)
            await asyncio.sleep(0.1)
"""


def plugin(deed: Deed) -> str:
    """Its source."""
    if deed == "crashes":
        return _PRELUDE + _CRASHES
    if deed == "exits and forks":
        return _PRELUDE + _EXITS
    if deed == "computes while it is imported":
        return _PRELUDE + "compute(30)\n"
    if deed == "nothing":
        return _PRELUDE
    what, pause_s = _BESIDE[deed]
    return _PRELUDE + _HOSTILE.format(deed=what, pause_s=pause_s)


def converse(card: RecordingCard, microphone: VirtualCard, questions: int) -> list[float]:
    """Ask, and wait for the answer; ms from the end of each question to the first sound. Raises TimeoutError."""
    sys.stdin.readline()
    time.sleep(SETTLE_S)
    question = read_wav(QUESTION)
    found = []
    for _ in range(questions):
        _, ended = microphone.say(question, at=microphone.time())
        _until(card.sounding.wait, "begins")
        _until(card.silent.wait, "ends")
        found.append(1000 * (next(at for at, pcm in card.played if at > ended and audible(pcm)) - ended))
        card.played.clear()
        time.sleep(0.3)
    return found


def _until(wait: object, happens: str) -> None:
    if not wait(PATIENCE_S):  # type: ignore[operator]
        raise TimeoutError(f"no answer {happens} within {PATIENCE_S:g} s")


async def run(deed: Deed, url: str, questions: int) -> list[float]:
    """Converse with voiced beside that plugin."""
    microphone = VirtualCard(rate=CARD_RATE, keep_s=60.0)
    card = RecordingCard(microphone)
    serving = asyncio.create_task(serve(card, url, plugin(deed)))
    microphone.start()
    talking = asyncio.create_task(asyncio.to_thread(converse, card, microphone, questions))
    await asyncio.wait({serving, talking}, return_when=asyncio.FIRST_COMPLETED)
    if not talking.done():
        serving.result()  # it ended, and should not have
        raise RuntimeError("voiced ended before the conversation")
    found = await talking
    serving.cancel()
    await asyncio.wait({serving})
    await asyncio.to_thread(microphone.stop)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("record", type=Path)
    parser.add_argument("--deed", choices=DEEDS, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--questions", type=int, default=5)
    options = parser.parse_args()
    tempfile.tempdir = str(options.record.parent)
    options.record.write_bytes(pickle.dumps(asyncio.run(run(options.deed, options.url, options.questions))))


if __name__ == "__main__":
    main()
