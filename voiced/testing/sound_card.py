"""A sound card in memory: people speak to its microphone, its loudspeaker is written down, and it can break."""

from __future__ import annotations

import asyncio
import threading
import time
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.errors import DeviceFailed
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, CaptureCallback, Device, Direction, PlayCallback, choose

Signal = npt.NDArray[np.float32]

FULL_SCALE: Final = 32767.0
LONGEST_SPEECH_S: Final = 600.0
"""What may wait to be said to the microphone."""

LONGEST_LATENCY_S: Final = 2.0
OPENING_S: Final = 10.0
REFLECTIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Echo:
    """The way from the loudspeaker to the microphone: a direct sound, then reflections that decay by 60 dB.

    80 ms and -12 dB are a loudspeaker beside the microphone, with the latency of USB devices.
    """

    delay_ms: int = 80
    gain_db: float = -12.0
    decay_s: float = 0.25

    def taps(self, rate: int) -> list[tuple[int, float]]:
        """(delay in samples, gain) of each path; the reflections are random, the same ones each time."""
        random = np.random.default_rng(1)
        delays = random.uniform(0.002, self.decay_s, REFLECTIONS) if self.decay_s else np.zeros(0)
        gains = random.normal(0.0, 0.15, delays.size) * 10 ** (-3 * delays / (self.decay_s or 1.0))
        direct = 10 ** (self.gain_db / 20)
        paths = [(0.0, 1.0), *zip(delays.tolist(), gains.tolist(), strict=True)]
        return [(round((self.delay_ms / 1000 + late) * rate), direct * gain) for late, gain in paths]


