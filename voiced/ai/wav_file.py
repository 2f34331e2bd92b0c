"""WAV files: the sound in one, read from its beginning to its end, and the header of a new one."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO, Final

UNKNOWN_SIZE: Final = 0xFFFFFFFF
"""What a header says before anybody knows how long the sound will be."""

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_BITS: Final = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
_FROM_HERE_NOBODY_KNOWS: Final = 0x7FFFFF00
"""Sizes that some who stream write are a little below the greatest number that a signed one can be."""


class NoWav(Exception):
    """The file is no WAV, or one without sound in it; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How samples lie. `floating`: between -1 and 1. `chunk`: what the header of a WAV says of it, as it is."""

    channels: int
    rate: int
    bits: int
    floating: bool = False
    chunk: bytes = field(default=b"", repr=False)

    @property
    def block(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8

    @property
    def bytes_per_s(self) -> int:
        return self.block * self.rate

    def header(self, size: int) -> bytes:
        """What stands before `size` bytes of sound; `UNKNOWN_SIZE` where that is not known yet."""
        coding = _FLOAT if self.floating else _PCM
        chunk = self.chunk or struct.pack(
            "<HHIIHH", coding, self.channels, self.rate, self.bytes_per_s, self.block, self.bits
        )
        fmt = struct.pack("<4sI", b"fmt ", len(chunk)) + chunk
        riff = min(4 + len(fmt) + 8 + size + size % 2, UNKNOWN_SIZE)
        return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + fmt + struct.pack("<4sI", b"data", size)


@dataclass(frozen=True, slots=True)
class WavHeader:
    """`format`: None of sound that is coded, such as µ-law. `start`: where the sound begins. `size`: its bytes, None
    where the header does not say.
    """

    format: PcmFormat | None
    start: int
    size: int | None


def read_header(data: bytes) -> WavHeader | None:
    """What the first bytes of a file say; None where more of it is needed. Raises NoWav."""
    if len(data) < 12:
        return None
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise NoWav("it is none")
    at, chunk, long_size = 12, b"", None
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"data":
            if not chunk:
                raise NoWav("its sound comes before its format")
            known = long_size if size == UNKNOWN_SIZE else size
            streamed = known is None or (long_size is None and (not known or known >= _FROM_HERE_NOBODY_KNOWS))
            return WavHeader(_format(chunk), at, None if streamed else known)
        if at + size > len(data):
            return None
        if name == b"fmt ":
            chunk = data[at : at + size]
        elif name == b"ds64" and size >= 16:
            (long_size,) = struct.unpack_from("<Q", data, at + 8)
        at += size + size % 2
    return None


class WavFile:
    """The sound of an open file with this header; `size`: bytes of whole samples that are there."""

    def __init__(self, file: BinaryIO, format_: PcmFormat, header: WavHeader) -> None:
        there = file.seek(0, os.SEEK_END) - header.start
        size = there if header.size is None else min(there, header.size)
        self.format = format_
        self.size = max(0, size) // format_.block * format_.block
        self._file = file
        self._left = self.size
        file.seek(header.start)

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer at the end. Raises OSError."""
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


def _format(chunk: bytes) -> PcmFormat | None:
    if len(chunk) < 16:
        raise NoWav("its format is cut off")
    coding, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        (coding,) = struct.unpack_from("<H", chunk, 24)
    if not 1 <= channels <= 64 or not 1000 <= rate <= 768_000:
        raise NoWav(f"it says that it has {channels} channels at {rate} Hz")
    if bits not in _BITS.get(coding, ()) or block != channels * bits // 8:
        return None
    return PcmFormat(channels, rate, bits, coding == _FLOAT, chunk)
