"""What was said, in every format, and as each model is asked for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voiced.ai.sound_pieces import LONG, MINUTES, PHRASES, Piece
from voiced.ai.transcription import FORMATS, Format, Segment, Transcription, Word, formatted, joined
from voiced.ai.transcription_answer import read, usage
from voiced.ai.transcription_wish import PROMPT_TAIL, Wish, continued, times_of
from voiced.errors import RequestRejected
from voiced.usage import Usage

FOUND = Transcription(
    "Good morning. How --> are you?",
    "english",
    3725.5,
    (
        Segment("Good morning.", 0.0, 1.25, told={"id": 0, "avg_logprob": -0.2, "start": 9.0, "end": 9.5, "text": "x"}),
        Segment("How -->\n are you?", 3723.0, 3725.4996, told={"id": 0, "avg_logprob": -0.3}),
    ),
    (Word("Good", 0.0, 0.5),),
)
SPOKEN = Transcription("Hi. Hello.", segments=(Segment("Hi.", 0.0, 1.0, "A"), Segment("Hello.", 1.0, 2.0, "B")))
PIECE = Piece("sound.wav", b"", start_s=100.0, seconds=10.0, about_s=10.0)
TOKENS = {"type": "tokens", "input_tokens": 30, "output_tokens": 5}
CODED = Piece("sound.mp3", b"", about_s=55.0)


def test_subtitles() -> None:
    assert formatted(FOUND, "srt", task="transcribe") == (
        "1\n00:00:00,000 --> 00:00:01,250\nGood morning.\n\n2\n01:02:03,000 --> 01:02:05,500\nHow -> are you?\n"
    )
    assert formatted(FOUND, "vtt", task="transcribe") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nGood morning.\n\n01:02:03.000 --> 01:02:05.500\nHow -> are you?\n"
    )
    assert formatted(SPOKEN, "srt", task="transcribe").splitlines()[2::4] == ["A: Hi.", "B: Hello."]
    assert formatted(Transcription(""), "srt", task="transcribe") == ""
    assert formatted(Transcription(""), "vtt", task="transcribe") == "WEBVTT\n"


def test_texts_and_json() -> None:
    assert formatted(FOUND, "text", task="transcribe") == "Good morning. How --> are you?\n"
    assert json.loads(formatted(FOUND, "json", task="transcribe")) == {"text": FOUND.text}
    verbose = json.loads(formatted(FOUND, "verbose_json", task="translate"))
    assert verbose["segments"] == [
        {"id": 0, "start": 0.0, "end": 1.25, "avg_logprob": -0.2, "text": "Good morning."},
        {"id": 1, "start": 3723.0, "end": 3725.4996, "avg_logprob": -0.3, "text": "How -->\n are you?"},
    ]
    assert verbose["words"] == [{"word": "Good", "start": 0.0, "end": 0.5}]
    assert {key: verbose[key] for key in ("task", "language", "duration", "text")} == {
        "task": "translate",
        "language": "english",
        "duration": 3725.5,
        "text": FOUND.text,
    }
    diarized = json.loads(formatted(SPOKEN, "diarized_json", task="transcribe"))
    assert [each["id"] for each in diarized["segments"]] == ["seg_000", "seg_001"]


def test_what_was_said_is_not_printed() -> None:
    assert "morning" not in repr(FOUND)
    assert "Hi" not in f"{SPOKEN.segments} {Word('Hi', 0, 1)} {Wish('transcription', prompt='Hi')}"


def test_texts_of_pieces_are_joined_with_blanks() -> None:
    assert joined([" Good morning. ", "", "How are you?\n"]) == "Good morning. How are you?"


# What is asked.


@pytest.mark.parametrize(
    ("model", "times"),
    [
        ("whisper-1", "all"),
        ("Systran/faster-whisper-large-v3", "all"),
        ("my-deployment", "all"),
        ("gpt-transcribe", "none"),
        ("gpt-4o-transcribe", "none"),
        ("gpt-4o-mini-transcribe-2025-12-15", "none"),
        ("gpt-4o-transcribe-diarize", "speakers"),
    ],
)
def test_which_model_tells_times(model: str, times: str) -> None:
    assert times_of(model) == times


@pytest.mark.parametrize("kind", FORMATS[:5])
def test_the_form_has_what_the_model_takes(kind: Format) -> None:
    wish = Wish("transcription", kind)
    timed = kind in ("srt", "vtt", "verbose_json")
    assert wish.form("whisper-1", wish.cut("whisper-1")) == {"response_format": "verbose_json" if timed else "json"}
    assert wish.cut("gpt-transcribe") is (PHRASES if timed else MINUTES)
    assert wish.cut("whisper-1") is wish.cut("gpt-4o-transcribe-diarize") is LONG
    assert wish.form("gpt-transcribe", wish.cut("gpt-transcribe")) == {"response_format": "json"}
    assert wish.form("gpt-4o-transcribe-diarize", LONG) == {
        "response_format": "diarized_json" if timed else "json",
        "chunking_strategy": "auto",
    }


def test_all_that_may_be_asked() -> None:
    wish = Wish("transcription", "json", "de", ["de", "en"], ["voiced"], "Names: Ann.", 0.0)
    assert wish.form("gpt-transcribe", LONG, "Hello.") == {
        "response_format": "json",
        "prompt": "Names: Ann. Hello.",
        "language": "de",
        "languages": ["de", "en"],
        "keywords": ["voiced"],
        "temperature": 0.0,
    }
    words = Wish("transcription", words=True).form("whisper-1", LONG)
    assert words == {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"format": "xml"}, "'xml' is no format: use one of json, text, srt"),
        ({"language": "German"}, "'German' is no language: write its code (ISO 639-1), such as en or de"),
        ({"language": "de-DE"}, "is no language"),
        ({"languages": ["de", ""]}, "'' is no language"),
        ({"languages": "de"}, "are lists of texts"),
        ({"keywords": "voiced"}, "are lists of texts"),
        ({"temperature": 1.5}, "the temperature is 1.5; use 0 to 1"),
        ({"temperature": float("nan")}, "the temperature is nan"),
    ],
)
def test_what_no_server_takes(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        Wish("transcription", **wrong)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("wish", "model", "says"),
    [
        (Wish("transcription", words=True), "gpt-transcribe", "tells no times of words: name a Whisper model"),
        (Wish("transcription", words=True), "gpt-4o-transcribe-diarize", "(at OpenAI whisper-1, until 2027-02-26)"),
        (Wish("transcription", "diarized_json"), "whisper-1", "does not tell who speaks: name gpt-4o-transcribe-diar"),
        (Wish("transcription", prompt="Ann."), "gpt-4o-transcribe-diarize", "takes no prompt: leave it out"),
    ],
)
def test_what_this_model_can_not_tell(wish: Wish, model: str, says: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        wish.cut(model)
    assert says in str(caught.value)


def test_the_next_provider_may_have_a_model_that_tells_no_times() -> None:
    with pytest.raises(RequestRejected, match="gpt-transcribe tells no times"):
        Wish("transcription", "srt").form("gpt-transcribe", LONG)
    assert Wish("transcription", "srt").form("whisper-1", PHRASES) == {"response_format": "json"}


def test_the_end_of_what_was_said_goes_on_with_the_next_piece() -> None:
    long = " ".join(f"word{number}" for number in range(500))
    tail = continued("Names: Ann.", long)
    assert tail.startswith("Names: Ann. word4")
    assert tail.endswith(" word499")
    assert len(tail) <= PROMPT_TAIL + len("Names: Ann. ")
    assert continued("", "all of it") == "all of it"
    assert continued("Names.", "") == "Names."
    assert len(continued("", "x" * 2000)) == PROMPT_TAIL


# What is answered.


def verbose(**fields: Any) -> dict[str, Any]:
    return {"text": "Hi.", "duration": 9.5, "language": "english", "segments": []} | fields


def segment(start: Any, end: Any, text: Any = " Hi.") -> dict[str, Any]:
    return {"id": 0, "start": start, "end": end, "text": text}


def test_times_are_those_in_the_file() -> None:
    answer = verbose(segments=[segment(0.5, 2.25), segment(9.0, 31.0)], words=[{"word": "Hi", "start": 0.5, "end": 1}])
    heard = read(answer, PIECE, Wish("transcription", words=True))
    assert [(each.text, each.start, each.end) for each in heard.segments] == [
        ("Hi.", 100.5, 102.25),
        ("Hi.", 109.0, 110.0),  # not beyond the end of the piece
    ]
    assert heard.words == [Word("Hi", 100.5, 101.0)]
    assert (heard.language, heard.seconds) == ("english", 10.0)


def test_a_phrase_is_a_segment() -> None:
    phrase = Piece("sound.wav", b"", 20.0, 5.0, 5.0, (0.5, 4.0))
    heard = read({"text": " Hi. ", "languages": [{"code": "en"}]}, phrase, Wish("transcription", "srt"))
    assert [(each.text, each.start, each.end) for each in heard.segments] == [("Hi.", 20.5, 24.0)]
    assert heard.language == "en"
    assert read({"text": ""}, phrase, Wish("transcription", "srt")).segments == []


def test_the_length_of_a_coded_file_is_what_the_server_tells() -> None:
    assert read(verbose(), CODED, Wish("transcription")).seconds == 9.5
    assert read({"text": "", "usage": {"seconds": 7}}, CODED, Wish("transcription")).seconds == 7.0
    assert read({"text": ""}, CODED, Wish("transcription")).seconds == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"text": None},
        {"error": {"message": "no"}},
        "a page",
        None,
        [],
        verbose(segments=None),
        verbose(segments=[]),
        verbose(segments=[segment(0, float("nan"))]),
        verbose(segments=[segment("a", 1)]),
        verbose(segments=[segment(0, 1, None)]),
        verbose(segments=[{"start": 0, "end": 1}]),
        verbose(segments=[5]),
        verbose(segments=[segment(0, 1)], words=None),
        verbose(segments=[segment(0, 1)], words=[{"word": "Hi"}]),
    ],
)
def test_an_answer_that_is_none(answer: Any) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        read(answer, PIECE, Wish("transcription", "srt", words=True))


@pytest.mark.parametrize(
    ("told", "piece", "paid"),
    [
        (
            TOKENS | {"input_token_details": {"text_tokens": 10, "audio_tokens": 20}},
            PIECE,
            Usage("m", text_in=10, audio_in=20, text_out=5),
        ),
        (TOKENS, PIECE, Usage("m", audio_in=30, text_out=5)),
        ({"type": "duration", "seconds": 11}, PIECE, Usage("m", seconds=11.0)),
        ({"type": "duration", "seconds": 0}, PIECE, Usage("m", seconds=10.0)),
        (None, PIECE, Usage("m", seconds=10.0)),
        ("much", PIECE, Usage("m", seconds=10.0)),
        (None, CODED, Usage("m", seconds=55.0)),
        ({"input_tokens": -4, "output_tokens": True}, PIECE, Usage("m")),
    ],
)  # fmt: skip
def test_what_is_paid_for(told: Any, piece: Piece, paid: Usage) -> None:
    assert usage({"text": "Hi.", "usage": told}, piece, "m") == paid


def test_the_length_that_verbose_json_tells_is_paid_for() -> None:
    assert usage({"text": "Hi.", "duration": 9.5}, CODED, "m") == Usage("m", seconds=9.5)
