"""What waits to be heard: chunks of items in, blocks for the loudspeaker out, and a count of each item's samples.

Pure: no clock, no thread, no device. A caller that shares it between threads holds a lock around each call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from voiced.audio import SAMPLE_BYTES, Ms, Samples, to_samples
from voiced.conversation.events import ItemId

Signal = npt.NDArray[np.float32]

FADE: Final = to_samples(10)
"""The end of what is flushed: shorter clicks, longer is heard as hesitation; one device block."""

DECLICK: Final = to_samples(5)
"""Slope into and out of a gap that an underrun made."""

RAMP: Final = to_samples(30)
"""A change of gain takes this long: below 10 ms it crackles, above 100 ms ducking comes too late."""

MOST_ITEMS: Final = 256
"""Items whose counts are remembered; the oldest with nothing waiting is forgotten first."""

MOST_EARCONS: Final = 4
"""At the same time."""


@dataclass(frozen=True, slots=True)
class Span:
    """Of one rendered block: with its sample number `end`, `rendered` samples of the item are out in all."""

    item: ItemId
    end: Samples
    rendered: Samples
    last: bool
    """The item was finished, and this is its end."""


@dataclass(frozen=True, slots=True)
class Block:
    """A rendered block: PCM16 at 24 kHz, and which items it carries (the last span of each)."""

    pcm: bytes
    spans: tuple[Span, ...] = ()


@dataclass(slots=True)
class _Item:
    rendered: int = 0
    waiting: int = 0
    finished: bool = False
    cut: bool = False  # a chunk did not fit: a later one must not sound in its place, or counts would lie


@dataclass(slots=True)
class _Ramp:
    """A gain that is `left` samples away from its target."""

    value: float
    target: float
    left: int = 0

    def aim(self, target: float) -> None:
        self.target, self.left = target, RAMP

    def over(self, samples: int) -> Signal | float:
        """The gain of each of the next samples; one number where it does not change."""
        if not self.left:
            return self.target
        way = np.minimum(np.arange(1, samples + 1, dtype=np.float32) / self.left, 1.0)
        path = (self.value + (self.target - self.value) * way).astype(np.float32)
        self.value, self.left = float(path[-1]), max(0, self.left - samples)
        return path


class JitterBuffer:
    """Items in order of arrival, a duckable gain, a volume, and earcons on top.

    The first chunk sounds at once. When an unfinished item runs dry (an underrun), silence goes out until
    `rebuffer` more has gathered than after the last underrun, at most `rebuffer_max`; each item that gets through
    without an underrun takes one step back. The wait ends early when the item is finished, and is never longer
    than twice what it waits for: a source slower than real time is heard in pieces rather than not at all.
    """

    def __init__(
        self,
        *,
        capacity: Samples,
        rebuffer: Ms = Ms(60),
        rebuffer_max: Ms = Ms(240),
        ducked_gain: float = 0.125,
        volume: float = 1.0,
    ) -> None:
        self._capacity = capacity
        self._rebuffer_step = to_samples(rebuffer)
        self._rebuffer_max = to_samples(rebuffer_max)
        self._ducked_gain = ducked_gain
        self._volume = _Ramp(volume, volume)
        self._duck = _Ramp(1.0, 1.0)
        self._items: dict[ItemId, _Item] = {}
        self._queue: deque[tuple[ItemId | None, npt.NDArray[np.int16]]] = deque()  # None: the fade of a flushed item
        self._waiting = 0
        self._earcons: deque[npt.NDArray[np.int16]] = deque(maxlen=MOST_EARCONS)
        self._current: ItemId | None = None
        self._last_sample = 0.0
        self._threshold = 0
        self._gap: int | None = None  # samples of silence since there was something to play; None: no underrun
        self._had_gap = False
        self.underruns = 0

    @property
    def waiting(self) -> Samples:
        """Samples that were not rendered yet."""
        return Samples(self._waiting)

    def play(self, item: ItemId, pcm: bytes) -> bool:
        """Append a chunk (PCM16 at 24 kHz). False: it was dropped, as it or one before exceeds the capacity."""
        chunk = np.frombuffer(pcm, "<i2", count=len(pcm) // SAMPLE_BYTES)
        entry = self._entry(item)
        if entry.cut or self._waiting + chunk.size > self._capacity:
            entry.cut = True
            return False
        if chunk.size:
            self._queue.append((item, chunk))
            self._waiting += chunk.size
            entry.waiting += chunk.size
        return True

    def finish(self, item: ItemId) -> Samples | None:
        """No more of the item will come. Its count where all of it was rendered already, else None."""
        entry = self._entry(item)
        entry.finished = True
        if entry.waiting:
            return None
        if item == self._current:
            if self._gap is not None:  # it ran dry because it was over: that was no underrun
                self.underruns -= 1
                self._threshold -= self._rebuffer_step
            self._ended()
        return Samples(entry.rendered)

    def flush(self, items: Iterable[ItemId], *, fade: bool) -> dict[ItemId, Samples]:
        """Drop what waits of these items; how many samples of each were rendered, or never can be called back.

        `fade`: what sounds now is faded out over `FADE` in the next block, which counts. Items that were never
        seen, or long ago, count 0.
        """
        unwanted = set(items)
        tail = self._fade_of(unwanted) if fade else None
        self._queue = deque((item, chunk) for item, chunk in self._queue if item not in unwanted)
        if tail is not None:
            self._queue.appendleft((None, tail))
        self._waiting = sum(chunk.size for _, chunk in self._queue)
        for item in unwanted & self._items.keys():
            self._items[item].waiting = 0
        if self._current in unwanted:
            self._ended()
        return {item: Samples(self._items[item].rendered) if item in self._items else Samples(0) for item in unwanted}

    def duck(self) -> None:
        """Lower the gain of items, not of earcons."""
        self._duck.aim(self._ducked_gain)

    def unduck(self) -> None:
        """Restore it."""
        self._duck.aim(1.0)

    def set_volume(self, gain: float) -> None:
        """The gain of everything, 0 to 1."""
        self._volume.aim(gain)

    def mix(self, earcon: bytes) -> None:
        """Let a short sound (PCM16 at 24 kHz) go out with the next blocks, over whatever plays."""
        self._earcons.append(np.frombuffer(earcon, "<i2"))

    def render(self, samples: int) -> Block:
        """The next block, exactly `samples` long."""
        duck, volume = self._duck.over(samples), self._volume.over(samples)
        if not self._queue and not self._earcons and self._current is None:
            return Block(bytes(samples * SAMPLE_BYTES))
        voice, spans = self._voice(samples)
        mixed = (voice * duck + self._earcon(samples)) * volume
        return Block(np.rint(mixed).clip(-32768, 32767).astype("<i2").tobytes(), spans)

    def _voice(self, wanted: int) -> tuple[Signal, tuple[Span, ...]]:
        voice = np.zeros(wanted, np.float32)
        if self._waits_for_more(wanted):
            self._decay(voice)
            return voice, ()
        resumed, self._gap = self._gap is not None, None
        spans: dict[ItemId, Span] = {}
        filled = 0
        while self._queue and filled < wanted:
            item, chunk = self._queue.popleft()
            part, rest = chunk[: wanted - filled], chunk[wanted - filled :]
            if rest.size:
                self._queue.appendleft((item, rest))
            voice[filled : filled + part.size] = part
            filled += part.size
            self._waiting -= part.size
            if item is not None:
                spans[item] = self._rendered(item, part.size, filled)
        if resumed:
            rise = voice[:DECLICK]
            rise *= np.linspace(0.0, 1.0, rise.size, dtype=np.float32)
        if filled:
            self._last_sample = float(voice[filled - 1])
        if filled < wanted:
            self._ran_dry()
            self._decay(voice[filled:])
        return voice, tuple(spans.values())

    def _waits_for_more(self, wanted: int) -> bool:
        """Whether an underrun is not over yet."""
        if self._gap is None:
            return False
        if not self._queue:
            return True
        head = self._queue[0][0]
        if self._current is None or head != self._current or self._items[self._current].finished:
            return False
        self._gap += wanted
        return self._waiting < self._threshold and self._gap <= 2 * self._threshold

    def _rendered(self, item: ItemId, samples: int, end: int) -> Span:
        if item != self._current:
            self._current, self._had_gap = item, False
        entry = self._items[item]
        entry.rendered += samples
        entry.waiting -= samples
        last = entry.finished and not entry.waiting
        if last:
            if not self._had_gap:
                self._threshold = max(0, self._threshold - self._rebuffer_step)
            self._ended()
        return Span(item, Samples(end), Samples(entry.rendered), last)

    def _ended(self) -> None:
        self._current, self._gap = None, None

    def _ran_dry(self) -> None:
        if self._current is not None:
            self.underruns += 1
            self._gap, self._had_gap = 0, True
            self._threshold = min(self._rebuffer_max, self._threshold + self._rebuffer_step)

    def _decay(self, silence: Signal) -> None:
        """Lead the signal from where it broke off to zero."""
        slope = silence[:DECLICK]
        slope += self._last_sample * np.linspace(1.0, 0.0, slope.size, dtype=np.float32)
        self._last_sample = 0.0

    def _earcon(self, samples: int) -> Signal:
        mixed = np.zeros(samples, np.float32)
        for _ in range(len(self._earcons)):
            sound = self._earcons.popleft()
            part, rest = sound[:samples], sound[samples:]
            mixed[: part.size] += part
            if rest.size:
                self._earcons.append(rest)
        return mixed

    def _fade_of(self, unwanted: set[ItemId]) -> npt.NDArray[np.int16] | None:
        """The next samples of what sounds now, fading; None where nothing that is unwanted sounds."""
        sounding = self._current
        if sounding is None or sounding not in unwanted or self._gap is not None:
            return None
        if not self._queue or self._queue[0][0] != sounding:
            return None
        ahead = np.concatenate([chunk[:FADE] for item, chunk in self._queue if item == sounding])[:FADE]
        self._items[sounding].rendered += ahead.size
        return np.rint(ahead * np.linspace(1.0, 0.0, ahead.size)).astype(np.int16)

    def _entry(self, item: ItemId) -> _Item:
        if item not in self._items:
            if len(self._items) >= MOST_ITEMS:
                for old in [name for name, entry in self._items.items() if not entry.waiting and name != self._current]:
                    del self._items[old]
                    break
            self._items[item] = _Item()
        return self._items[item]
