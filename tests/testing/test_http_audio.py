"""What the HTTP server on loopback hears, translates and speaks, in every format."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voiced.testing.http import Heard, HttpLoopback, Pace, Script, speech, spoken, transcription
from voiced.testing.http.transcript import stretches

from .http_client import Raw, raw_of, sdk_of, wav

TEXT = "Good morning. How are you?"
DIARIZES = transcription.DIARIZES


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(Script(transcripts=lambda _: TEXT)) as server:
        yield server


def file_of(pcm: bytes) -> bytes:
    return speech.wav_header(len(pcm)) + pcm


TWO_SENTENCES = bytes(24_000) + spoken("Good morning.") + bytes(48_000) + spoken("How are you?") + bytes(4_800)
SRT = """\
1
00:00:00,500 --> 00:00:01,340
Good morning.

2
00:00:02,340 --> 00:00:03,120
How are you?


"""


# Transcripts.


async def test_sentences_are_where_the_sound_is(raw: Raw) -> None:
    answer = await raw.transcribe(file_of(TWO_SENTENCES), response_format="srt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.body.decode() == SRT
    answer = await raw.transcribe(file_of(TWO_SENTENCES), response_format="vtt")
    assert answer.body.decode() == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:01.340\nGood morning.\n\n00:00:02.340 --> 00:00:03.120\nHow are you?\n\n"
    )
    both: Any = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    verbose = (await raw.transcribe(file_of(TWO_SENTENCES), **both)).json
    assert [(each["start"], each["end"]) for each in verbose["segments"]] == [(0.5, 1.34), (2.34, 3.12)]
    assert [each["word"] for each in verbose["words"]] == ["Good", "morning.", "How", "are", "you?"]
    assert [each["start"] for each in verbose["words"]] == [0.5, 0.92, 2.34, 2.6, 2.86]


async def test_without_a_stretch_of_sound_for_each_the_sentences_share_the_time(raw: Raw) -> None:
    verbose = (await raw.transcribe(wav(25.0), response_format="verbose_json")).json
    assert [(each["start"], each["end"]) for each in verbose["segments"]] == [(0.0, 13.0), (13.0, 25.0)]


def test_stretches_of_sound_in_what_is_no_pcm16() -> None:
    assert stretches(Heard(bytes(3 * 24_000), 24_000, 1, 1.0, {})) == []
    assert stretches(Heard(b"", 0, 0, 0.0, {})) == []


async def test_who_speaks(raw: Raw) -> None:
    asked: Any = {"model": DIARIZES, "response_format": "diarized_json"}
    answer = (await raw.transcribe(file_of(TWO_SENTENCES), **asked)).json
    assert [(each["speaker"], each["text"]) for each in answer["segments"]] == [
        ("A", " Good morning."),
        ("B", " How are you?"),
    ]
    known: Any = {"known_speaker_names": ["Ann"], "known_speaker_references": ["data:audio/wav;base64,UklGRg=="]}
    answer = (await raw.transcribe(file_of(TWO_SENTENCES), **asked, **known)).json
    assert [each["speaker"] for each in answer["segments"]] == ["Ann", "Ann"]
    events = (await raw.transcribe(file_of(TWO_SENTENCES), **asked, stream="true")).events
    assert [each["speaker"] for each in events[:2]] == ["A", "B"]
    assert events[-1]["text"] == TEXT


async def test_what_the_model_that_tells_speakers_refuses(raw: Raw) -> None:
    for wrong, param in (
        ({"prompt": "Names: Ann."}, "prompt"),
        ({"include": ["logprobs"]}, "include"),
        ({"response_format": "verbose_json"}, "response_format"),
        ({"known_speaker_names": ["Ann"]}, "known_speaker_names"),
        ({"known_speaker_names": ["a"] * 5, "known_speaker_references": ["b"] * 5}, "known_speaker_names"),
        ({"chunking_strategy": "best"}, "chunking_strategy"),
        ({"chunking_strategy[type]": "semantic_vad"}, "chunking_strategy.type"),
    ):
        fields: Any = {"model": DIARIZES, "chunking_strategy": "auto", **wrong}
        assert (await raw.transcribe(**fields)).error["param"] == param
    assert (await raw.transcribe(wav(31, rate=8000), model=DIARIZES)).error["param"] == "chunking_strategy"
    assert (await raw.transcribe(wav(31, rate=8000), model=DIARIZES, chunking_strategy="auto")).status == 200
    whisper: Any = {"known_speaker_names": ["Ann"], "known_speaker_references": ["x"]}
    assert (await raw.transcribe(**whisper)).error["param"] == "known_speaker_names"


async def test_which_model_tells_times(raw: Raw) -> None:
    for model in ("gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", DIARIZES):
        for kind in ("srt", "vtt", "verbose_json"):
            answer = await raw.transcribe(model=model, response_format=kind)
            assert (answer.status, answer.error["param"]) == (400, "response_format")
    assert (await raw.transcribe(response_format="diarized_json")).error["param"] == "response_format"
    assert (await raw.transcribe(model="gpt-4o-transcribe", response_format="diarized_json")).status == 400


# Translation.


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the library, for the endpoint retires
async def test_a_translation_in_every_format(server: HttpLoopback) -> None:
    file = ("speech.wav", file_of(TWO_SENTENCES))
    async with sdk_of(server) as sdk:
        create = sdk.audio.translations.create
        assert (await create(model="whisper-1", file=file)).text == TEXT
        assert await create(model="whisper-1", file=file, response_format="text") == f"{TEXT}\n"
        assert await create(model="whisper-1", file=file, response_format="srt") == SRT
        assert (await create(model="whisper-1", file=file, response_format="vtt")).startswith("WEBVTT\n\n")
        verbose = await create(
            model="whisper-1", file=file, response_format="verbose_json", prompt="Polite.", temperature=0.5
        )
    assert verbose.language == "english"
    assert verbose.duration == pytest.approx(3.22)
    assert [each.text for each in verbose.segments or []] == [" Good morning.", " How are you?"]
    assert server.violations == ()
    assert server.of("translation")[-1].body["prompt"] == "Polite."


async def test_a_translation_that_is_refused(server: HttpLoopback, raw: Raw) -> None:
    refused: Any = (
        ({"model": "gpt-transcribe"}, 400, "model"),
        ({"model": "gpt-4o"}, 400, "model"),
        ({"model": "gpt-9"}, 404, None),
        ({"model": None}, 400, None),
        ({"language": "de"}, 400, "language"),
        ({"stream": "true"}, 400, "stream"),
        ({"timestamp_granularities": ["word"]}, 400, "timestamp_granularities[]"),
        ({"response_format": "diarized_json"}, 400, "response_format"),
        ({"temperature": "1.5"}, 400, "temperature"),
        ({"name": None}, 400, "file"),
    )
    for wrong, status, param in refused:
        answer = await raw.transcribe(path="audio/translations", **wrong)
        assert (answer.status, answer.error["param"]) == (status, param), wrong
    assert [found.stage for found in server.violations] == ["translation"] * 10
    assert (await raw.transcribe(b"text", path="audio/translations")).error["code"] == "invalid_value"
    assert (await raw.ask("audio/translations", method="GET")).status == 405


async def test_a_translation_takes_its_time() -> None:
    async with HttpLoopback(pace=Pace(transcription_s=0.05)) as server, raw_of(server) as raw:
        await raw.transcribe(path="audio/translations")
        entry = server.of("translation")[0]
    assert entry.first_byte_at is not None
    assert entry.first_byte_at - entry.at >= 0.05


# Speech.


def mp3_samples(data: bytes) -> int:
    assert data[:2] == b"\xff\xf3"
    assert data == data[:96] * (len(data) // 96)
    return len(data) // 96 * 576


def aac_samples(data: bytes) -> int:
    at = frames = 0
    while at < len(data):
        head = int.from_bytes(data[at : at + 7], "big")
        assert head >> 40 == 0xFFF1
        at += head >> 13 & 0x1FFF
        frames += 1
    assert at == len(data)
    return frames * 1024


def opus_samples(data: bytes) -> int:
    """Of the last page, less what a decoder drops; at 24 kHz."""
    last = data.rindex(b"OggS")
    (granule,) = struct.unpack_from("<q", data, last + 6)
    (skipped,) = struct.unpack_from("<H", data, data.index(b"OpusHead") + 10)
    assert data[last + 5] == 4
    return int(granule - skipped) // 2


async def test_every_format_is_as_long_as_the_sound(raw: Raw) -> None:
    text = "Good morning to you, and how are you today?"
    samples = len(spoken(text)) // 2
    found = {kind: await raw.speak(input=text, response_format=kind) for kind in speech.FORMATS}
    assert {kind: answer.headers["Content-Type"] for kind, answer in found.items()} == speech.FORMATS
    assert found["pcm"].body == spoken(text)
    assert found["wav"].body == speech.wav_header() + spoken(text)
    assert 0 <= mp3_samples(found["mp3"].body) - samples < 576
    assert 0 <= aac_samples(found["aac"].body) - samples < 1024
    assert opus_samples(found["opus"].body) == samples
    flac = found["flac"].body
    assert (flac[:4], int.from_bytes(flac[18:26], "big") & 0xFFFFFFFFF) == (b"fLaC", samples)
    assert (await raw.speak(input=text, response_format=None)).body == found["mp3"].body


async def test_every_format_is_understood_by_a_decoder(raw: Raw) -> None:
    av = pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    text = "Good morning to you, and how are you today?"
    for kind in ("mp3", "opus", "aac", "flac", "wav"):
        data = (await raw.speak(input=text, response_format=kind, speed=2.0)).body
        with av.open(io.BytesIO(data)) as container:
            frames = list(container.decode(audio=0))
        seconds = sum(frame.samples / frame.sample_rate for frame in frames)
        assert seconds == pytest.approx(len(spoken(text)) / 96_000, abs=0.05), kind
        assert not frames[0].is_corrupt


async def test_a_voice_of_ones_own(raw: Raw) -> None:
    assert (await raw.speak(voice={"id": "voice_1234"})).status == 200
    assert (await raw.speak(voice={"id": "voice_1"})).error["code"] == "voice_not_found"
