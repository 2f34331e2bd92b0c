"""The microphone: from blocks of a device to frames for the conversation."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NoReturn, assert_never

import structlog

from voiced.audio import FRAME_BYTES, FRAME_MS, RATE, SAMPLE_BYTES, Frame, samples_of
from voiced.capture.echo import EchoControl
from voiced.capture.level import SILENCE_DBFS, rms_dbfs
from voiced.capture.settings import CaptureSettings
from voiced.capture.vad import Vad
from voiced.conversation.commands import CloseMicrophone, MicrophoneCommand, OpenMicrophone
from voiced.conversation.events import FrameCaptured, MicrophoneLost, MicrophoneReady, WakeWordHeard
from voiced.ports import Post
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, SoundCard, Stream, StreamKeeper

if TYPE_CHECKING:  # few listen for one
    from voiced.capture.wake_word import WakeWord

BACKLOG_MS: Final = 1000
"""Sound that may wait for a loop that is late. Older blocks are dropped: who speaks now matters more."""

MUTED_AFTER: Final = 10_000 // FRAME_MS
"""Frames of digital zero, 10 s of them, after which a switch is the likeliest cause: converters have noise."""

log = structlog.get_logger(__name__)


class Microphone:
    """Posts FrameCaptured every 20 ms, WakeWordHeard after the frame that decided it where there is a `wake`,
    MicrophoneReady and MicrophoneLost; `run()` until cancelled.

    The device's thread only hands its blocks over. The loop resamples them to 24 kHz, cuts frames, takes the echo out
    and asks the VAD: 0.15 ms per frame, 0.5 ms with echo cancellation (x86-64).
    """

    def __init__(
        self,
        card: SoundCard,
        settings: CaptureSettings,
        post: Post,
        *,
        echo: EchoControl,
        wake: WakeWord | None = None,
    ) -> None:
        self._post = post
        self._echo = echo
        self._wake = wake
        self._vad = Vad(settings)
        self._keeper = StreamKeeper(
            card,
            lambda on_stopped: card.open_input(
                settings.device, block_ms=settings.block_ms, callback=self._captured, on_stopped=on_stopped
            ),
            patience_s=settings.lost_after_s,
            on_ready=self._ready,
            on_lost=self._lost,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[tuple[bytes, BlockTime]] = deque(maxlen=max(2, BACKLOG_MS // settings.block_ms))
        self._expected = False  # the loop was asked to look at what arrived
        self._listening = False
        self._closed = False
        self._overruns = 0
        self._overruns_told = 0
        self._resampler = Resampler(RATE, RATE)
        self._rate = RATE
        self._rest = bytearray()  # less than a frame
        self._zero_frames = 0
        self._level_dbfs = SILENCE_DBFS

    @property
    def level_dbfs(self) -> float:
        """How loud the last frame was, the echo taken out; -100 where the microphone is closed or gone."""
        return self._level_dbfs if self._listening else SILENCE_DBFS

    @property
    def hung_for_s(self) -> float:
        """How long the device has not answered, while it was to open or close."""
        return self._keeper.hung_for_s

    @property
    def overruns(self) -> int:
        """Blocks that were lost: the loop was too late for them, or the device's thread was."""
        return self._overruns

    def look_again(self) -> None:
        """The device may be there now. On the loop."""
        self._keeper.look_again()

    async def run(self) -> NoReturn:
        """Keep the microphone open."""
        self._loop = asyncio.get_running_loop()
        await self._keeper.run()

    def do(self, command: MicrophoneCommand) -> None:
        """Open or close the device; returns at once. On the loop."""
        match command:
            case CloseMicrophone():
                self._closed = True
                self._forget()
                self._keeper.close()
            case OpenMicrophone():
                self._arrived.clear()  # the device's last blocks before it closed
                self._closed = False
                self._keeper.open()
            case _:
                assert_never(command)

    def _captured(self, pcm: bytes, time: BlockTime, overflowed: bool) -> None:
        """In the device's thread."""
        if self._closed:
            return
        self._overruns += overflowed + (len(self._arrived) == self._arrived.maxlen)
        self._arrived.append((pcm, time))
        self._keeper.alive(time.now)
        if not self._expected:  # a loop that is late is asked once, not once for each block
            self._expected = True
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._work)

    def _ready(self, stream: Stream) -> None:
        log.info(
            "microphone.ready", device=stream.device_name, rate=stream.rate, latency_ms=round(stream.latency_s * 1e3)
        )
        self._listening = True
        self._post(MicrophoneReady(stream.device_name))
        self._work()

    def _lost(self, reason: str) -> None:
        if self._closed:
            return
        log.warning("microphone.lost", reason=reason)
        self._forget()
        self._post(MicrophoneLost(reason))

    def _forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._listening = False
        self._rest.clear()
        self._resampler.reset()
        self._zero_frames = 0
        if self._wake is not None:
            self._wake.forget()

    def _work(self) -> None:
        """Make frames of what arrived, on the loop."""
        self._expected = False  # before looking: what arrives from here on asks again
        if not self._listening:
            return
        if self._overruns > self._overruns_told:
            log.warning("microphone.overrun", blocks=self._overruns - self._overruns_told, total=self._overruns)
            self._overruns_told = self._overruns
        while self._arrived:
            self._cut(*self._arrived.popleft())

    def _cut(self, pcm: bytes, time: BlockTime) -> None:
        if time.rate != self._rate:
            self._rate, self._resampler = time.rate, Resampler(time.rate, RATE)
        captured_at = time.edge + samples_of(pcm) / time.rate - self._resampler.delay_s
        self._rest += self._resampler.process(pcm)
        while len(self._rest) >= FRAME_BYTES:
            frame = bytes(self._rest[:FRAME_BYTES])
            del self._rest[:FRAME_BYTES]
            self._heard(frame, captured_at - len(self._rest) / SAMPLE_BYTES / RATE)

    def _heard(self, pcm: bytes, captured_at: float) -> None:
        self._notice_mute(pcm)
        clean = self._echo.near_end(pcm, captured_at)
        self._level_dbfs = rms_dbfs(clean)
        speech = self._vad.speech(clean)
        self._post(FrameCaptured(Frame(clean, speech, captured_at)))
        if self._wake is not None and (word := self._wake.near_end(clean, speech, captured_at)):
            self._post(WakeWordHeard(word))

    def _notice_mute(self, pcm: bytes) -> None:
        self._zero_frames = 0 if any(pcm) else self._zero_frames + 1
        if self._zero_frames == MUTED_AFTER:
            log.warning("microphone.silent", reason="only digital silence for 10 s: is it muted by a switch?")
