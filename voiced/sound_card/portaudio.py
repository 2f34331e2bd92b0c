"""PortAudio, through sounddevice, which is imported on first use."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import numpy as np
import structlog

from voiced.errors import AudioError, DeviceFailed, DeviceNotFound, PortAudioMissing
from voiced.sound_card.choice import NOUN, choose
from voiced.sound_card.port import BlockTime, CaptureCallback, Device, Direction, PlayCallback

RATES: Final = (48_000, 24_000, 16_000, 44_100, 32_000, 96_000)
"""Hz, in the order in which they are tried. A device's "default rate" comes after them: PortAudio's ALSA names
44.1 kHz for whatever can do it, and 48 kHz is what codecs run at and the cheapest to resample."""

BELIEVABLE_LATENCY_S: Final = 2.0
"""Some drivers leave the converter's time 0; beyond this the stream's nominal latency is used instead."""

_lock: Final = threading.RLock()
_open: Final[list[_PortAudioStream]] = []
"""PortAudio is one per process, whatever number of cards: it must not be entered twice, and a rescan hits all."""

log = structlog.get_logger(__name__)


class PortAudioCard:
    """The machine's sound devices. Thread-safe; everything but `time` may block for some 100 ms."""

    def __init__(self, rates: Sequence[int] = RATES) -> None:
        self._rates = tuple(rates)

    def time(self) -> float:
        """`time.monotonic()`, which is asyncio's clock too."""
        return time.monotonic()

    def devices(self) -> list[Device]:
        """All devices that PortAudio found at its last look. Raises PortAudioMissing, DeviceFailed."""
        sd = _sounddevice()
        with _lock:
            try:
                apis = [api["name"] for api in sd.query_hostapis()]
                return [_device(found, apis) for found in sd.query_devices()]
            except sd.PortAudioError as error:
                raise DeviceFailed(f"PortAudio lists no devices ({error}); it is started again later") from error

    def rescan(self) -> None:
        """Make PortAudio look again, which it does only when it starts: open streams are closed and opened again.

        A stream that can't be opened again tells its `on_stopped`. Raises PortAudioMissing, DeviceFailed.
        """
        sd = _sounddevice()
        with _lock, _hushed():
            interrupted = list(_open)
            for stream in interrupted:
                stream.stop()
            try:
                if sd._initialized:  # it is not where the last attempt failed
                    sd._terminate()
                sd._initialize()
            except sd.PortAudioError as error:
                for stream in interrupted:
                    stream.lost("PortAudio does not start")
                raise DeviceFailed(f"PortAudio does not start ({error}); it is tried again later") from error
            for stream in interrupted:
                try:
                    stream.start()
                except AudioError as error:
                    stream.lost(str(error))

    def open_input(
        self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: Callable[[], None]
    ) -> _PortAudioStream:
        """Open and start a microphone, in mono, at the first of `rates` that it has.

        A device with two channels only is mixed. Raises PortAudioMissing, DeviceNotFound, DeviceFailed.
        """
        stream = _PortAudioStream(self, "input", name, self._rates, block_ms, on_stopped, capture=callback)
        stream.open()
        return stream

    def open_output(
        self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: Callable[[], None]
    ) -> _PortAudioStream:
        """Open and start a loudspeaker, as `open_input`; two channels get the same."""
        stream = _PortAudioStream(self, "output", name, self._rates, block_ms, on_stopped, play=callback)
        stream.open()
        return stream


