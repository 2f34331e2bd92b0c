"""Whatever a speech server sends becomes PCM, or a clear word about what it is."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import RATE
from voiced.brains.cascade.sound import SpeechSound
from voiced.brains.cascade.wav import wav
from voiced.errors import AnswerUnusable, ApiUnreachable

PCM = struct.pack("<600h", *range(-300, 300))


def heard(data: bytes, step: int, *, rate: int = RATE, content_type: str = "application/octet-stream") -> bytes:
    sound = SpeechSound(rate, content_type, "tts.example")
    return b"".join(sound.feed(data[at : at + step]) for at in range(0, len(data), step)) + sound.end()


@given(st.binary(max_size=300), st.integers(1, 50))
def test_pcm_comes_out_in_whole_samples_however_it_is_cut(noise: bytes, step: int) -> None:
    data = b"\0\0" * 16 + noise
    assert heard(data, step) == data[: len(data) // 2 * 2]


def test_an_odd_byte_at_the_end_is_dropped() -> None:
    assert heard(PCM + b"\x07", 7) == PCM


def test_very_little_and_nothing() -> None:
    assert heard(b"\1\0\2\0\3", 2) == b"\1\0\2\0"
    assert heard(b"", 1) == b""


@pytest.mark.parametrize("step", [1, 5, 16, 44, 45, 10_000])
def test_a_wav_file_is_taken_for_what_it_is(step: int) -> None:
    assert heard(wav(PCM), step) == PCM


def test_a_streamed_wav_file_does_not_know_its_length_and_may_have_other_parts() -> None:
    header = wav(b"")[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"data"
    assert heard(header + struct.pack("<I", 0xFFFFFFFF) + PCM, 9) == PCM
    assert heard(header + struct.pack("<I", len(PCM)) + PCM + b"LIST....", 9) == PCM


def test_another_rate_is_resampled_and_of_two_channels_one_is_taken() -> None:
    assert len(heard(wav(PCM, 48_000), 100)) == len(PCM) // 2
    assert len(heard(PCM, 100, rate=12_000)) == len(PCM) * 2
    assert len(heard(PCM, 100, content_type="audio/L16; rate=12000; channels=1")) == len(PCM) * 2
    stereo = b"".join(PCM[at : at + 2] * 2 for at in range(0, len(PCM), 2))
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    file = b"RIFF\0\0\0\0WAVE" + fmt + b"data" + struct.pack("<I", len(stereo)) + stereo
    assert heard(file, 3) == PCM


@pytest.mark.parametrize(
    ("data", "content_type", "kind"),
    [
        (b"ID3\x04\0\0\0\0\0\0" + b"\xff" * 30, "application/octet-stream", "MP3"),
        (b"\xff\xf3\xe4\xc4" + b"\0" * 40, "application/octet-stream", "MP3"),
        (PCM, "audio/mpeg", "MP3"),
        (b"OggS" + b"\0" * 40, "audio/ogg", "Ogg"),
        (b"fLaC" + b"\0" * 40, "", "FLAC"),
    ],
)
def test_another_format_is_refused_with_its_name(data: bytes, content_type: str, kind: str) -> None:
    with pytest.raises(AnswerUnusable) as raised:
        heard(data, 100, content_type=content_type)
    assert str(raised.value) == (
        f"speech: tts.example sent {kind} instead of PCM: mend cascade.tts_base_url or cascade.tts_models"
    )
    assert raised.value.cause == "settings"


@pytest.mark.parametrize(
    ("data", "content_type", "kind"),
    [
        (b"<!DOCTYPE html><html>Please log in to the hotel", "text/html; charset=utf-8", "a page"),
        (b"\n <html><body>502 Bad Gateway", "application/octet-stream", "a page"),
        (b'{"error": {"message": "no such voice"}}', "application/json", "JSON"),
        (b'{"error": {"message": "no such voice"}}', "audio/pcm", "JSON"),
    ],
)
def test_a_page_or_a_message_of_a_proxy_is_no_sound(data: bytes, content_type: str, kind: str) -> None:
    with pytest.raises(ApiUnreachable) as raised:
        heard(data, 100, content_type=content_type)
    assert str(raised.value) == f"speech: tts.example sent {kind} instead of sound"
    assert not raised.value.fatal


def test_a_wav_file_that_is_no_16_bit_pcm_is_refused() -> None:
    file = bytearray(wav(PCM))
    file[20:22], file[34:36] = struct.pack("<H", 3), struct.pack("<H", 32)
    with pytest.raises(AnswerUnusable, match="floating-point sound of 24000 Hz; it must be 16-bit PCM"):
        heard(bytes(file), 50)


@given(st.binary(min_size=1, max_size=200), st.integers(1, 20))
def test_nothing_but_our_own_errors_comes_of_garbage(data: bytes, step: int) -> None:
    with contextlib.suppress(AnswerUnusable, ApiUnreachable):
        assert len(heard(b"RIFF....WAVE" + data, step)) % 2 == 0
