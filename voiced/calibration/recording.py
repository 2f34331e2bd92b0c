"""Plays a sound and records what the microphone hears of it, both on one clock."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.calibration.chirp import Signal
from voiced.errors import DeviceFailed
from voiced.resample import Resampler
from voiced.sound_card import BlockTime, SoundCard

BLOCK_MS: Final = 20
QUIET_S: Final = 1.2
"""Recorded before the sound, for the noise; devices need a moment to begin."""

TAIL_S: Final = 1.2
"""Recorded after it: Bluetooth is late by up to a third of a second, and rooms ring."""

PATIENCE_S: Final = 5.0


class Recorder:
    """One sound through a loudspeaker and a microphone. Blocks: not for an event loop."""

    def __init__(self, sound: Signal) -> None:
        pcm = np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
        self._sound = bytes(round(QUIET_S * RATE) * SAMPLE_BYTES) + pcm
        self._total_s = QUIET_S + sound.size / RATE + TAIL_S
        self._lock = threading.Lock()
        self._heard: list[bytes] = []
        self._heard_from: float | None = None
        self._sounds_from: float | None = None
        self._until = float("inf")
        self._rest: bytes | None = None
        self._into: Resampler | None = None
        self._over = threading.Event()
        self._unplugged = False
        self._gaps = 0

    def record(self, card: SoundCard, microphone: str, loudspeaker: str) -> tuple[Signal, float]:
        """What was heard, at 24 kHz, and in which sample of it the sound went out. Raises AudioError."""
        listening = card.open_input(microphone, block_ms=BLOCK_MS, callback=self._hear, on_stopped=self._stop)
        try:
            playing = card.open_output(loudspeaker, block_ms=BLOCK_MS, callback=self._play, on_stopped=self._stop)
            try:
                if not self._over.wait(self._total_s + PATIENCE_S):
                    raise DeviceFailed(self._what_is_missing(listening.device_name, playing.device_name))
            finally:
                playing.close()
        finally:
            listening.close()
        if self._unplugged:
            raise DeviceFailed("a device stopped while it was measured: was it unplugged? Plug it in and try again")
        if self._gaps:
            raise DeviceFailed("the sound had gaps: this machine is too busy; end other programs and try again")
        assert self._heard_from is not None and self._sounds_from is not None  # noqa: PT018  # both, or it was not over
        heard = np.frombuffer(b"".join(self._heard), "<i2").astype(np.float64) / 32768
        return heard, (self._sounds_from - self._heard_from) * RATE

    def _stop(self, reason: str = "") -> None:
        self._unplugged = True
        self._over.set()

    def _what_is_missing(self, microphone: str, loudspeaker: str) -> str:
        if self._sounds_from is None:
            return f"{loudspeaker} takes no sound: is another program using it? Unplug it and plug it in again"
        return f"{microphone} gives no sound: is another program using it? Unplug it and plug it in again"

    def _play(self, wanted: int, time: BlockTime, underflowed: bool) -> bytes:
        with self._lock:
            if self._rest is None:
                resampler = Resampler(RATE, time.rate)
                self._rest = resampler.process(self._sound)
                self._sounds_from = time.edge + QUIET_S + resampler.delay_s
            elif underflowed and self._rest:
                self._gaps += 1
            block, self._rest = self._rest[: wanted * SAMPLE_BYTES], self._rest[wanted * SAMPLE_BYTES :]
        return block.ljust(wanted * SAMPLE_BYTES, b"\0")

    def _hear(self, pcm: bytes, time: BlockTime, overflowed: bool) -> None:
        with self._lock:
            if self._into is None:
                self._into = Resampler(time.rate, RATE)
                self._heard_from = time.edge - self._into.delay_s
            elif overflowed:
                self._gaps += 1
            self._heard.append(self._into.process(pcm))
            if self._sounds_from is not None and time.edge > self._sounds_from - QUIET_S + self._total_s:
                self._over.set()
