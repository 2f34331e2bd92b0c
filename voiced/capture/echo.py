"""Keep the assistant's own voice out of what the microphone hears."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

import structlog

from voiced.audio import FRAME_MS, RATE, SAMPLE_BYTES, samples_of, to_samples
from voiced.capture.level import rms_dbfs
from voiced.capture.settings import CaptureSettings
from voiced.errors import ConfigError

STEP_BYTES: Final = to_samples(10) * SAMPLE_BYTES
"""The WebRTC module works on 10 ms."""

FAR_END_BLOCKS: Final = 100
"""Blocks of the loudspeaker that may wait for the loop, 1 s of 10 ms ones: the oldest are lost beyond that. The
canceller bears bursts of 200 ms; what comes later it would have to learn anew anyway."""

GAP_BYTES: Final = to_samples(100) * SAMPLE_BYTES
"""When the far end brought nothing for so long, it is no burst to come: silence takes its place."""

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
    frame. Raises ConfigError where livekit is not installed.
    """

    def __init__(self) -> None:
        try:
            from livekit import rtc
        except (ImportError, OSError) as error:  # OSError: a wheel whose library does not load here
            raise ConfigError(
                "echo cancellation is not installed: pip install 'voiced[echo]' (or capture.echo = \"half-duplex\")"
            ) from error
        self._audio_frame = rtc.AudioFrame
        self._module = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        self._arrived: deque[bytes] = deque(maxlen=FAR_END_BLOCKS)
        self._far_end = bytearray()
        self._missing = 0  # bytes of the near end since the far end's last

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """Hand over to the loop."""
        self._arrived.append(pcm)

    def near_end(self, pcm: bytes, captured_at: float) -> bytes:
        """The frame with the echo taken out: 0.4 ms of work per 20 ms."""
        self._fill_gap(len(pcm))
        while self._arrived:
            self._far_end += self._arrived.popleft()
        while len(self._far_end) >= STEP_BYTES:
            self._module.process_reverse_stream(self._frame(self._far_end[:STEP_BYTES]))
            del self._far_end[:STEP_BYTES]
        return b"".join(self._without_echo(pcm[at : at + STEP_BYTES]) for at in range(0, len(pcm), STEP_BYTES))

    def _fill_gap(self, near_bytes: int) -> None:
        """Where the loudspeaker stopped, keep both ends equally long, or the canceller must learn the delay anew."""
        if self._arrived:
            self._missing = 0
            return
        before, self._missing = self._missing, self._missing + near_bytes
        if self._missing >= GAP_BYTES:
            self._far_end += bytes(near_bytes if before >= GAP_BYTES else self._missing)

    def _without_echo(self, pcm: bytes) -> bytes:
        frame = self._frame(bytearray(pcm))
        self._module.process_stream(frame)
        return bytes(frame.data)

    def _frame(self, pcm: bytearray) -> Any:
        return self._audio_frame(pcm, RATE, 1, len(pcm) // SAMPLE_BYTES)
