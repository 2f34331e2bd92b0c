"""Pictures that can be looked at: one colour each."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from typing import Final, Literal

Format = Literal["png", "jpeg", "webp"]

_SMALL: Final = {
    "jpeg": base64.b64decode(
        "/9j//gAQTGF2YzYyLjI4LjEwMgD/2wBDAAgEBAQEBAUFBQUFBQYGBgYGBgYGBgYGBgYHBwcICAgHBwcGBgcHCAgICAkJCQgICAgJCQoKCgwM"
        "CwsODg4RERT/xABLAAEBAAAAAAAAAAAAAAAAAAAABQEBAAAAAAAAAAAAAAAAAAAABRABAAAAAAAAAAAAAAAAAAAAABEBAAAAAAAAAAAAAAAA"
        "AAAAAP/AABEIABAAEAMBIgACEQADEQD/2gAMAwEAAhEDEQA/ALIBoO//2Q=="
    ),
    "webp": base64.b64decode("UklGRiwAAABXRUJQVlA4ICAAAABwAQCdASoQABAADMDOJZACdAFAAAD+pMibsO27xAAAAA=="),
}
"""16 by 16 pixels, light blue."""


def picture(kind: Format, width: int, height: int, about: str, *, transparent: bool = False) -> bytes:
    """A file. A PNG has the size that is wanted, and a colour of its own for each `about`; the others are small."""
    if kind != "png":
        return _SMALL[kind]
    colour = hashlib.sha256(about.encode("utf-8", "replace")).digest()[:3]
    return png(width, height, colour + b"\0" if transparent else colour)


def png(width: int, height: int, colour: bytes = b"\x78\xa0\xc8") -> bytes:
    """A PNG of one colour: 3 bytes of it for RGB, 4 for RGBA."""
    kind = {3: 2, 4: 6}[len(colour)]
    rows = zlib.compress((b"\0" + colour * width) * height, 1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
