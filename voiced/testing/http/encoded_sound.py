"""Sound in the formats that speech comes in: FLAC holds it, the others hold silence of the same length."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from voiced.testing.loopback.coded_audio import RATE

MP3_FRAME: Final = 576
"""Samples of a frame of MPEG-2 layer III."""

AAC_FRAME: Final = 1024
"""Samples of a frame of AAC-LC."""

OPUS_FRAME: Final = 960
"""Of a packet, counted at 48 kHz as Ogg does whatever the rate: 20 ms."""

FLAC_BLOCK: Final = 4096
"""Samples of a frame."""

_OPUS_RATE: Final = 48_000
_PRE_SKIP: Final = 312
"""Samples at 48 kHz that a decoder drops at the beginning."""

# MPEG-2, layer III, no CRC, 32 kbit/s, 24 kHz, one channel: 96 bytes, whose side information says that all is zero.
_MP3_SILENCE: Final = b"\xff\xf3\x44\xc4".ljust(96, b"\0")

# One channel with no band of the spectrum, and the end of the frame; before it an ADTS header (AAC-LC, 24 kHz, mono).
_AAC_SILENCE: Final = b"\xff\xf1\x58\x40\x01\x7f\xfc" + b"\x00\x00\x00\x07"

# CELT, full band, 20 ms, one channel; the two bytes say that it is silent.
_OPUS_SILENCE: Final = b"\xf8\xff\xfe"

_PACKETS_ON_A_PAGE: Final = 50


def mp3(pcm: bytes) -> bytes:
    return _MP3_SILENCE * _frames(pcm, MP3_FRAME)


def aac(pcm: bytes) -> bytes:
    """ADTS."""
    return _AAC_SILENCE * _frames(pcm, AAC_FRAME)


def opus(pcm: bytes) -> bytes:
    """In Ogg."""
    total = len(pcm) // 2 * _OPUS_RATE // RATE + _PRE_SKIP
    packets = -(-total // OPUS_FRAME)
    serial = int.from_bytes(hashlib.sha256(pcm).digest()[:4], "big")
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, _PRE_SKIP, RATE, 0, 0)
    tags = struct.pack("<8sI8sI", b"OpusTags", 8, b"loopback", 0)
    pages = [_page([head], serial, 0, 0, 2), _page([tags], serial, 1, 0, 0)]
    for number, at in enumerate(range(0, packets, _PACKETS_ON_A_PAGE), 2):
        count = min(_PACKETS_ON_A_PAGE, packets - at)
        last = at + count == packets
        granule = total if last else (at + count) * OPUS_FRAME
        pages.append(_page([_OPUS_SILENCE] * count, serial, number, granule, 4 if last else 0))
    return b"".join(pages)


def flac(pcm: bytes) -> bytes:
    """`pcm` (PCM16 at 24 kHz, mono) as it is, behind the headers that say so."""
    samples = len(pcm) // 2
    layout = (RATE << 44) | (0 << 41) | (15 << 36) | samples
    stream_info = struct.pack(">HH3s3sQ", FLAC_BLOCK, FLAC_BLOCK, b"\0" * 3, b"\0" * 3, layout)
    stream_info += hashlib.md5(pcm[: samples * 2], usedforsecurity=False).digest()
    return b"fLaC" + struct.pack(">BBH", 0x80, 0, len(stream_info)) + stream_info + b"".join(_flac_frames(pcm))


def _frames(pcm: bytes, samples: int) -> int:
    return -(-len(pcm) // (2 * samples))


def _flac_frames(pcm: bytes) -> Iterator[bytes]:
    size = FLAC_BLOCK * 2
    for number, at in enumerate(range(0, len(pcm) // 2 * 2, size)):
        block = pcm[at : at + size]
        block = block[: len(block) // 2 * 2]
        # Blocks of one size; how many samples follow at the end of the header; 24 kHz; mono; 16 bits.
        header = (
            b"\xff\xf8\x77\x08" + chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", len(block) // 2 - 1)
        )
        header += bytes([_crc8(header)])
        # The samples as they are, the high byte first.
        frame = header + b"\x02" + _swapped(block)
        yield frame + struct.pack(">H", _crc16(frame))


def _swapped(block: bytes) -> bytes:
    found = bytearray(len(block))
    found[::2], found[1::2] = block[1::2], block[::2]
    return bytes(found)


def _page(packets: list[bytes], serial: int, number: int, granule: int, flags: int) -> bytes:
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    head = struct.pack("<4sBBqII", b"OggS", 0, flags, granule, serial, number)
    rest = bytes([len(lacing)]) + lacing + b"".join(packets)
    return head + struct.pack("<I", _crc32(head + bytes(4) + rest)) + rest


def _table(polynomial: int, bits: int) -> list[int]:
    """Of a checksum whose highest bit comes first."""
    top, mask, found = 1 << (bits - 1), (1 << bits) - 1, []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ polynomial if value & top else value << 1
        found.append(value & mask)
    return found


_CRC8: Final = _table(0x07, 8)
_CRC16: Final = _table(0x8005, 16)
_CRC32: Final = _table(0x04C11DB7, 32)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value


def _crc32(data: bytes) -> int:
    """As Ogg has it, which is not that of zlib."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC32[value >> 24 ^ byte]
    return value