class _PortAudioStream:
    """One microphone or loudspeaker. `start` and `stop` are for a rescan, with the lock held."""

    def __init__(
        self,
        card: PortAudioCard,
        direction: Direction,
        name: str,
        rates: Sequence[int],
        block_ms: int,
        on_stopped: Callable[[], None],
        *,
        capture: CaptureCallback | None = None,
        play: PlayCallback | None = None,
    ) -> None:
        self._card = card
        self._direction = direction
        self._name = name
        self._rates = rates
        self._block_ms = block_ms
        self.on_stopped = on_stopped
        self._capture = capture
        self._play = play
        self._raw: Any = None
        self._stopping = False
        self.rate = 0
        self.latency_s = 0.0
        self.device_name = name

    def open(self) -> None:
        """Start it, and go on through rescans until `close`."""
        with _lock, _hushed():
            self.start()
            _open.append(self)

    def close(self) -> None:
        """Stop it and let the device go."""
        with _lock:
            if self in _open:
                _open.remove(self)
                with _hushed():
                    self.stop()

    def start(self) -> None:
        """Open at the first rate and channel count that work. Raises what `open_input` raises."""
        sd = _sounddevice()
        device = self._found(sd)
        tried = list(dict.fromkeys((*self._rates, device.default_rate)))
        refusal: Exception | None = None
        for rate in tried:
            for channels in (1, 2)[: device.channels(self._direction)]:
                try:
                    self._run(sd, device, rate, channels)
                except sd.PortAudioError as error:
                    refusal = error
                else:
                    return
        raise DeviceFailed(
            f"{NOUN[self._direction]} {device.name!r} does not open at {', '.join(map(str, tried))} Hz "
            f"({refusal}): is another program holding it?"
        )

    def lost(self, reason: str) -> None:
        """It did not survive a rescan."""
        log.warning("sound_card.lost_in_rescan", device=self.device_name, reason=reason)
        _open.remove(self)
        self.on_stopped()

    def stop(self) -> None:
        """Close at once; what the device still holds is lost, some 20 ms."""
        self._stopping = True
        if self._raw is not None:
            self._raw.abort()
            self._raw.close()
            self._raw = None

    def _found(self, sd: ModuleType) -> Device:
        if self._name:
            return choose(self._card.devices(), self._name, self._direction)
        try:
            found = sd.query_devices(None, self._direction)
        except (sd.PortAudioError, ValueError) as error:
            raise DeviceNotFound(f"there is no default {NOUN[self._direction]}: is one plugged in?") from error
        return _device(found, [api["name"] for api in sd.query_hostapis()])

    def _run(self, sd: ModuleType, device: Device, rate: int, channels: int) -> None:
        kind = sd.RawInputStream if self._direction == "input" else sd.RawOutputStream
        raw = kind(
            samplerate=rate,
            blocksize=rate * self._block_ms // 1000,
            device=device.index,
            channels=channels,
            dtype="int16",
            latency="low",  # a number here makes PortAudio hand over several blocks in one burst
            callback=self._captured(rate, channels) if self._direction == "input" else self._wanted(rate, channels),
            finished_callback=self._finished,
        )
        self.rate, self.latency_s, self.device_name = rate, float(raw.latency), device.name
        self._stopping = False
        try:
            raw.start()
        except sd.PortAudioError:
            raw.close()
            raise
        self._raw = raw

    def _captured(self, rate: int, channels: int) -> Callable[..., None]:
        deliver = self._capture
        assert deliver is not None

        def callback(block: Any, samples: int, times: Any, status: Any) -> None:
            pcm = bytes(block)
            if channels > 1:
                pcm = np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1).astype("<i2").tobytes()
            age = times.currentTime - times.inputBufferAdcTime
            if not 0 < age < BELIEVABLE_LATENCY_S:
                age = self.latency_s + samples / rate
            now = time.monotonic()
            deliver(pcm, BlockTime(now, now - age, rate), bool(status.input_overflow))

        return callback

    def _wanted(self, rate: int, channels: int) -> Callable[..., None]:
        render = self._play
        assert render is not None

        def callback(block: Any, samples: int, times: Any, status: Any) -> None:
            ahead = times.outputBufferDacTime - times.currentTime
            if not 0 < ahead < BELIEVABLE_LATENCY_S:
                ahead = self.latency_s
            now = time.monotonic()
            pcm = render(samples, BlockTime(now, now + ahead, rate), bool(status.output_underflow))
            block[:] = pcm if channels == 1 else np.frombuffer(pcm, "<i2").repeat(channels).tobytes()

        return callback

    def _finished(self) -> None:
        if not self._stopping:
            self.on_stopped()


def _device(found: Any, apis: Sequence[str]) -> Device:
    return Device(
        name=found["name"],
        host_api=apis[found["hostapi"]],
        index=found["index"],
        max_input_channels=found["max_input_channels"],
        max_output_channels=found["max_output_channels"],
        default_rate=int(found["default_samplerate"]),
    )


@functools.cache
def _hush_alsa() -> object:
    """Have ALSA write no text among the lines of the log while streams run, as it does at every underrun.

    Nothing is lost: underruns are counted there, and what ends a stream is told with it. Gives what must live as long
    as ALSA; None where there is none.
    """
    try:
        alsa = ctypes.CDLL("libasound.so.2")
    except OSError:
        return None
    text, number = ctypes.c_void_p, ctypes.c_int
    silent = ctypes.CFUNCTYPE(None, text, number, text, number, text)(lambda *_: None)
    alsa.snd_lib_error_set_handler(silent)
    return silent


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what ALSA and PortAudio write to descriptor 2 out of the log, which has one of its own. With the lock held.

    It is some hundred lines for a device that does not open; what is in them for people is in the error that is raised.
    """
    try:
        kept = os.dup(2)
    except OSError:  # closed: then nobody reads it
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _sounddevice() -> ModuleType:
    try:
        with _lock:  # a thread that waits for another's import which fails gets half a module, and no error
            import sounddevice

            _hush_alsa()
    except OSError as error:  # sounddevice is a wheel; the library that it loads is not
        raise PortAudioMissing(
            "PortAudio is not installed: sudo apt-get install libportaudio2 (Debian, Ubuntu, Raspberry Pi OS), "
            "sudo dnf install portaudio (Fedora), sudo pacman -S portaudio (Arch)"
        ) from error
    module: ModuleType = sounddevice
    return module
