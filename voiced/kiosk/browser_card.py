"""A browser as the sound card: the microphone and the loudspeaker of whoever has the page open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from voiced.audio import RATE, SAMPLE_BYTES, samples_of, to_samples
from voiced.errors import DeviceFailed, DeviceNotFound
from voiced.kiosk.allowance import Allowance
from voiced.sound_card.port import BlockTime, CaptureCallback, Device, OnStopped, PlayCallback

BLOCK_S: Final = 0.02
BLOCK_SAMPLES: Final = to_samples(20)
SILENCE: Final = bytes(BLOCK_SAMPLES * SAMPLE_BYTES)
"""What goes to the browser in one message: PCM16 at 24 kHz, mono."""

LEAD_S: Final = 0.1
"""From a block's being sent until it is heard: what the page lets wait against a late network, and the way there."""

SILENT_BLOCKS_SENT: Final = 10
"""The gaps in speech are sent as they are, that the page need not begin anew after each; longer silence is not."""

LATE_S: Final = 0.1
"""When the loop is later than that, the page has run dry: its time begins anew."""

STALLED_S: Final = 0.5
"""A browser whose microphone brings nothing for so long is asleep, and plays nothing either."""

LONGEST_CHUNK_S: Final = 1.0
"""Of the microphone, in one message. Pages send 20 ms."""

BURST_S: Final = 3.0
FASTER: Final = 1.05
"""A network that stood still delivers so much at once; and no converter's clock is so much faster than ours."""

MOST_DROPPED_S: Final = 5.0
"""Sound that came too fast and was dropped, after which the page is told to stop: it is no microphone."""

CREEP: Final = 0.001
"""How fast the microphone's clock may be learned to run slow, per second; what is late beyond is the network."""

GAP_S: Final = 0.5
"""When sound is later than that, the microphone stood still."""


class Browser(Protocol):
    """An open page, as far as it is a loudspeaker. On the loop; no method waits."""

    @property
    def backed_up(self) -> bool:
        """Whether it does not take what it is sent."""

    def play(self, pcm: bytes) -> None:
        """One block, to be heard after all that was sent before."""

    def flush(self) -> None:
        """What it has is of no interest any more."""

    def sound_off(self, reason: str) -> None:
        """It is no microphone and loudspeaker any more."""


