"""WAV headers as they are found, and as they are written."""

from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.wav_file import UNKNOWN_SIZE, NoWav, PcmFormat, WavFile, WavHeader, read_header

from .sounds import sound_in, tone, wav

SOUND = tone(0.1)
PLAIN = wav(SOUND)
EXTENSIBLE = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 48_000, 48_000 * 6, 6, 24, 22, 24, 3, 1) + bytes(14)


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return struct.pack("<4sI", name, len(data) if size is None else size) + data + bytes(len(data) % 2)


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    return struct.pack("<4sI4s", magic, 0, b"WAVE") + b"".join(chunks)


def fmt(coding: int = 1, channels: int = 1, rate: int = 24_000, bits: int = 16, block: int | None = None) -> bytes:
    block = channels * bits // 8 if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, bits))


def found(data: bytes) -> WavHeader:
    header = read_header(data)
    assert header is not None
    return header


def test_a_plain_one() -> None:
    header = found(PLAIN)
    assert (header.format, header.start, header.size) == (
        PcmFormat(1, 24_000, 16, chunk=header.format.chunk if header.format else b""),
        44,
        len(SOUND),
    )
    assert header.format is not None
    assert (header.format.block, header.format.bytes_per_s) == (2, 48_000)


@pytest.mark.parametrize(
    ("coding", "bits", "known"),
    [(1, 8, True), (1, 24, True), (1, 32, True), (3, 32, True), (3, 64, True), (7, 8, False), (1, 12, False)],
)
def test_which_codings_are_pcm(coding: int, bits: int, known: bool) -> None:
    header = found(riff(fmt(coding, 2, 48_000, bits), chunk(b"data", b"abcd")))
    assert (header.format is not None) == known


def test_one_of_an_extensible_format() -> None:
    format_ = found(riff(chunk(b"fmt ", EXTENSIBLE), chunk(b"data", b"abcdef"))).format
    assert format_ is not None
    assert (format_.channels, format_.bits, format_.floating, format_.chunk) == (2, 24, False, EXTENSIBLE)


def test_what_stands_before_the_sound_is_passed_over() -> None:
    header = found(riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"fact", bytes(4)), chunk(b"data", b"ab")))
    assert (header.start, header.size) == (12 + 12 + 24 + 12 + 8, 2)


@pytest.mark.parametrize("size", [0, UNKNOWN_SIZE, 0x7FFFFFFF])
def test_one_that_was_streamed_does_not_know_its_length(size: int) -> None:
    assert found(riff(fmt(), chunk(b"data", b"abcd", size))).size is None


def test_one_of_more_than_four_gigabytes() -> None:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 2**33, 2**32 + 2, 2**31, 0))
    header = found(riff(ds64, fmt(), chunk(b"data", b"", UNKNOWN_SIZE), magic=b"RF64"))
    assert header.size == 2**32 + 2


def test_more_of_it_is_needed() -> None:
    assert [read_header(PLAIN[:size]) for size in (0, 11, 12, 30, 43)] == [None] * 5


@pytest.mark.parametrize(
    "data",
    [
        b"this is a text and no sound",
        riff(chunk(b"data", b"abcd"), fmt()),
        riff(chunk(b"fmt ", b"short"), chunk(b"data", b"ab")),
        riff(fmt(channels=0), chunk(b"data", b"ab")),
        riff(fmt(rate=7), chunk(b"data", b"ab")),
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(NoWav):
        read_header(data)


def test_the_sound_is_read_to_its_end_and_no_further() -> None:
    for data in (PLAIN + chunk(b"LIST", b"after it"), PLAIN[:40] + struct.pack("<I", UNKNOWN_SIZE) + SOUND + b"x"):
        header = found(data)
        assert header.format is not None
        file = WavFile(io.BytesIO(data), header.format, header)
        assert file.size == len(SOUND)
        assert file.read(1000) + file.read(10**6) == SOUND
        assert file.read(1) == b""
        file.close()


def test_one_that_was_cut_off_has_what_is_there() -> None:
    header = found(PLAIN)
    assert header.format is not None
    file = WavFile(io.BytesIO(PLAIN[:1001]), header.format, header)
    assert file.size == 956


def test_a_header_is_what_others_read() -> None:
    for format_, size in ((PcmFormat(1, 24_000, 16), 480), (PcmFormat(2, 44_100, 8), 100)):
        with wave.open(io.BytesIO(format_.header(size) + bytes(size))) as file:
            assert file.getparams()[:4] == (
                format_.channels,
                format_.bits // 8,
                format_.rate,
                size // format_.block,
            )
    assert sound_in(PcmFormat(1, 24_000, 16).header(len(SOUND)) + SOUND) == SOUND
    assert found(PcmFormat(1, 24_000, 16).header(UNKNOWN_SIZE)).size is None
    floating = found(PcmFormat(1, 24_000, 32, floating=True).header(8)).format
    assert floating is not None
    assert floating.floating


@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_anything_is_a_header_or_none(data: bytes, at: int, changed: bytes) -> None:
    for each in (data, b"RIFF" + data, PLAIN[:at] + changed + PLAIN[at + len(changed) : 200]):
        try:
            header = read_header(each)
        except NoWav:
            continue
        assert header is None or header.start <= len(each)
