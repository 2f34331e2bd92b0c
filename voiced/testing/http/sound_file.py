"""What is in a file that is to be transcribed: a WAV is read as strictly as any decoder does."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from voiced.testing.http.refusal import bad_request

FORMATS: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")

SHORTEST_S: Final = 0.1

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_MP3: Final = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa")
_MAGIC: Final[dict[str, tuple[bytes, ...]]] = {
    "flac": (b"fLaC",),
    "mp3": _MP3,
    "mpeg": _MP3,
    "mpga": _MP3,
    "oga": (b"OggS",),
    "ogg": (b"OggS",),
    "webm": (b"\x1aE\xdf\xa3",),
}


@dataclass(frozen=True, slots=True)
class SoundFile:
    """`pcm`: the sound of a WAV file as it is; empty for other formats, whose length is not known."""

    pcm: bytes = field(default=b"", repr=False)
    rate: int = 0
    channels: int = 0
    seconds: float = 0.0


def read(name: str | None, data: bytes) -> SoundFile:
    """What the file called `name` holds. Raises `Refusal`."""
    ending = (name or "").rpartition(".")[2].lower()
    if "." not in (name or "") or ending not in FORMATS:
        raise bad_request(f"Unrecognized file format. Supported formats: {list(FORMATS)}")
    if ending == "wav":
        found = _wav(data)
        if found.seconds < SHORTEST_S:
            message = f"Audio file is too short. Minimum audio length is {SHORTEST_S} seconds."
            raise bad_request(message, "file", "audio_too_short")
        return found
    known = _MAGIC.get(ending)
    if not (data.startswith(known) if known else data[4:8] == b"ftyp"):
        raise _corrupted(f"it is called .{ending} and is none")
    return SoundFile()


def _wav(data: bytes) -> SoundFile:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _corrupted("it is no RIFF WAVE")
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 != len(data):
        raise _corrupted(f"its header says {size + 8} bytes and it has {len(data)}")
    layout: tuple[int, int, int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        at += 8
        if at + length > len(data):
            raise _corrupted(f"its chunk {kind!r} says {length} bytes and {len(data) - at} are left")
        if kind == b"fmt ":
            if length < 16:
                raise _corrupted("its format is cut off")
            layout = struct.unpack_from("<HHIIHH", data, at)
        if kind == b"data":
            if layout is None:
                raise _corrupted("its sound comes before its format")
            return _sound(data[at : at + length], *layout)
        at += length + length % 2
    raise _corrupted("it has no sound")


def _sound(pcm: bytes, coding: int, channels: int, rate: int, byte_rate: int, block: int, bits: int) -> SoundFile:
    if coding not in (_PCM, _FLOAT, _EXTENSIBLE) or not 1 <= channels <= 8 or not 1000 <= rate <= 384_000:
        raise _corrupted(f"coding {coding}, {channels} channels, {rate} Hz")
    if bits not in (8, 16, 24, 32, 64) or block != channels * bits // 8 or byte_rate != rate * block:
        raise _corrupted(f"{bits} bits in blocks of {block}, {byte_rate} bytes a second")
    if len(pcm) % block:
        raise _corrupted(f"{len(pcm)} bytes of sound are no whole blocks of {block}")
    return SoundFile(pcm, rate, channels, len(pcm) / byte_rate)


def _corrupted(why: str) -> Exception:
    return bad_request(f"Audio file might be corrupted or unsupported ({why})", "file", "invalid_value")
