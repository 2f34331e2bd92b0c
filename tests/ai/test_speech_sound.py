"""What servers send as speech, and how parts of it become one sound."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.mp3_frame import LONGEST_HEAD, Mp3Frames, frame_length
from voiced.ai.speech_sound import SPEECH_FORMATS, SpeechFormat, SpeechSound
from voiced.errors import AnswerUnusable
from voiced.testing.http import encoded_sound

from .sounds import RATE, said, silence, tone, wav

ONE, OTHER = tone(0.5), tone(0.3, hz=880)
STREAMED = b"\xff\xff\xff\xff"


def streamed(file: bytes) -> bytes:
    """As a server writes it that does not know the length."""
    return file[:4] + STREAMED + file[8:40] + STREAMED + file[44:]


def heard(format_: SpeechFormat, *answers: bytes, kind: str = "", size: int = 1000) -> bytes:
    """What comes out of these answers, which come in pieces of `size`; the header of a WAV as it is at the end."""
    sound = SpeechSound(format_, len(answers))
    found = b""
    for answer in answers:
        sound.begin("tts.example", kind)
        found += b"".join(sound.feed(answer[at : at + size]) for at in range(0, len(answer), size))
        found += sound.end()
    found += sound.finish()
    assert sound.given == len(found)
    return sound.header + found[len(sound.header) :]


def complaint(format_: SpeechFormat, *answers: bytes, kind: str = "", size: int = 1000) -> str:
    with pytest.raises(AnswerUnusable) as caught:
        heard(format_, *answers, kind=kind, size=size)
    return str(caught.value)


@pytest.mark.parametrize("size", [1, 3, 44, 45, 1000, 100_000])
def test_pcm_is_joined_sample_by_sample(size: int) -> None:
    assert heard("pcm", ONE, OTHER, size=size) == ONE + OTHER
    assert heard("pcm", ONE + b"\x01", OTHER, size=size) == ONE + OTHER
    assert heard("wav", streamed(wav(ONE)), streamed(wav(OTHER)), size=size) == wav(ONE + OTHER)
    assert heard("wav", wav(ONE), size=size) == wav(ONE)


def test_pieces_of_pcm_have_whole_samples() -> None:
    sound = SpeechSound("pcm")
    sound.begin("tts.example")
    pieces = [sound.feed(ONE[at : at + 333]) for at in range(0, len(ONE), 333)]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) + sound.end() == ONE


def test_pcm_of_a_server_that_sends_a_wav() -> None:
    assert heard("pcm", streamed(wav(ONE)), wav(OTHER) + b"LIST\x04\0\0\0abcd") == ONE + OTHER
    at_22050 = heard("pcm", wav(tone(0.5, rate=22_050), rate=22_050))
    assert len(at_22050) == len(ONE)
    assert np.abs(np.fft.rfft(np.frombuffer(at_22050, "<i2"))).argmax() / 0.5 == pytest.approx(440, abs=2)
    assert "not mono with 16 bits" in complaint("pcm", wav(ONE, channels=2))


def test_pcm_that_begins_as_an_mp3_does() -> None:
    quiet = b"\xff\xff\xfb\xff\xff\xff" * 20
    assert heard("pcm", quiet) == quiet
    assert heard("pcm", b"\xff\xfb" * 20, kind="audio/pcm") == b"\xff\xfb" * 20
    assert "sent mp3 instead of pcm" in complaint("pcm", b"\xff\xfb" * 20, kind="audio/mpeg")


def test_formats_that_are_frames_follow_each_other() -> None:
    for format_, encode in (("aac", encoded_sound.aac), ("opus", encoded_sound.opus), ("mp3", encoded_sound.mp3)):
        one, other = encode(ONE), encode(said("Hi.", "Hello."))
        assert heard(format_, one, other) == one + other  # type: ignore[arg-type]  # a format
        assert heard(format_, one) == one  # type: ignore[arg-type]  # a format
    assert heard("flac", encoded_sound.flac(ONE)) == encoded_sound.flac(ONE)


def test_what_was_joined_can_be_decoded() -> None:
    av = pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    for format_, encode in (("aac", encoded_sound.aac), ("opus", encoded_sound.opus), ("mp3", encoded_sound.mp3)):
        with av.open(io.BytesIO(heard(format_, encode(ONE), encode(OTHER)))) as file:  # type: ignore[arg-type]
            seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
        assert seconds == pytest.approx(0.8, abs=0.08), format_


@pytest.mark.parametrize("size", [3, 1000, 1_000_000])
def test_one_flac_is_made_of_several_wavs(size: int) -> None:
    av = pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    stereo = {"rate": 44_100, "channels": 2}
    for one, other, kind in ((ONE, OTHER, {}), (ONE * 20, OTHER, stereo)):
        file = heard("flac", streamed(wav(one, **kind)), wav(other, **kind), size=size)
        with av.open(io.BytesIO(file)) as container:
            assert container.duration == len(one + other) * 500_000 // RATE if not kind else container.duration > 0
            sound = b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0))
        assert sound == one + other
    assert "sent flac instead of wav" in complaint("flac", encoded_sound.flac(ONE), encoded_sound.flac(ONE))
    assert "1 channels, 8 bits and 24000 Hz, of which no FLAC" in complaint(
        "flac", wav(ONE, width=1), wav(ONE, width=1)
    )
    assert "96000 Hz, of which no FLAC" in complaint("flac", wav(ONE, rate=96_000), wav(ONE, rate=96_000))
    assert "lies in another way" in complaint("flac", wav(ONE), wav(ONE, rate=22_050))


@pytest.mark.parametrize("format_", SPEECH_FORMATS)
@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (b"", "", "tts.example sent no sound"),
        (b'{"error": {"message": "no"}}', "application/json", "tts.example sent JSON instead of"),
        (b'{"error": {"message": "no"}}', "audio/mpeg", "tts.example sent JSON instead of"),
        (b"<!DOCTYPE html><html></html>", "text/html; charset=utf-8", "sent a web page instead of"),
        (b"  <html><body>Log in</body></html>", "", "sent a web page instead of"),
        (b"{}", "", "instead of"),
    ],
)
def test_what_is_no_sound(format_: SpeechFormat, answer: bytes, kind: str, says: str) -> None:
    if answer == b"{}" and format_ == "pcm":
        assert heard("pcm", answer) == answer  # a sample
    else:
        assert says in complaint(format_, answer, kind=kind)


def test_another_format_than_was_asked_for() -> None:
    assert "sent wav instead of mp3" in complaint("mp3", wav(ONE))
    assert "sent mp3 instead of opus" in complaint("opus", encoded_sound.mp3(ONE))
    assert "sent something else instead of wav" in complaint("wav", ONE)
    assert "sent aac instead of flac" in complaint("flac", encoded_sound.aac(ONE))


def test_a_wav_that_is_none() -> None:
    assert "sent no sound" in complaint("wav", wav(b""))
    assert "sent no sound" in complaint("wav", wav(ONE)[:40])
    assert "sent a WAV with no sound in it" in complaint("wav", wav(ONE)[:36] + b"LIST\xff\xff\xff\0" + bytes(90_000))
    assert "sent a bad WAV" in complaint("wav", wav(ONE)[:12] + b"data\0\0\0\0" + bytes(20))
    assert "lies in another way" in complaint("wav", wav(ONE), wav(ONE, rate=22_050))
    assert "lies in another way" in complaint("wav", wav(ONE).replace(b"\x01\0\x01\0", b"\x55\0\x01\0", 1))


@given(
    st.binary(max_size=120), st.sampled_from(SPEECH_FORMATS), st.sampled_from([b"", wav(ONE)[:60], b"ID3", b"\xff\xf3"])
)
def test_any_answer_is_a_sound_or_none(data: bytes, format_: SpeechFormat, before: bytes) -> None:
    whole = pieces = None
    for size in (1000, 1):
        try:
            found: bytes | None = heard(format_, before + data, before + data, size=size)
        except AnswerUnusable:
            found = None
        whole, pieces = pieces, found
    assert whole == pieces


# MP3.

FRAME = encoded_sound.mp3(silence(0.02))
INFO = FRAME[:13] + b"Info" + bytes(96 - 17)
TAG = b"ID3\x04\0\0\0\0\x01\x05" + bytes(133)


def frames(pieces: Iterable[bytes]) -> bytes:
    parser = Mp3Frames()
    return b"".join([parser.feed(piece) for piece in pieces] + [parser.end()])


@pytest.mark.parametrize("head", [b"", TAG, INFO, TAG + INFO])
def test_what_tells_the_length_of_an_mp3_is_left_out(head: bytes) -> None:
    whole = head + FRAME * 3
    for size in (1, 7, 1000):
        assert frames(whole[at : at + size] for at in range(0, len(whole), size)) == FRAME * 3


def test_an_mp3_that_is_short_or_has_a_long_head_stays_as_it_is() -> None:
    assert frames([FRAME[:50]]) == FRAME[:50]
    assert frames([b"\xff\xf3"]) == b"\xff\xf3"
    assert frames([TAG[:20]]) == TAG[:20]
    long = b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(LONGEST_HEAD)
    assert frames([long, FRAME]) == long + FRAME


def test_joined_mp3s_have_no_tags_and_a_single_one_keeps_them() -> None:
    assert heard("mp3", TAG + INFO + FRAME, TAG + INFO + FRAME * 2) == FRAME * 3
    assert heard("mp3", TAG + INFO + FRAME) == TAG + INFO + FRAME


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\xff\xf3\x44\xc4", 96),  # MPEG 2, 32 kbit/s, 24 kHz
        (b"\xff\xfb\x90\x00", 417),  # MPEG 1, 128 kbit/s, 44.1 kHz
        (b"\xff\xfb\x92\x00", 418),  # and a byte of padding
        (b"\xff\xe3\x44\xc4", 192),  # MPEG 2.5, 32 kbit/s, 12 kHz
        (b"\xff\xfb\xf0\x00", 0),
        (b"\xff\xfb\x0c\x00", 0),
        (b"\xff\xeb\x90\x00", 0),
        (b"\xff\xf1\x50\x80", 0),
        (b"ID3\x04", 0),
    ],
)
def test_how_long_a_frame_is(header: bytes, length: int) -> None:
    assert frame_length(header) == length
