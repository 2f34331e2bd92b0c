"""A file that is no sound, or another than it says, is found out before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiced.ai.sound_file import MOST_BYTES, EncodedFile, as_wav, kind_of, open_sound, too_large
from voiced.ai.wav_file import WavFile
from voiced.errors import RequestRejected
from voiced.testing.http import encoded_sound

from .sounds import silence, tone, wav

MP4 = b"\0\0\0\x20ftypM4A " + bytes(40)
ULAW = wav(tone(0.5)).replace(b"\x01\x00\x01\x00\xc0\x5d", b"\x07\x00\x01\x00\xc0\x5d", 1)


def refusal(name: str, data: bytes) -> str:
    with pytest.raises(RequestRejected) as caught:
        open_sound((name, data), "transcription")
    assert caught.value.status == 0
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("talk.wav", b"", "talk.wav is empty"),
        ("talk.txt", b"Hello.", "is of another kind than is taken: flac, m4a, mp3"),
        ("talk", wav(tone(1.0)), "is of another kind than is taken"),
        ("talk.wav", b"Hello, this is a text.\n" * 50, "talk.wav holds no WAV: give a sound file"),
        ("talk.mp3", b"Hello, this is a text.\n" * 50, "talk.mp3 holds no MP3"),
        ("talk.mp3", wav(tone(1.0)), "talk.mp3 holds WAV, whatever it is called: name it .wav"),
        ("talk.wav", encoded_sound.mp3(tone(1.0)), "talk.wav holds MP3, whatever it is called: name it .mp3"),
        ("talk.m4a", b"fLaC" + bytes(50), "talk.m4a holds FLAC, whatever it is called: name it .flac"),
        ("talk.wav", wav(b""), "talk.wav is a WAV with no sound in it"),
        ("talk.wav", wav(tone(1.0))[:44], "talk.wav is a WAV with no sound in it"),
        ("talk.wav", wav(tone(1.0))[:36], "talk.wav is a WAV with no sound in it"),
        ("talk.wav", wav(tone(0.05)), "talk.wav has 0.050 s of sound; at least 0.1 s are needed"),
        ("talk.wav", wav(tone(1.0)).replace(b"\x01\x00\x01\x00", b"\x01\x00\x00\x00", 1), "talk.wav is no good WAV"),
    ],
)
def test_what_is_not_sent(name: str, data: bytes, says: str) -> None:
    assert says in refusal(name, data)


def test_a_path_that_is_none(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "no.wav", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(RequestRejected, match=says):
            open_sound(path, "transcription")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(RequestRejected, match=r"empty\.wav is empty"):
        open_sound(str(tmp_path / "empty.wav"), "transcription")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    looped = tmp_path / "loop.wav"
    looped.symlink_to(looped)
    with pytest.raises(RequestRejected, match="can't be read"):
        open_sound(looped, "transcription")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.wav"
    path.write_bytes(b"Hello, this is a text.\n" * 50)
    with pytest.raises(RequestRejected, match=r"caf�\.wav holds no WAV"):
        open_sound(path, "transcription")


def test_what_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "Anna's talk.WAV"
    path.write_bytes(wav(tone(1.0)))
    sound = open_sound(path, "transcription")
    assert isinstance(sound, WavFile)
    assert sound.read(10**6) == tone(1.0)
    sound.close()
    assert isinstance(open_sound(("a.wav", wav(silence(0.1))), "transcription"), WavFile)


@pytest.mark.parametrize(
    ("name", "data", "sent_as"),
    [
        ("Anna.mp3", encoded_sound.mp3(tone(1.0)), "sound.mp3"),
        ("Anna.mpga", b"ID3" + bytes(50), "sound.mpga"),
        ("Anna.mpeg", b"\0\0\0junk" + encoded_sound.mp3(tone(1.0)), "sound.mpeg"),
        ("Anna.OGG", encoded_sound.opus(tone(1.0)), "sound.ogg"),
        ("Anna.oga", encoded_sound.opus(tone(1.0)), "sound.ogg"),
        ("Anna.opus", encoded_sound.opus(tone(1.0)), "sound.ogg"),
        ("Anna.flac", encoded_sound.flac(tone(1.0)), "sound.flac"),
        ("Anna.m4a", MP4, "sound.m4a"),
        ("Anna.mp4", MP4, "sound.mp4"),
        ("Anna.webm", b"\x1aE\xdf\xa3" + bytes(50), "sound.webm"),
        ("Anna.wav", ULAW, "sound.wav"),
    ],
)
def test_a_coded_file_is_sent_as_it_is_without_its_name(name: str, data: bytes, sent_as: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    for source in ((name, data), path):
        file = open_sound(source, "transcription")
        assert isinstance(file, EncodedFile)
        assert (file.sent_as, file.read(), file.size) == (sent_as, data, len(data))


def test_a_wav_with_a_picture_before_its_sound() -> None:
    plain = wav(tone(1.0))
    picture = b"LIST" + (300_000).to_bytes(4, "little") + bytes(300_000)
    sound = open_sound(("talk.wav", plain[:12] + picture + plain[12:]), "transcription")
    assert isinstance(sound, WavFile)
    assert sound.size == len(tone(1.0))


def test_what_is_too_large_says_how_to_make_it_smaller() -> None:
    file = EncodedFile("my talk.mp3", "mp3", MOST_BYTES * 2, b"")
    said = str(too_large(file, "transcription"))
    assert "my talk.mp3 has 50.0 MiB and at most 25 MiB are taken" in said
    assert "ffmpeg -i 'my talk.mp3' -ac 1 -ar 16000 'my talk.wav'" in said
    assert as_wav("a.flac") == "ffmpeg -i a.flac -ac 1 -ar 16000 a.wav"


def test_aac_is_no_mp3() -> None:
    assert kind_of(encoded_sound.aac(tone(1.0))) == ""
    assert kind_of(b"\xff\xff\xff\xff" * 20) == ""
    assert kind_of(b"") == ""
