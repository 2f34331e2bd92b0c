"""What passes the private loudspeaker and microphone in device tests: a recorder, and the people in the room."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tests.device.pulse import ECHO_DB, volume
from voiced.audio import RATE
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, PortAudioCard, Stream

Int16 = npt.NDArray[np.int16]


class Tap:
    """Records what the loudspeaker puts out, by way of its monitor, at 24 kHz."""

    def __init__(self, card: PortAudioCard, source: str = "vspeaker_tap") -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._blocks: list[bytes] = []
        self._resampler: Resampler | None = None
        self._stream: Stream = card.open_input(source, block_ms=10, callback=self._heard, on_stopped=lambda: None)

    def samples(self) -> Int16:
        """All so far: int16 at 24 kHz."""
        return np.frombuffer(b"".join(self._blocks), "<i2")

    async def until(self, holds: Callable[[Int16], object], timeout_s: float = 10.0) -> Int16:
        """Wait until `holds(samples)`, which is asked at each new block."""
        async with asyncio.timeout(timeout_s):
            while not holds(self.samples()):
                self._news.clear()
                await self._news.wait()
        return self.samples()

    async def for_s(self, seconds: float) -> Int16:
        """Record so much more."""
        enough = self.samples().size + round(seconds * RATE)
        return await self.until(lambda samples: samples.size >= enough, timeout_s=seconds + 10)

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _heard(self, pcm: bytes, time: BlockTime, _overflowed: bool) -> None:
        self._resampler = self._resampler or Resampler(time.rate, RATE)
        self._blocks.append(self._resampler.process(pcm))
        self._loop.call_soon_threadsafe(self._news.set)


class Room:
    """Where the microphone is: it hears the loudspeaker by itself, and people who `say` something, until they left."""

    def __init__(self) -> None:
        self._people: list[subprocess.Popen[bytes]] = []

    def say(self, pcm: bytes) -> None:
        """Somebody speaks now: PCM16 at 24 kHz, which reaches the microphone as loud as it is.

        It is mixed into what the loudspeaker puts out, behind the back of who plays there and louder by what the
        echo loses.
        """
        with tempfile.TemporaryFile() as file:
            file.write(pcm)
            file.seek(0)
            sound = f"--raw --format=s16le --channels=1 --rate={RATE} --volume={volume(-ECHO_DB)}"
            self._people.append(subprocess.Popen(["pacat", "--device=speaker", *sound.split()], stdin=file))

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        for person in self._people:
            person.kill()
            person.wait()
