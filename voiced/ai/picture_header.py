"""What the first bytes of a picture tell of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

PictureKind = Literal["png", "jpeg", "webp", "gif"]


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """`width`, `height`: in pixels. `alpha`: whether parts of it can be transparent."""

    kind: PictureKind
    width: int
    height: int
    alpha: bool


def read_header(data: bytes) -> PictureHeader | None:
    """None for what is no PNG, JPEG, WEBP or GIF, or ends before its size is told.

    >>> read_header(b"GIF89a" + bytes([2, 0, 1, 0, 0, 0, 0]))
    PictureHeader(kind='gif', width=2, height=1, alpha=False)
    """
    found: PictureHeader | None
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            found = _png(data)
        elif data.startswith(b"\xff\xd8\xff"):
            found = _jpeg(data)
        elif data.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", data, 6)
            found = PictureHeader("gif", width, height, alpha=False)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            found = _webp(data)
        else:
            return None
    except struct.error:
        return None
    return found if found is not None and found.width > 0 and found.height > 0 else None


def _png(data: bytes) -> PictureHeader | None:
    """https://www.w3.org/TR/png-3/: IHDR comes first, and tRNS, where there is one, before the pixels."""
    length, kind, width, height, _, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if (length, kind) != (13, b"IHDR"):
        return None
    alpha = bool(colour & 4)
    at = 8 + 12 + length
    while not alpha and at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            break
        alpha = kind == b"tRNS"
        at += 12 + length
    return PictureHeader("png", width, height, alpha)


def _jpeg(data: bytes) -> PictureHeader | None:
    """ITU-T T.81, annex B: the size is in the first start of frame (SOF0 to SOF15, without DHT, JPG and DAC)."""
    at = 2
    while True:
        mark, code = struct.unpack_from(">BB", data, at)
        if mark != 0xFF:
            return None
        if code == 0xFF:  # a filling byte
            at += 1
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return PictureHeader("jpeg", width, height, alpha=False)
        elif code == 0xDA:  # the pixels begin
            return None
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _webp(data: bytes) -> PictureHeader | None:
    """RFC 9649: lossy, lossless or extended."""
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return PictureHeader("webp", width & 0x3FFF, height & 0x3FFF, alpha=False)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return PictureHeader("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=bool(bits >> 28 & 1))
        case b"VP8X":
            flags, size = struct.unpack_from("<B3x6s", data, 20)
            width, height = (int.from_bytes(part, "little") + 1 for part in (size[:3], size[3:]))
            return PictureHeader("webp", width, height, alpha=bool(flags & 0x10))
        case _:
            return None