class Tape:
    """What passed one point of the card: the last `keep_s` seconds of it."""

    def __init__(self, rate: int, tick: int, keep_s: float) -> None:
        self._rate = rate
        self._tick = tick
        self._ticks: deque[npt.NDArray[np.int16]] = deque(maxlen=max(1, round(keep_s * rate) // tick))
        self._count = 0
        self._epoch = 0.0

    def samples(self, start: float | None = None, end: float | None = None) -> npt.NDArray[np.int16]:
        """int16 at the card's rate between two times on the card's clock; None: all that is kept.

        Raises ValueError where `start` was forgotten already.
        """
        kept = list(self._ticks)
        first = (self._count - len(kept)) * self._tick
        everything = np.concatenate(kept) if kept else np.zeros(0, np.int16)
        begin = 0 if start is None else round((start - self._epoch) * self._rate) - first
        if begin < 0:
            raise ValueError(f"the tape keeps {self._ticks.maxlen} ticks, and {start} s is before them")
        stop = everything.size if end is None else round((end - self._epoch) * self._rate) - first
        return everything[begin : max(begin, stop)]

    def begins_at(self, epoch: float) -> None:
        self._epoch = epoch

    def add(self, tick: npt.NDArray[np.int16]) -> None:
        self._ticks.append(tick)
        self._count += 1


class _Ring:
    """The latest `length` samples of an endless signal, by their number since the card began."""

    def __init__(self, length: int) -> None:
        self._signal = np.zeros(length, np.float32)

    def get(self, start: int, end: int) -> Signal:
        return self._signal[self._places(start, end)]

    def put(self, start: int, signal: npt.NDArray[np.int16]) -> None:
        self._signal[self._places(start, start + signal.size)] = signal

    def add(self, start: int, signal: npt.NDArray[np.int16]) -> None:
        self._signal[self._places(start, start + signal.size)] += signal

    def take(self, start: int, end: int) -> Signal:
        """`get`, and leave silence behind."""
        taken = self.get(start, end)
        self._signal[self._places(start, end)] = 0.0
        return taken

    def _places(self, start: int, end: int) -> npt.NDArray[np.int64]:
        return np.arange(start, end) % self._signal.size


class VirtualCard:
    """A sound card without hardware: one microphone, one loudspeaker, `rate` Hz, mono.

    Its time goes on in ticks. Either a test turns the crank, `step()` or `await run(seconds)`, as fast as it likes
    and the same each time; or `start()` turns it in real time from a thread of its own, on an absolute schedule,
    until `stop()`. In the first case `time()` begins at 0, in the second it is `time.monotonic`.

    The truth is on two tapes, aligned to the sample: `heard` by the microphone and `played` by the loudspeaker.
    `on_tick(heard, played)` gets each tick of both (PCM16 bytes), in the card's thread.
    `noise_dbfs` is the microphone's own noise (RMS); None makes it deliver zeros, as a muted one does.
    """

    def __init__(
        self,
        *,
        rate: int = 48_000,
        tick_ms: int = 10,
        latency_s: float = 0.02,
        noise_dbfs: float | None = -75.0,
        echo: Echo | None = None,
        keep_s: float = 120.0,
        on_tick: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        self.rate = rate
        self.latency_s = latency_s
        self._tick = rate * tick_ms // 1000
        self._latency = round(latency_s * rate)
        self._noise = 0.0 if noise_dbfs is None else FULL_SCALE * 10 ** (noise_dbfs / 20)
        self._random = np.random.default_rng(0)
        self._echo = echo.taps(rate) if echo else []
        self._on_tick = on_tick
        self.heard = Tape(rate, self._tick, keep_s)
        self.played = Tape(rate, self._tick, keep_s)

        self._lock = threading.RLock()  # held for a whole tick: a stream that was closed calls back no more
        self._now = 0  # samples since the card began
        self._epoch = 0.0
        self._real_time = False
        self._thread: threading.Thread | None = None
        self._speech: deque[tuple[int, Signal]] = deque()  # what people say, and from which sample on
        self._converter = _Ring(round(LONGEST_LATENCY_S * rate))  # on its way to the loudspeaker
        self._air = _Ring(max([late for late, _ in self._echo], default=0) + self._tick)  # on its way to be echo
        self._microphone = _Ring(round(LONGEST_LATENCY_S * rate))  # on its way in
        self._streams: list[_VirtualStream] = []
        self._plugged: set[Direction] = {"input", "output"}
        self._listed: set[Direction] = {"input", "output"}
        self._silent_until: dict[Direction, float] = {}
        self._changed = threading.Condition(self._lock)

    # The protocol of a sound card.

    def time(self) -> float:
        """Seconds: of real time where `start()` was called, else of the card's own."""
        return time.monotonic() if self._real_time else self._now / self.rate

    def devices(self) -> list[Device]:
        """The two devices, as far as they were plugged in at the last `rescan`."""
        with self._lock:
            both = [
                Device("virtual microphone", "virtual", 0, 1, 0, self.rate),
                Device("virtual loudspeaker", "virtual", 1, 0, 1, self.rate),
            ]
            return [device for device in both if any(device.channels(way) for way in self._listed)]

    def rescan(self) -> None:
        """Look again for devices."""
        with self._lock:
            self._listed = set(self._plugged)

    def open_input(
        self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: Callable[[], None]
    ) -> _VirtualStream:
        """Open the microphone. Raises DeviceNotFound, DeviceFailed."""

        def deliver(start: int, end: int, flagged: bool) -> None:
            callback(_pcm16(self._microphone.get(start, end)).tobytes(), self._block_time(start), flagged)

        return self._open("input", name, block_ms, deliver, on_stopped)

    def open_output(
        self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: Callable[[], None]
    ) -> _VirtualStream:
        """Open the loudspeaker. Raises DeviceNotFound, DeviceFailed."""

        def fetch(start: int, end: int, flagged: bool) -> None:
            pcm = callback(end - start, self._block_time(start + self._latency), flagged)
            assert len(pcm) == (end - start) * SAMPLE_BYTES, "the callback must return exactly what is wanted"
            self._converter.add(start + self._latency, np.frombuffer(pcm, "<i2"))

        return self._open("output", name, block_ms, fetch, on_stopped)

    # People.

    def say(self, pcm: bytes, *, at: float | None = None, rate: int = RATE) -> tuple[float, float]:
        """Speak `pcm` (PCM16 mono at `rate`) to the microphone from `at` on; None: after what waits already.

        Returns at once, from any thread: (begin, end) of it, in seconds on the card's clock. Speech that overlaps
        is mixed. Raises ValueError where more than 10 minutes would wait.
        """
        signal = np.frombuffer(Resampler(rate, self.rate).process(pcm), "<i2").astype(np.float32)
        with self._lock:
            if at is None:
                start = max([begin + said.size for begin, said in self._speech], default=self._now)
            else:
                start = round((at - self._epoch) * self.rate)
            start = max(start, self._now)
            if start + signal.size - self._now > LONGEST_SPEECH_S * self.rate:
                raise ValueError(f"more than {LONGEST_SPEECH_S:g} s of speech would wait; say it later")
            self._speech.append((start, signal))
            return self._seconds(start), self._seconds(start + signal.size)

    # Time.

    def start(self) -> None:
        """Run in real time from now on, in a thread, until `stop()`."""
        assert self._thread is None, "the card runs already"
        self._epoch = time.monotonic() - self._now / self.rate
        self.heard.begins_at(self._epoch)
        self.played.begins_at(self._epoch)
        self._real_time = True
        self._thread = threading.Thread(target=self._keep_time, name="virtual sound card", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what `start` began."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    async def run(self, seconds: float) -> None:
        """Let `seconds` of the card's time pass at once, giving the event loop its turn after each tick."""
        end = self._now + round(seconds * self.rate)
        while self._now < end:
            self.step()
            await asyncio.sleep(0)

    async def until_open(self, streams: int) -> None:
        """Wait, without the card's time passing, until exactly that many streams are open. Raises TimeoutError."""
        await asyncio.to_thread(self._wait_for, streams)

    def step(self) -> None:
        """One tick: streams call back for what is due, then the loudspeaker plays and the microphone hears."""
        with self._lock:
            for stream in list(self._streams):
                due = self._now + 1 if stream.direction == "output" else self._now - self._latency
                self._serve(stream, due)
            after = self._now + self._tick
            played = _pcm16(self._converter.take(self._now, after))
            self._air.put(self._now, played)
            heard = _pcm16(self._at_the_microphone(after))
            self._microphone.put(self._now, heard)
            self._now = after
            self.heard.add(heard)
            self.played.add(played)
        if self._on_tick is not None:
            self._on_tick(heard.tobytes(), played.tobytes())

    # Faults.

    def unplug(self, direction: Direction) -> None:
        """Pull the plug of the microphone ("input") or loudspeaker: its streams stop and say so."""
        with self._lock:
            self._plugged.discard(direction)
            torn = [stream for stream in self._streams if stream.direction == direction]
            for stream in torn:
                self._streams.remove(stream)
            self._changed.notify_all()
        for stream in torn:
            stream.on_stopped()

    def plug(self, direction: Direction) -> None:
        """Put it back; a card that was rescanned in between needs another rescan."""
        with self._lock:
            self._plugged.add(direction)

    def suspend(self, direction: Direction) -> None:
        """No callback comes any more, and no error either, until `resume`."""
        with self._lock:
            self._silent_until[direction] = float("inf")

    def resume(self, direction: Direction) -> None:
        with self._lock:
            self._silent_until.pop(direction, None)

    def stall(self, direction: Direction, seconds: float) -> None:
        """The machine is too busy to call back for a while; what passes meanwhile is lost, and flagged after it."""
        with self._lock:
            self._silent_until[direction] = self._seconds(self._now) + seconds

    # The truth.

    def save_wav(self, path: Path) -> None:
        """Write both tapes as a stereo WAV: left the microphone, right the loudspeaker."""
        with self._lock:
            sides = np.stack((self.heard.samples(), self.played.samples()), axis=1)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(SAMPLE_BYTES)
            file.setframerate(self.rate)
            file.writeframes(sides.tobytes())

    def closed(self, stream: _VirtualStream) -> None:
        """A stream calls this when it is closed."""
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)
                self._changed.notify_all()

    def _open(
        self,
        direction: Direction,
        name: str,
        block_ms: int,
        serve: Callable[[int, int, bool], None],
        on_stopped: Callable[[], None],
    ) -> _VirtualStream:
        with self._lock:
            device = choose(self.devices(), name, direction)
            if direction not in self._plugged:
                raise DeviceFailed(f"{device.name!r} does not open: it is unplugged")
            start = self._now if direction == "output" else self._now - self._latency
            block = self.rate * block_ms // 1000
            stream = _VirtualStream(self, direction, device.name, block, start, serve, on_stopped)
            self._streams.append(stream)
            self._changed.notify_all()
            return stream

    def _wait_for(self, streams: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._streams) == streams, timeout=OPENING_S):
                raise TimeoutError(f"{len(self._streams)} streams are open after {OPENING_S:g} s, not {streams}")

    def _keep_time(self) -> None:
        while self._thread is not None:
            pause = self._seconds(self._now) - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.step()

    def _serve(self, stream: _VirtualStream, until: int) -> None:
        """Call back for each of the stream's blocks that is due: an input's ends, an output's begins by `until`."""
        if self._silent_until.get(stream.direction, 0.0) > self._seconds(self._now):
            stream.missed = True
            return
        needs = stream.block if stream.direction == "input" else 1
        if stream.missed:
            stream.position = until - needs
        while stream.position + needs <= until:
            start, flagged = stream.position, stream.missed
            stream.position += stream.block
            stream.missed = False
            stream.serve(start, start + stream.block, flagged)

    def _at_the_microphone(self, after: int) -> Signal:
        """Noise, echo, and what people say, from now until `after`."""
        signal = self._random.standard_normal(after - self._now).astype(np.float32) * np.float32(self._noise)
        for late, gain in self._echo:
            signal += np.float32(gain) * self._air.get(self._now - late, after - late)
        for start, said in self._speech:
            begin, end = max(start, self._now), min(start + said.size, after)
            if begin < end:
                signal[begin - self._now : end - self._now] += said[begin - start : end - start]
        self._speech = deque((start, said) for start, said in self._speech if start + said.size > after)
        return signal

    def _block_time(self, edge: int) -> BlockTime:
        return BlockTime(self._seconds(self._now), self._seconds(edge), self.rate)

    def _seconds(self, sample: int) -> float:
        return self._epoch + sample / self.rate


class _VirtualStream:
    """An open microphone or loudspeaker of a VirtualCard; `position` is the first sample of its next block."""

    def __init__(
        self,
        card: VirtualCard,
        direction: Direction,
        device_name: str,
        block: int,
        position: int,
        serve: Callable[[int, int, bool], None],
        on_stopped: Callable[[], None],
    ) -> None:
        self._card = card
        self.direction = direction
        self.device_name = device_name
        self.block = block
        self.position = position
        self.serve = serve
        self.on_stopped = on_stopped
        self.missed = False
        self.rate = card.rate
        self.latency_s = card.latency_s

    def close(self) -> None:
        """Stop it; no callback runs after it."""
        self._card.closed(self)


def _pcm16(signal: Signal) -> npt.NDArray[np.int16]:
    return np.rint(signal).clip(-32768, 32767).astype("<i2")
