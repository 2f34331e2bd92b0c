"""The frames of an MP3 without what players take for the length of the whole, so that another may follow."""

from __future__ import annotations

from typing import Final

LONGEST_HEAD: Final = 2**16
"""Bytes before the first frame; a longer head stays as it is."""

_BIT_RATES: Final = {  # kbit/s of layer III: MPEG 1, and MPEG 2 and 2.5
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_TAGS: Final = (b"Xing", b"Info", b"VBRI")


class Mp3Frames:
    """Feed it an MP3 as it comes. A tag at its beginning, and a frame that only tells how long it is, are left out."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """What may be given on."""
        if self._begun:
            return data
        self._held += data
        begin = _past_head(self._held)
        if begin is None and len(self._held) <= LONGEST_HEAD:
            return b""
        return self._rest(begin or 0)

    def end(self) -> bytes:
        """What is left."""
        return self._rest(_past_head(self._held) or 0) if not self._begun else b""

    def _rest(self, begin: int) -> bytes:
        data, self._held, self._begun = self._held[begin:], b"", True
        return data


def _past_head(data: bytes) -> int | None:
    """Where the first frame with sound begins; None where more is needed to know."""
    if len(data) < 10:
        return None
    at = 0
    if data.startswith(b"ID3"):
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        at = 10 + size + (10 if data[5] & 0x10 else 0)
    if len(data) < at + 4:
        return None
    length = frame_length(data[at : at + 4])
    if not length:
        return at
    if len(data) < at + length:
        return None
    return at + length if any(tag in data[at + 4 : at + 64] for tag in _TAGS) else at


def frame_length(header: bytes) -> int:
    """Bytes of the frame of layer III with this header of four bytes; 0 where it is none."""
    if header[0] != 0xFF or header[1] >> 5 != 0b111 or header[1] >> 1 & 3 != 1:
        return 0
    version = header[1] >> 3 & 3
    rates = _RATES.get(version)
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if rates is None or rate == 3 or not 0 < bits < 15:
        return 0
    samples = 1152 if version == 3 else 576
    return samples // 8 * _BIT_RATES[version == 3][bits] * 1000 // rates[rate] + (header[2] >> 1 & 1)
