"""What a transcription model makes up where nobody speaks is not answered; what somebody said is."""

from __future__ import annotations

import math
import struct
import wave
from io import BytesIO
from pathlib import Path

import pytest

from tests.speech import labelled
from voiced.audio import RATE, Ms
from voiced.brains.cascade.noise import LITTLE_SPEECH, Segment, speech_in, speech_like
from voiced.brains.cascade.wav import files, wav

LITTLE, MUCH = Ms(LITTLE_SPEECH - 100), Ms(2000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ".",
        "...",
        "♪",
        "♪ la la ♪",
        "[BLANK_AUDIO]",
        "(music)",
        "[Music] [Applause]",
        "*coughs*",
        "<|nospeech|>",
        "Thank you for watching!",
        "Thanks for watching. ",
        "Please subscribe to my channel.",
        "Vielen Dank fürs Zuschauen!",
        "Untertitel der Amara.org-Community",
        "Untertitelung des ZDF, 2020",
        "Subtitles by the Amara.org community",
        "Sous-titres réalisés para la communauté d'Amara.org",
        "Sous-titrage ST' 501",
        "Продолжение следует...",
        "Субтитры сделал DimaTorzok",
        "ご視聴ありがとうございました",
        "字幕by索兰娅",
        "시청해주셔서 감사합니다.",
        "¡Suscríbete!",
        "www.mooji.org",
    ],
)
def test_nobody_said_that(text: str) -> None:
    assert speech_in(text, (), MUCH) == ""


@pytest.mark.parametrize(
    "text", ["Thank you.", "Bye.", "you", "Okay.", "Danke.", "谢谢", "Bye. Bye. Thank you.", "no no no no no no no"]
)
def test_what_people_say_too_counts_where_there_is_something_to_be_heard(text: str) -> None:
    assert speech_in(text, (), LITTLE) == ""
    assert speech_in(text, (), MUCH) == text


@pytest.mark.parametrize(
    "text",
    [
        "Turn on the light.",
        "What does thank you for watching mean?",
        "Stop.",
        "No.",
        "7",
        "Who makes subtitles by hand?",
        "Go to www.example.org and read it to me",
        "Thank you, and now turn off the light.",
        "今日の天気は？",
    ],
)
def test_what_somebody_said_is_answered_even_if_it_was_short(text: str) -> None:
    assert speech_in(text, (), LITTLE) == text


def test_segments_that_the_model_itself_takes_for_silence_are_left_out() -> None:
    segments = [Segment(" Turn it on.", 0.1, -0.3), Segment(" See you next week.", 0.9, -1.4)]
    assert speech_in("Turn it on. See you next week.", segments, MUCH) == "Turn it on."
    assert speech_in("See you next week.", segments[1:], MUCH) == ""
    unsure = [Segment(" Turn it on.", 0.9, -0.3)]
    assert speech_in("Turn it on.", unsure, MUCH) == "Turn it on."


def test_the_prompt_said_back_is_silence() -> None:
    assert speech_in("Voiced, Grafana.", (), MUCH, prompt="Voiced, Grafana") == ""


def tone(ms: int, level: float = 0.3) -> bytes:
    count = RATE * ms // 1000
    return b"".join(struct.pack("<h", int(32767 * level * math.sin(at * 0.1))) for at in range(count))


def test_sound_that_stands_out_from_its_background_may_be_speech() -> None:
    silence = bytes(RATE)
    assert speech_like(b"") == 0
    assert speech_like(silence * 2) == 0
    assert speech_like(silence + tone(600) + silence) == 600
    assert speech_like(tone(2000)) == 0  # a fan, however loud


@pytest.mark.shared_data
def test_real_speech_is_seen_to_be_there(shared_data: Path) -> None:
    for clip in labelled(shared_data)[:10]:
        assert speech_like(clip.pcm) >= LITTLE_SPEECH


# Files for the server.


def read(file: bytes) -> tuple[int, bytes]:
    with wave.open(BytesIO(file)) as opened:
        assert (opened.getnchannels(), opened.getsampwidth()) == (1, 2)
        return opened.getframerate(), opened.readframes(opened.getnframes())


def test_an_utterance_becomes_a_wav_file() -> None:
    pcm = tone(100)
    assert [read(file) for file in files(pcm + b"\x01")] == [(RATE, pcm)]
    assert read(wav(pcm, 16_000)) == (16_000, pcm)


def test_what_is_too_long_is_sent_at_a_lower_rate() -> None:
    pcm = tone(1000)
    (rate, sound), *more = [read(file) for file in files(pcm, most_bytes=40_000)]
    assert (rate, len(sound), more) == (16_000, 32_000, [])


def test_what_is_far_too_long_is_cut_where_it_is_quiet() -> None:
    pcm = tone(700) + bytes(RATE * 2 * 300 // 1000) + tone(700)
    parts = [read(file)[1] for file in files(pcm, most_bytes=32_000)]
    assert sum(map(len, parts)) == len(pcm) * 2 // 3
    assert 700 < len(parts[0]) / 32 < 1000  # in the pause
    assert all(len(part) <= 32_000 for part in parts)
