"""WAV files of any kind become what voiced plays: PCM16, 24 kHz, mono."""

from __future__ import annotations

import contextlib
import struct
import wave
from collections.abc import AsyncIterator
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.api import ToolError
from voiced.plugins.wav_file import pcm_of, whole_samples

TONE_HZ = 440


def wav(signal: np.ndarray, rate: int, width: int) -> bytes:
    """`signal`: -1 to 1, of shape (samples, channels)."""
    whole = np.rint(signal * (2 ** (8 * width - 1) - 1)).astype("<i4")
    data = (
        (whole + 128).astype(np.uint8).tobytes()
        if width == 1
        else whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    )
    file = BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(signal.shape[1])
        writing.setsampwidth(width)
        writing.setframerate(rate)
        writing.writeframes(data)
    return file.getvalue()


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    signal = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(int(rate * seconds)) / rate)
    return np.repeat(signal[:, None], channels, axis=1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("channels", "width"), [(1, 1), (1, 2), (2, 2), (2, 3), (1, 4), (6, 3)])
def test_a_tone_stays_that_tone(rate: int, channels: int, width: int) -> None:
    pcm = np.frombuffer(pcm_of(wav(tone(rate, 2.5, channels), rate, width)), "<i2")
    assert abs(pcm.size - 60_000) <= 1
    middle = pcm[12_000:36_000].astype(float)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == TONE_HZ  # 24,000 samples: a bin is a hertz
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 * 32767 / np.sqrt(2), rel=0.02)


def test_channels_are_mixed() -> None:
    left_alone = tone(24_000, 0.1, 2) * [1, 0]
    pcm = np.frombuffer(pcm_of(wav(left_alone, 24_000, 2)), "<i2")
    assert np.abs(pcm).max() == pytest.approx(0.25 * 32767, rel=0.01)


def test_a_file_of_the_right_kind_is_played_as_it_is() -> None:
    samples = struct.pack("<4h", 0, 32767, -32768, -1)
    file = wav(np.zeros((4, 1)), 24_000, 2)[:-8] + samples
    assert pcm_of(file) == samples


def test_a_file_with_more_chunks_and_the_long_header_is_read() -> None:
    data = wav(tone(24_000, 0.1), 24_000, 2)[44:]
    pcm_guid = b"\x01\x00" + bytes.fromhex("000000001000800000aa00389b71")
    header = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 24_000, 48_000, 2, 16, 22, 16, 4) + pcm_guid
    chunks = b"LIST\x03\x00\x00\x00abc\x00" + b"fmt " + struct.pack("<I", len(header)) + header
    file = b"RIFF\xff\xff\xff\xffWAVE" + chunks + b"data\xff\xff\xff\xff" + data  # as a pipe writes it
    assert pcm_of(file) == data


def test_a_file_that_was_cut_off_is_played_to_its_end() -> None:
    assert len(pcm_of(wav(tone(24_000, 1.0), 24_000, 2)[:-1001])) == 48_000 - 1002  # whole samples


def fmt(tag: int = 1, channels: int = 1, rate: int = 24_000, width: int = 2, bits: int = 16) -> bytes:
    block = channels * width
    return (
        b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
        + struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
        + b"data\x04\x00\x00\x00abcd"
    )


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"", "it is no WAV file"),
        (b"ID3\x03" + bytes(100), "it is no WAV file"),
        ("RIFF", "it is no WAV file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "it is no WAV file"),
        (b"RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab", "it is no WAV file"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00ab", "it is no WAV file"),
        (fmt(tag=85), "it is compressed. Save it as WAV with PCM"),
        (fmt(width=8, bits=64), "it has 64 bits a sample; save it with 8, 16, 24 or 32"),
        (fmt(channels=0), "bits a sample"),
        (fmt(rate=1), "1 channels at 1 Hz; save it as mono at 24000 Hz"),
        (fmt(rate=2_000_000_000), "at 2000000000 Hz"),
        (fmt(channels=64), "64 channels"),
        (wav(np.zeros((0, 1)), 24_000, 2), "there is none in the file"),
        (wav(np.zeros((61 * 8_000, 1)), 8_000, 1), "it lasts 61 s; 60 s are allowed. Shorten it"),
    ],
)
def test_what_can_not_be_played_is_told_with_what_to_do(file: bytes, complaint: str) -> None:
    with pytest.raises(ToolError, match=f"The sound can't be played: .*{complaint}"):
        pcm_of(file)


def test_a_minute_is_played() -> None:
    assert len(pcm_of(wav(np.zeros((60 * 8_000, 1)), 8_000, 1))) == 60 * 48_000


@given(st.binary(max_size=100), st.integers(0, 60), st.binary(max_size=4))
def test_whatever_the_file_is_it_is_sound_or_refused(tail: bytes, at: int, changed: bytes) -> None:
    whole = wav(np.zeros((20, 2)), 44_100, 3)
    for file in (b"RIFF\x00\x00\x00\x00WAVE" + tail, whole[:at] + changed + whole[at + len(changed) :], whole[:at]):
        with contextlib.suppress(ToolError):
            assert len(pcm_of(file)) % 2 == 0


class Speech:
    """As `ai.audio.stream_speech` gives it."""

    def __init__(self, format_: str) -> None:
        self.format = format_

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield bytes(4)


async def test_speech_that_is_coded_becomes_no_noise() -> None:
    assert [piece async for piece in whole_samples(Speech("pcm"))] == [bytes(4)]
    for coded in ("mp3", "wav"):
        with pytest.raises(ToolError, match=f'it comes as {coded}. Ask for format="pcm".'):
            await anext(whole_samples(Speech(coded)))
