"""A WAV file of any rate, width and number of channels as the sound that voiced plays."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from voiced.api import ToolError
from voiced.audio import RATE
from voiced.resample import Resampler

LONGEST_S: Final = 60
LONGEST_PIECE: Final = 2 * RATE
"""Bytes of a sound that comes in pieces: what plays can be stopped between two of them."""

RATES: Final = range(4_000, 192_001)
MOST_CHANNELS: Final = 32

_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE
"""The tag of files with more than 16 bits: what they hold stands further on."""

_WIDTHS: Final = (1, 2, 3, 4)

_NO_WAV: Final = "The sound can't be played: it is no WAV file."


@dataclass(frozen=True, slots=True)
class _Format:
    channels: int
    rate: int
    width: int
    """Bytes of one sample."""


def pcm_of(file: bytes) -> bytes:
    """PCM16, mono, 24 kHz. Raises ToolError. For a minute of sound it takes a second or so: in a thread, please."""
    kind, data = _parts(file)
    frame = kind.channels * kind.width
    frames = len(data) // frame
    if not frames:
        raise ToolError("The sound can't be played: there is none in the file.")
    if frames > LONGEST_S * kind.rate:
        raise ToolError(
            f"The sound can't be played: it lasts {math.ceil(frames / kind.rate)} s; "
            f"{LONGEST_S} s are allowed. Shorten it."
        )
    resampler = Resampler(kind.rate, RATE)
    second = frame * kind.rate
    pieces = (data[start : start + second] for start in range(0, frames * frame, second))
    return b"".join(resampler.process(_mono(piece[: len(piece) // frame * frame], kind)) for piece in pieces)


async def whole_samples(pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """PCM16 in pieces of any length, as pieces of whole samples that are not empty.

    Raises ToolError for no bytes, and for speech that says that it is coded: it would be a loud noise.
    """
    if (coded := getattr(pieces, "format", "pcm")) != "pcm":
        raise ToolError(f'The sound can\'t be played: it comes as {coded}. Ask for format="pcm".')
    rest = b""
    async for piece in pieces:
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise ToolError(f"The sound can't be played: a piece of it is {type(piece).__name__}, not bytes.")
        data = rest + bytes(piece)
        whole = len(data) // 2 * 2
        rest = data[whole:]
        for start in range(0, whole, LONGEST_PIECE):
            yield data[start : min(start + LONGEST_PIECE, whole)]


def _parts(file: bytes) -> tuple[_Format, memoryview]:
    """The format and the sound itself, as far as it is there: a file that was cut off is played to its end."""
    if not isinstance(file, bytes | bytearray) or file[:4] != b"RIFF" or file[8:12] != b"WAVE":
        raise ToolError(_NO_WAV)
    whole = memoryview(file)
    kind: _Format | None = None
    at = 12
    while at + 8 <= len(whole):
        name, length = struct.unpack_from("<4sI", whole, at)
        content = whole[at + 8 : at + 8 + length]
        if name == b"fmt ":
            kind = _format(bytes(content))
        elif name == b"data":
            if kind is None:
                break
            return kind, content
        at += 8 + length + length % 2
    raise ToolError(_NO_WAV)


def _format(content: bytes) -> _Format:
    if len(content) < 16:
        raise ToolError(_NO_WAV)
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", content)
    if tag == _EXTENSIBLE and len(content) >= 26:
        (tag,) = struct.unpack_from("<H", content, 24)
    width = block // channels if channels else 0
    if tag != _PCM:
        raise ToolError("The sound can't be played: it is compressed. Save it as WAV with PCM.")
    if width not in _WIDTHS or bits > 8 * width or block != width * channels:
        raise ToolError(f"The sound can't be played: it has {bits} bits a sample; save it with 8, 16, 24 or 32.")
    if rate not in RATES or channels > MOST_CHANNELS:
        raise ToolError(
            f"The sound can't be played: it has {channels} channels at {rate} Hz; save it as mono at {RATE} Hz."
        )
    return _Format(channels, rate, width)


def _mono(data: memoryview, kind: _Format) -> bytes:
    """The mean of the channels, PCM16."""
    samples = _samples(data, kind.width).reshape(-1, kind.channels)
    return bytes(np.rint(samples.mean(axis=1)).clip(-32768, 32767).astype("<i2"))


def _samples(data: memoryview, width: int) -> npt.NDArray[np.float64]:
    """In units of PCM16."""
    match width:
        case 1:
            return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256
        case 2:
            return np.frombuffer(data, "<i2").astype(np.float64)
        case 3:
            padded = np.zeros((len(data) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return padded.view("<i4").ravel() / 65536.0
        case _:
            return np.frombuffer(data, "<i4") / 65536.0
