"""Audio that the client appended and nobody committed yet."""

from __future__ import annotations

from typing import Final

from voiced.testing.loopback.coded_audio import BYTES_PER_MS
from voiced.testing.loopback.rejection import Rejection

MIN_COMMIT_MS: Final = 100

MAX_MS: Final = 600_000
"""Ten minutes, 29 MB; five were accepted by the real server. The oldest audio goes first."""


class InputBuffer:
    """PCM16 at 24 kHz; all positions are milliseconds from the start of the session's audio."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._start = 0
        """Bytes of the session's audio before `_pcm`."""

    @property
    def start_ms(self) -> int:
        return self._start // BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        return (self._start + len(self._pcm)) // BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._drop(len(self._pcm) - MAX_MS * BYTES_PER_MS)

    def clear(self) -> None:
        self._drop(len(self._pcm))

    def take(self, from_ms: int, until_ms: int) -> bytes:
        """The audio between two positions; it and all before it leave the buffer."""
        first = max(0, from_ms * BYTES_PER_MS - self._start)
        last = max(first, until_ms * BYTES_PER_MS - self._start)
        pcm = bytes(self._pcm[first:last])
        self._drop(last)
        return pcm

    def take_all(self) -> bytes:
        """Everything. Raises `Rejection` below `MIN_COMMIT_MS`."""
        held = len(self._pcm) / BYTES_PER_MS
        if held < MIN_COMMIT_MS:
            raise Rejection(
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS}ms of audio, but buffer only has {held:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        pcm = bytes(self._pcm)
        self.clear()
        return pcm

    def _drop(self, count: int) -> None:
        count = max(0, min(count, len(self._pcm)))
        del self._pcm[:count]
        self._start += count
