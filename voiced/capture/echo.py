"""Keep the assistant's own voice out of what the microphone hears."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any, Final, Protocol

import structlog

from voiced import installing
from voiced.audio import FRAME_MS, RATE, SAMPLE_BYTES, samples_of, to_samples
from voiced.capture.level import rms_dbfs
from voiced.capture.settings import CaptureSettings
from voiced.errors import ConfigError

STEP_BYTES: Final = to_samples(10) * SAMPLE_BYTES
"""The WebRTC module works on 10 ms."""

FAR_END_BLOCKS: Final = 100
"""Blocks of the loudspeaker that may wait for the loop, 1 s of 10 ms ones: the oldest are lost beyond that. The
canceller bears bursts of 200 ms; what comes later it would have to learn anew anyway."""

CUT_S: Final = 0.04
"""Sound that goes on so much later than expected was cut: a device ran dry, or over. Less is jitter."""

SETTLES: Final = 0.01
"""Per block, how far the time that is expected follows a device that is early: its clock is not ours, and of a burst
all blocks may claim the same time."""

UNSURE_FRAMES: Final = 3
"""A canceller that has just begun lets the echo through for 60 ms."""

AUDIBLE_DBFS: Final = -60.0
"""A far end below this is no echo that a VAD would notice."""

log = structlog.get_logger(__name__)


class EchoControl(Protocol):
    """Between loudspeaker and microphone."""

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """What goes out (PCM16, 24 kHz, any length), and when its first sample is heard. In the device's thread."""

    def near_end(self, pcm: bytes, captured_at: float) -> bytes:
        """One frame of the microphone, and when its last sample was captured -> the frame without echo."""


def echo_control(settings: CaptureSettings) -> EchoControl:
    """What `capture.echo` asks for. Raises ConfigError where it is "cancel" and that is not installed."""
    match settings.echo:
        case "off":
            return NoEchoControl()
        case "half-duplex":
            return HalfDuplex(settings.echo_tail_ms)
        case "cancel":
            return Canceller()
        case "auto":
            try:
                return Canceller()
            except ConfigError as error:
                log.info("echo.half_duplex", reason=str(error))
                return HalfDuplex(settings.echo_tail_ms)


class NoEchoControl:
    """For headsets, and microphones that cancel echo themselves."""

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """Not needed."""

    def near_end(self, pcm: bytes, captured_at: float) -> bytes:
        """The frame as it is."""
        return pcm


class HalfDuplex:
    """Silence in place of every frame in which the assistant was audible, or the room still rang (`tail_ms`).

    A frame that began after that is untouched, so nobody is cut off while nothing plays; but the assistant can't be
    interrupted by voice, and an earcon hides what is said at the same moment. The blocks' own times are compared,
    not their arrival, so that latency needs no margin.
    """

    def __init__(self, tail_ms: int) -> None:
        self._tail_s = tail_ms / 1000
        self._arrived: deque[tuple[float, float]] = deque(maxlen=FAR_END_BLOCKS)
        self._ringing: deque[tuple[float, float]] = deque()  # (from, until), apart; the past ones are dropped

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """Note when a block is audible."""
        if rms_dbfs(pcm) > AUDIBLE_DBFS:
            self._arrived.append((heard_at, heard_at + samples_of(pcm) / RATE + self._tail_s))

    def near_end(self, pcm: bytes, captured_at: float) -> bytes:
        """The frame, or silence."""
        while self._arrived:
            start, until = self._arrived.popleft()
            if self._ringing and start <= self._ringing[-1][1]:
                start = self._ringing.pop()[0]
            self._ringing.append((start, until))
        while self._ringing and self._ringing[0][1] <= captured_at - FRAME_MS / 1000:
            self._ringing.popleft()
        if self._ringing and self._ringing[0][0] < captured_at:
            return bytes(len(pcm))
        return pcm


class Canceller:
    """WebRTC's AEC3, by way of livekit's wheel. It finds the delay of the echo itself, up to 480 ms.

    As in a browser, the far end goes in as it comes from the loudspeaker's thread, ahead of the next microphone
    frame. Where either end was cut, the echo comes at another time from then on: AEC3 lets it through for seconds while
    it searches, whereas a new one is careful until it has found it. So it begins anew there. Raises ConfigError where
    livekit is not installed.
    """

    def __init__(self) -> None:
        try:
            from livekit import rtc
        except (ImportError, OSError) as error:  # OSError: a wheel whose library does not load here
            raise ConfigError(
                f'echo cancellation is not installed: {installing.an_extra("echo")} (or capture.echo = "half-duplex")'
            ) from error
        self._audio_frame = rtc.AudioFrame
        self._begin = partial(rtc.AudioProcessingModule, echo_cancellation=True, high_pass_filter=True)
        self._module = self._begin()
        self._arrived: deque[tuple[bytes, float]] = deque(maxlen=FAR_END_BLOCKS)
        self._loudspeaker, self._microphone = _Flow(), _Flow()
        self._unsure = 0  # frames
        self._far_end = bytearray()

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """Hand over to the loop."""
        self._arrived.append((pcm, heard_at))

    def near_end(self, pcm: bytes, captured_at: float) -> bytes:
        """The frame with the echo taken out: 0.4 ms of work per 20 ms."""
        if self._microphone.is_cut(captured_at):
            self._begin_anew("microphone")
        self._microphone.goes_on(captured_at, pcm)
        self._take(captured_at)
        while len(self._far_end) >= STEP_BYTES:
            self._module.process_reverse_stream(self._frame(self._far_end[:STEP_BYTES]))
            del self._far_end[:STEP_BYTES]
        clean = b"".join(self._without_echo(pcm[at : at + STEP_BYTES]) for at in range(0, len(pcm), STEP_BYTES))
        if self._unsure:
            self._unsure -= 1
            return bytes(len(pcm))
        return clean

    def _take(self, captured_at: float) -> None:
        """What arrived; but what follows a cut waits until the microphone captures what is heard then."""
        while self._arrived:
            pcm, heard_at = self._arrived[0]
            if self._loudspeaker.is_cut(heard_at):
                if heard_at > captured_at + FRAME_MS / 1000:
                    return
                self._begin_anew("loudspeaker")
            self._loudspeaker.goes_on(heard_at, pcm)
            self._far_end += pcm
            self._arrived.popleft()

    def _begin_anew(self, cut: str) -> None:
        log.debug("echo.begins_anew", cut=cut)
        self._module, self._unsure = self._begin(), UNSURE_FRAMES
        self._far_end.clear()

    def _without_echo(self, pcm: bytes) -> bytes:
        frame = self._frame(bytearray(pcm))
        self._module.process_stream(frame)
        return bytes(frame.data)

    def _frame(self, pcm: bytearray) -> Any:
        return self._audio_frame(pcm, RATE, 1, len(pcm) // SAMPLE_BYTES)


class _Flow:
    """Sound block by block, and when the next one is expected."""

    def __init__(self) -> None:
        self._expected_at: float | None = None

    def is_cut(self, at: float) -> bool:
        """Whether something is missing before a block at that time."""
        return self._expected_at is not None and at - self._expected_at > CUT_S

    def goes_on(self, at: float, pcm: bytes) -> None:
        """This block comes next."""
        early = 0.0 if self._expected_at is None else max(0.0, self._expected_at - at)
        self._expected_at = at + samples_of(pcm) / RATE + early * (1 - SETTLES)
