"""Coded sound as PCM, through the libraries of FFmpeg, where the extra voiced[video] is installed."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Generator
from typing import Final

from voiced.ai.sound_file import EncodedFile
from voiced.ai.wav_file import PcmFormat
from voiced.errors import RequestRejected

RATE: Final = 16_000
"""Hz that recognition works at anyway."""


def can_decode() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("av") is not None


class Decoded:
    """The sound of a coded file, mono at `RATE`, decoded as it is read. Blocks. Raises RequestRejected.

    `size`: bytes in all as the file tells, which may be wrong; 0 where it does not.
    """

    format: Final = PcmFormat(1, RATE, 16)

    def __init__(self, file: EncodedFile, what: str) -> None:
        import av

        self._name, self._what = file.name, what
        source = io.BytesIO(file.source) if isinstance(file.source, bytes) else str(file.source)
        try:
            self._container = av.open(source, "r")
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error
        if not self._container.streams.audio:
            self._container.close()
            raise RequestRejected(f"{what}: {file.name} has no sound in it")
        duration = self._container.duration or 0  # in microseconds
        self.size = duration * self.format.bytes_per_s // 1_000_000
        self._decoded = self._pcm()
        self._held = bytearray()

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only at the end."""
        while len(self._held) < count and (data := next(self._decoded, None)) is not None:
            self._held += data
        found = bytes(self._held[:count])
        del self._held[:count]
        return found

    def close(self) -> None:
        self._decoded.close()
        self._container.close()

    def _pcm(self) -> Generator[bytes]:
        import av

        resampler = av.AudioResampler(format="s16", layout="mono", rate=self.format.rate)
        try:
            for frame in self._container.decode(audio=0):
                for each in resampler.resample(frame):
                    yield each.to_ndarray().tobytes()
            for each in resampler.resample(None):
                yield each.to_ndarray().tobytes()
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> RequestRejected:
        return RequestRejected(f"{self._what}: {self._name} can't be decoded ({type(error).__name__})")
