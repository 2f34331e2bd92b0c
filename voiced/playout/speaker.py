"""The loudspeaker: carries out the conversation's orders, and tells what was really heard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final, NoReturn, assert_never

import structlog

from voiced.audio import RATE, SAMPLE_BYTES, Ms, Samples, samples_of
from voiced.conversation.commands import (
    Duck,
    FinishItem,
    FlushPlayout,
    Play,
    PlayEarcon,
    SetVolume,
    SpeakerCommand,
    Unduck,
)
from voiced.conversation.events import PlayoutFlushed, SpeakerLost, SpeakerReady
from voiced.playout.clock import PlayoutClock, Report
from voiced.playout.earcon_choice import EarconChoice
from voiced.playout.earcons import NOTES
from voiced.playout.jitter_buffer import JitterBuffer
from voiced.playout.settings import PlayoutSettings
from voiced.ports import Post
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, SoundCard, Stream, StreamKeeper

SETTLE_S: Final = 0.1
"""Longer than what a device asks for ahead, so that a suspended one is not taken for one that plays."""

log = structlog.get_logger(__name__)


class Speaker:
    """A `ports.Speaker` on a sound card; `run()` keeps the device open until it is cancelled.

    Two threads meet here: the loop gives orders, the device asks for a block every 10 ms. One lock guards the
    buffer between them, held for microseconds by the loop and for one rendering (0.1 ms) by the device. A queue of
    orders that the device drains would save the lock, but a device that is suspended or gone drains nothing, and a
    flush must be answered at once all the same; and what delays the holder of a lock in Python (being descheduled
    with the GIL) would delay the device without it too.

    A sample counts as played when its time at the converter has passed. After a flush, all that the device already
    has counts, since it can't be called back and will be heard. When the device is lost, what it still held
    (some 20 ms) counts as played; the rest waits for its return, up to `longest_buffer_s`, after which chunks are
    dropped with a warning.

    `far_end(pcm, heard_at)` gets every block as it goes out, silence included: PCM16 at 24 kHz after all gains, and
    the card's time at which its first sample is heard. It runs in the device's thread. `earcons`: what each sounds
    like; asked each time.
    """

    def __init__(
        self,
        card: SoundCard,
        settings: PlayoutSettings,
        post: Post,
        *,
        far_end: Callable[[bytes, float], None] | None = None,
        earcons: EarconChoice | None = None,
    ) -> None:
        self._post = post
        self._earcons = earcons or EarconChoice()
        self._far_end = far_end
        self._keeper = StreamKeeper(
            card,
            lambda on_stopped: card.open_output(
                settings.device, block_ms=settings.block_ms, callback=self._render, on_stopped=on_stopped
            ),
            patience_s=settings.lost_after_s,
            settle_s=SETTLE_S,
            on_ready=self._ready,
            on_lost=self._lost,
        )
        self._lock = threading.Lock()
        self._buffer = JitterBuffer(
            capacity=Samples(settings.longest_buffer_s * RATE),
            rebuffer=Ms(settings.rebuffer_ms),
            rebuffer_max=Ms(settings.rebuffer_max_ms),
            ducked_gain=10 ** (settings.duck_db / 20),
            volume=_gain(settings.volume),
        )
        self._clock = PlayoutClock()
        self._reports: list[Report] = []  # from the device's thread, until the loop has its turn
        self._device: str | None = None
        self._overflowing = False
        self._underruns_told = 0
        self._starved = 0
        self._rate = 0
        self._resampler = Resampler(RATE, RATE)
        self._surplus = b""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def hung_for_s(self) -> float:
        """How long the device has not answered, while it was to open or close."""
        return self._keeper.hung_for_s

    @property
    def underruns(self) -> int:
        """How often a reply ran dry before it was finished."""
        return self._buffer.underruns

    @property
    def starved(self) -> int:
        """How often the device ran dry, because its thread did not get the processor in time."""
        return self._starved

    def look_again(self) -> None:
        """The device may be there now. On the loop."""
        self._keeper.look_again()

    async def run(self) -> NoReturn:
        """Keep the loudspeaker open; posts SpeakerReady and SpeakerLost as it comes and goes."""
        self._loop = asyncio.get_running_loop()
        await self._keeper.run()

    def do(self, command: SpeakerCommand) -> None:
        """Carry out one order; returns at once. On the loop."""
        self._tell()
        match command:
            case Play():
                self._play(command)
            case FinishItem():
                self._finish(command)
            case Duck():
                with self._lock:
                    self._buffer.duck()
            case Unduck():
                with self._lock:
                    self._buffer.unduck()
            case FlushPlayout(items):
                with self._lock:
                    played = self._buffer.flush(items, fade=self._device is not None)
                    self._clock.forget(items)
                for item in items:
                    self._post(PlayoutFlushed(item, played[item]))
            case PlayEarcon(name):
                if name not in NOTES:
                    log.warning("speaker.unknown_earcon", name=name, known=sorted(NOTES))
                    return
                sound = self._earcons.sound(name)
                if sound and self._device is not None:  # hours later it would mean something else
                    with self._lock:
                        self._buffer.mix(sound)
            case SetVolume(percent):
                with self._lock:
                    self._buffer.set_volume(_gain(percent))
            case _:
                assert_never(command)

    def _play(self, command: Play) -> None:
        with self._lock:
            accepted = self._buffer.play(command.item, command.pcm)
        if not accepted and not self._overflowing:
            log.warning("speaker.buffer_full", item=command.item, waiting_s=self._buffer.waiting // RATE)
        self._overflowing = not accepted

    def _finish(self, command: FinishItem) -> None:
        with self._lock:
            rendered = self._buffer.finish(command.item)
            reports = [] if rendered is None else self._clock.finished(command.item, rendered)
        for report in reports:
            self._post(report)

    def _ready(self, stream: Stream) -> None:
        self._device = stream.device_name
        log.info("speaker.ready", device=stream.device_name, rate=stream.rate, latency_ms=round(stream.latency_s * 1e3))
        self._post(SpeakerReady(stream.device_name))

    def _lost(self, reason: str) -> None:
        self._device = None
        with self._lock:
            self._reports += self._clock.due(float("inf"))
        self._tell()
        log.warning("speaker.lost", reason=reason)
        self._post(SpeakerLost(reason))

    def _tell(self) -> None:
        """Post what the device's thread found out, before anything that an order brings about."""
        with self._lock:
            reports, self._reports = self._reports, []
            underruns = self._buffer.underruns
        for report in reports:
            self._post(report)
        if underruns > self._underruns_told:
            log.warning("speaker.underrun", count=underruns)
        self._underruns_told = underruns

    def _render(self, wanted: int, time: BlockTime, underflowed: bool) -> bytes:
        """One block for the device, in its thread."""
        self._keeper.alive(time.now)
        with self._lock:
            if time.rate != self._rate:
                self._rate, self._resampler, self._surplus = time.rate, Resampler(RATE, time.rate), b""
            ready = samples_of(self._surplus)
            heard_at = time.edge + ready / time.rate + self._resampler.delay_s
            block = self._buffer.render(self._resampler.needed(wanted - ready))
            self._clock.handed(block.spans, heard_at)
            first_news = not self._reports
            self._reports += self._clock.due(time.now)
            news = first_news and bool(self._reports)
        if self._far_end is not None:
            self._far_end(block.pcm, heard_at)
        self._starved += underflowed
        if news:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._tell)
        sound = self._surplus + self._resampler.process(block.pcm)
        self._surplus = sound[wanted * SAMPLE_BYTES :]
        return sound[: wanted * SAMPLE_BYTES]


def _gain(percent: int) -> float:
    """Cubic, as PulseAudio's software volume: 50 % is -18 dB, and equal steps sound equal."""
    return (percent / 100) ** 3
