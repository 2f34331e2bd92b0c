"""What passes the private loudspeaker and microphone in device tests: a recorder, a speaker for people, a room."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType

import numpy as np
import numpy.typing as npt

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, PortAudioCard, Stream

ROOM_RATE = 48_000
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


LAG = ROOM_RATE // 10
"""So far a stream may fall behind for a moment: to jump after each block that comes late would be another room."""


class Room:
    """Carries the loudspeaker's sound to the microphone, `delay_ms` late and by `gain_db`, and people's voices."""

    def __init__(self, card: PortAudioCard, *, delay_ms: int = 80, gain_db: float = -12.0) -> None:
        self._gain = 10 ** (gain_db / 20)
        self._delay = ROOM_RATE * delay_ms // 1000
        self._lock = threading.Lock()
        self._air = np.zeros(2 * ROOM_RATE, np.float32)  # a ring of what the loudspeaker put out
        self._written = 0
        self._read: int | None = None
        self._voice = np.zeros(0, np.float32)
        self._streams: list[Stream] = [
            card.open_input("vspeaker_tap", block_ms=10, callback=self._loudspeaker, on_stopped=lambda: None),
            card.open_output("vmic_feed", block_ms=10, callback=self._microphone, on_stopped=lambda: None),
        ]
        assert {stream.rate for stream in self._streams} == {ROOM_RATE}

    def say(self, pcm: bytes) -> None:
        """Somebody speaks now: PCM16 at 24 kHz."""
        voice = np.frombuffer(Resampler(RATE, ROOM_RATE).process(pcm), "<i2").astype(np.float32)
        with self._lock:
            self._voice = np.concatenate((self._voice, voice))

    def __enter__(self) -> Room:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()

    def _loudspeaker(self, pcm: bytes, _time: BlockTime, _overflowed: bool) -> None:
        heard = np.frombuffer(pcm, "<i2")
        with self._lock:
            self._air[np.arange(self._written, self._written + heard.size) % self._air.size] = heard
            self._written += heard.size

    def _microphone(self, wanted: int, _time: BlockTime, _underflowed: bool) -> bytes:
        with self._lock:
            late = self._written - self._delay
            if self._read is None or not late - LAG <= self._read <= self._written - wanted:
                self._read = max(0, late)  # at the beginning, or the two streams drifted apart
            echo = self._air[np.arange(self._read, self._read + wanted) % self._air.size] * self._gain
            self._read += wanted
            voice, self._voice = self._voice[:wanted], self._voice[wanted:]
        echo[: voice.size] += voice
        sound: bytes = np.rint(echo).clip(-32768, 32767).astype("<i2").tobytes()
        assert len(sound) == wanted * SAMPLE_BYTES
        return sound