class BrowserCard:
    """A `SoundCard` of one microphone and one loudspeaker, which are there while a browser has taken the part.

    `take`, `release`, `captured` and `run` are called on the loop, the rest from any thread. `on_arrival` is called
    when a browser takes the part, so that nobody waits for the next try. Time is `clock`'s, seconds.

    What a page was sent counts as heard LEAD_S later. It is sent nothing while it does not take what it was sent, or
    while its microphone stands still; the callback is not asked either then, so that nothing counts as played that
    was not sent. `page` is where the page is, once that is known, for who is told to open it.
    """

    def __init__(
        self,
        *,
        on_arrival: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.page = "the page"
        self._on_arrival = on_arrival
        self._clock = clock
        self._lock = threading.RLock()  # held while a callback runs: a stream that was closed calls back no more
        self._inputs: list[_Input] = []
        self._outputs: list[_Output] = []
        self._browser: Browser | None = None
        self._taken = asyncio.Event()
        self._microphone = _Capture(RATE, clock())
        self._latency_s = 0.0
        self._heard_at: float | None = None
        self._due = clock()
        self._starved = False
        self._held = False
        self._silent_blocks = SILENT_BLOCKS_SENT

    # The protocol of a sound card.

    def time(self) -> float:
        """Now."""
        return self._clock()

    def devices(self) -> list[Device]:
        """The one that is both, while a browser is there."""
        if self._browser is None:
            return []
        return [Device("browser", "kiosk", 0, 1, 1, self._microphone.rate)]

    def rescan(self) -> None:
        """Who comes says so."""

    def open_input(self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: OnStopped) -> _Input:
        """The browser's microphone, whatever the name. Raises DeviceNotFound."""
        with self._lock:
            self._must_be_there()
            stream = _Input(self, self._microphone.rate, self._latency_s, on_stopped, block_ms, callback)
            self._inputs.append(stream)
            self._heard_at = None
            return stream

    def open_output(self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: OnStopped) -> _Output:
        """The browser's loudspeaker, whatever the name. Its blocks are 20 ms. Raises DeviceNotFound."""
        with self._lock:
            self._must_be_there()
            stream = _Output(self, RATE, LEAD_S + self._latency_s, on_stopped, callback)
            self._outputs.append(stream)
            return stream

    # Browsers.

    def take(self, browser: Browser, *, rate: int, latency_s: float = 0.0) -> None:
        """This browser is it from now on; another one is told that it is not. `rate`: Hz of its microphone."""
        with self._lock:
            before, self._browser = self._browser, browser
            self._microphone = _Capture(rate, self._clock())
            self._latency_s = latency_s
            self._heard_at = None
            self._due, self._starved, self._held = self._clock(), False, False
            self._silent_blocks = SILENT_BLOCKS_SENT
        if before is not None and before is not browser:
            before.sound_off("another page is the microphone and loudspeaker now")
        self._taken.set()
        self._on_arrival()

    def release(self, browser: Browser) -> None:
        """It is not any more: closed, or by its own wish. The streams stop. Nothing where another one took over."""
        with self._lock:
            if self._browser is not browser:
                return
            self._browser = None
            stopped = [*self._inputs, *self._outputs]
            self._inputs.clear()
            self._outputs.clear()
        self._taken.clear()
        for stream in stopped:
            stream.on_stopped(self._nobody())

    def captured(self, browser: Browser, pcm: bytes) -> None:
        """What its microphone heard: PCM16, mono. Nothing where another one took over: it was on its way.

        Raises DeviceFailed for what is no sound of a microphone.
        """
        if browser is not self._browser:
            return
        now = self._clock()
        with self._lock:
            edge, overflowed = self._microphone.add(pcm, now)
            if edge is None:
                return
            self._heard_at = now
            for stream in tuple(self._inputs):
                stream.feed(pcm, now, edge, self._microphone.rate, overflowed)

    async def run(self) -> NoReturn:
        """Play, in blocks on an absolute schedule, while a browser is there."""
        while True:
            await self._taken.wait()
            due = self.play_due()
            await asyncio.sleep(due - self._clock())

    def play_due(self) -> float:
        """Play what is due by now; when the next block is. On the loop."""
        now = self._clock()
        if now - self._due > LATE_S:
            self._due, self._starved = now, True
        while self._due <= now:
            self._starved = not self._played(now, self._due + LEAD_S + self._latency_s)
            self._due += BLOCK_S
        return self._due

    def closed(self, stream: _Input | _Output) -> None:
        """A stream calls this when it is closed."""
        with self._lock:
            if isinstance(stream, _Input):
                self._inputs = [each for each in self._inputs if each is not stream]
            else:
                self._outputs = [each for each in self._outputs if each is not stream]

    def _must_be_there(self) -> None:
        if self._browser is None:
            raise DeviceNotFound(self._nobody())

    def _nobody(self) -> str:
        return f"no browser is the microphone and loudspeaker: open {self.page} and press the button for it there"

    def _played(self, now: float, edge: float) -> bool:
        """One block, unless the browser takes none: whether it takes them."""
        browser = self._browser
        if browser is None:
            return True
        if browser.backed_up or self._stalled(now):
            self._held = True
            return False
        if self._held:
            self._held = False
            self._silent_blocks = SILENT_BLOCKS_SENT
            browser.flush()
        with self._lock:
            if not self._outputs:
                return True
            pcm = self._outputs[-1].callback(BLOCK_SAMPLES, BlockTime(now, edge, RATE), self._starved)
        self._silent_blocks = self._silent_blocks + 1 if pcm == SILENCE else 0
        if self._silent_blocks <= SILENT_BLOCKS_SENT:
            browser.play(pcm)
        return True

    def _stalled(self, now: float) -> bool:
        return bool(self._inputs) and self._heard_at is not None and now - self._heard_at > STALLED_S


class _Capture:
    """The sound of one browser's microphone: checks it, and says when it was captured."""

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._allowance = Allowance(rate * FASTER, rate * BURST_S, now)
        self._dropped = 0
        self._edge: float | None = None
        """When the next sample is captured, if none is missing."""

    def add(self, pcm: bytes, now: float) -> tuple[float | None, bool]:
        """When its first sample entered the microphone, None where it is dropped; and whether any was dropped before.

        Raises DeviceFailed.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise DeviceFailed("the page sent half a sample: reload the page")
        samples = samples_of(pcm)
        if samples > LONGEST_CHUNK_S * self.rate:
            raise DeviceFailed(f"the page sent more than {LONGEST_CHUNK_S:g} s of sound at once: reload the page")
        if not self._allowance.take(samples, now):
            self._dropped += samples
            if self._dropped > MOST_DROPPED_S * self.rate:
                raise DeviceFailed("the page sends sound faster than a microphone: reload the page")
            return None, True
        overflowed, self._dropped = self._dropped > 0, 0
        return self._captured_at(samples / self.rate, now), overflowed

    def _captured_at(self, length_s: float, now: float) -> float:
        """The network makes sound late, never early: the earliest arrivals tell when it was captured."""
        arrived = now - length_s
        edge = arrived
        if self._edge is not None and arrived - self._edge < GAP_S:
            edge = min(arrived, self._edge + length_s * CREEP)
        self._edge = edge + length_s
        return edge


class _Stream:
    """An open direction of a BrowserCard."""

    device_name = "browser"

    def __init__(self, card: BrowserCard, rate: int, latency_s: float, on_stopped: OnStopped) -> None:
        self._card = card
        self.rate = rate
        self.latency_s = latency_s
        self.on_stopped = on_stopped


class _Input(_Stream):
    """An open microphone: cuts what comes into blocks."""

    def __init__(
        self,
        card: BrowserCard,
        rate: int,
        latency_s: float,
        on_stopped: OnStopped,
        block_ms: int,
        callback: CaptureCallback,
    ) -> None:
        super().__init__(card, rate, latency_s, on_stopped)
        self._block_ms = block_ms
        self._callback = callback
        self._rest = bytearray()  # less than a block

    def feed(self, pcm: bytes, now: float, edge: float, rate: int, overflowed: bool) -> None:
        """More sound, whose first sample was captured at `edge`."""
        if rate != self.rate or overflowed:
            self.rate = rate
            self._rest.clear()
        edge -= len(self._rest) / SAMPLE_BYTES / rate
        self._rest += pcm
        block = rate * self._block_ms // 1000
        while len(self._rest) >= block * SAMPLE_BYTES:
            self._callback(bytes(self._rest[: block * SAMPLE_BYTES]), BlockTime(now, edge, rate), overflowed)
            del self._rest[: block * SAMPLE_BYTES]
            edge, overflowed = edge + block / rate, False

    def close(self) -> None:
        """Let it go; no callback runs after it."""
        self._card.closed(self)


class _Output(_Stream):
    """An open loudspeaker."""

    def __init__(
        self,
        card: BrowserCard,
        rate: int,
        latency_s: float,
        on_stopped: OnStopped,
        callback: PlayCallback,
    ) -> None:
        super().__init__(card, rate, latency_s, on_stopped)
        self.callback = callback

    def close(self) -> None:
        """Let it go; no callback runs after it."""
        self._card.closed(self)
