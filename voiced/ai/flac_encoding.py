"""PCM into one FLAC, through the libraries of FFmpeg, where the extra voiced[video] is installed."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from voiced import installing
from voiced.ai.wav_file import PcmFormat
from voiced.errors import ApiDenied

_LAYOUTS: Final = {1: "mono", 2: "stereo"}

_HIGHEST_RATE: Final = 48_000

_AT_ONCE: Final = 2**16
"""Samples that are encoded before another thread may go on."""


def load() -> None:
    """Import the encoder now. Blocks for the disk. Raises ApiDenied where it is not installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise ApiDenied(
            f"speech: a FLAC of a long text is put together by PyAV, which is not there ({error}): "
            f"{installing.an_extra('video')}, or use wav, or mp3",
            cause="settings",
        ) from error


def takes(format_: PcmFormat) -> bool:
    """Whether it encodes such sound."""
    whole = format_.bits == 16 and not format_.floating
    return whole and format_.channels in _LAYOUTS and 0 < format_.rate <= _HIGHEST_RATE


class FlacEncoder:
    """Feed it samples of 16 bits as they come, in a thread: five minutes of them take 0.3 s. `format`: how they lie."""

    def __init__(self, format_: PcmFormat) -> None:
        from av.audio.codeccontext import AudioCodecContext

        encoder = AudioCodecContext.create("flac", "w")
        assert isinstance(encoder, AudioCodecContext)
        encoder.sample_rate, encoder.layout, encoder.format = format_.rate, _LAYOUTS[format_.channels], "s16"
        encoder.time_base = Fraction(1, format_.rate)
        encoder.open()
        self.format = format_
        self._encoder = encoder
        self._begun = False

    def feed(self, pcm: bytes) -> bytes:
        """What can be given on; the first of it begins with the header, which knows no length."""
        import numpy as np
        from av import AudioFrame

        found = [] if self._begun else [self.header]
        self._begun = True
        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        step = _AT_ONCE * self.format.channels
        for at in range(0, samples.shape[1], step):
            frame = AudioFrame.from_ndarray(samples[:, at : at + step], "s16", _LAYOUTS[self.format.channels])
            frame.sample_rate = self.format.rate
            found += map(bytes, self._encoder.encode(frame))
        return b"".join(found)

    def end(self) -> bytes:
        """What is left."""
        return b"".join(map(bytes, self._encoder.encode(None)))

    @property
    def header(self) -> bytes:
        """As it is known; at the end it tells how long the sound is."""
        about = self._encoder.extradata or b""
        return b"fLaC\x80" + len(about).to_bytes(3, "big") + about
