"""`ai.audio` writes down and translates, before the server on loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.speech import read_wav
from tests.stalls import PATIENCE_S, patience_passes
from tests.testing.shared_data import SHARED
from voiced.ai.settings import ProviderSettings
from voiced.ai.sound_file import MOST_BYTES
from voiced.errors import (
    AnswerUnusable,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ModelUnknown,
    RequestRejected,
    StreamCut,
)
from voiced.testing.http import (
    Answer,
    Drop,
    End,
    Fault,
    Heard,
    HttpLoopback,
    Instead,
    Pace,
    Script,
    SendError,
    Stall,
    encoded_sound,
    html_page,
    recognise,
    unavailable,
)
from voiced.usage import Usage

from .desk import desk
from .sounds import said, silence, sound_in, tone, wav

HELLO, WEATHER, BYE = "Good morning.", "It rains in Oslo.", "Goodbye then."
FILE = ("talk.wav", wav(said(0.5, HELLO, 1.0, WEATHER, 0.2)))
TALK = f"{HELLO} {WEATHER}"


def listening(*texts: str) -> Callable[[Heard], str]:
    """Writes down which of these texts sound in a file, in PCM16 at 24 kHz."""

    def heard(heard: Heard) -> str:
        return " ".join(each.text for each in recognise(heard.pcm, texts))

    return heard


def script(*texts: str) -> Script:
    return Script(transcripts=listening(*(texts or (HELLO, WEATHER, BYE))))


async def test_what_is_said_is_written_down() -> None:
    async with HttpLoopback(script()) as server, desk(server) as made:
        found = await made.ai.audio.transcribe(FILE)
        assert server.violations == ()
        form = server.of("transcription")[0].body
    assert (found.text, found.language) == (TALK, "en")
    assert found.seconds == pytest.approx(len(sound_in(FILE[1])) / 48_000)
    assert json.loads(found.formatted) == {"text": TALK}
    assert (found.model, found.provider, found.segments) == ("gpt-transcribe", "openai", ())
    assert form == {"model": "gpt-transcribe", "response_format": "json"}
    assert made.spent == [Usage("gpt-transcribe", audio_in=37, text_out=8)]


async def test_all_that_may_be_asked_goes_along(tmp_path: Path) -> None:
    path = tmp_path / "Anna.wav"
    path.write_bytes(FILE[1])
    async with HttpLoopback(script()) as server, desk(server) as made:
        await made.ai.audio.transcribe(
            path, language="en", languages=["en", "de"], keywords=["Oslo"], prompt="The weather.", temperature=0.3
        )
        assert server.violations == ()
        assert server.of("transcription")[0].body == {
            "model": "gpt-transcribe",
            "response_format": "json",
            "prompt": "The weather.",
            "language": "en",
            "languages[]": ["en", "de"],
            "keywords[]": ["Oslo"],
            "temperature": "0.3",
        }


@pytest.mark.parametrize("model", ["whisper-1", "gpt-transcribe"])
async def test_subtitles_are_where_the_words_are(model: str) -> None:
    sound = said(0.5, HELLO, 3.0, WEATHER, 6.0, BYE, 0.4)
    async with HttpLoopback(script()) as server, desk(server) as made:
        found = await made.ai.audio.transcribe(("talk.wav", wav(sound)), format="srt", model=model)
        vtt = await made.ai.audio.transcribe(("talk.wav", wav(sound)), format="vtt", model=model)
        assert server.violations == ()
    assert [each.text for each in found.segments] == [HELLO, WEATHER, BYE]
    spans = [span for each in found.segments for span in (each.start, each.end)]
    exact = [0.5, 1.34, 4.34, 5.44, 11.44, 12.28]
    assert spans == pytest.approx(exact, abs=0.01 if model == "whisper-1" else 0.12)
    numbers, texts = found.formatted.splitlines()[::4], found.formatted.splitlines()[2::4]
    assert (numbers, texts) == (["1", "2", "3"], [HELLO, WEATHER, BYE])
    assert vtt.formatted.startswith("WEBVTT\n\n00:00:00.")


async def test_every_format_and_the_times_of_words() -> None:
    async with HttpLoopback(script()) as server, desk(server) as made:
        ask = made.ai.audio.transcribe
        assert (await ask(FILE, format="text")).formatted == f"{TALK}\n"
        found = await ask(FILE, format="verbose_json", words=True, model="whisper-1")
        speakers = await ask(FILE, format="diarized_json", model="gpt-4o-transcribe-diarize")
        subtitles = await ask(FILE, format="srt", model="gpt-4o-transcribe-diarize")
        assert server.violations == ()
    assert [(word.text, word.start) for word in found.words[:2]] == [("Good", 0.5), ("morning.", 0.92)]
    verbose = json.loads(found.formatted)
    assert [each["word"] for each in verbose["words"]] == TALK.split()
    assert (verbose["segments"][0]["text"], verbose["segments"][0]["start"]) == (HELLO, 0.5)
    assert [each.speaker for each in speakers.segments] == ["A", "B"]
    assert [each["speaker"] for each in json.loads(speakers.formatted)["segments"]] == ["A", "B"]
    assert subtitles.formatted.splitlines()[2] == f"A: {HELLO}"
    assert made.spent[1] == Usage("whisper-1", seconds=4.0)


async def test_silence_costs_no_request_where_the_times_are_ours() -> None:
    async with HttpLoopback(script()) as server, desk(server) as made:
        found = await made.ai.audio.transcribe(("talk.wav", wav(silence(3.0))), format="srt")
        assert (found.text, found.formatted, found.seconds) == ("", "", 3.0)
        assert server.requests == ()


# Long files.


async def test_a_file_over_the_limit_is_cut_in_silences_and_joined_with_its_times(tmp_path: Path) -> None:
    texts = [f"Sentence number {number}." for number in range(50)]
    speech, pause_s = {text: said(text) for text in texts}, 10.0
    path = tmp_path / "talk.wav"
    sound = b"".join(speech[text] + silence(pause_s) for text in texts)
    path.write_bytes(wav(sound))
    assert path.stat().st_size > MOST_BYTES
    ticks: list[tuple[int, int]] = []
    async with HttpLoopback(script(*texts)) as server, desk(server, timeout_s=30.0) as made:
        found = await made.ai.audio.transcribe(
            path,
            format="srt",
            model="whisper-1",
            prompt="Numbers.",
            progress=lambda done, all_: ticks.append((done, all_)),
        )
        assert server.violations == ()
        forms = [entry.body for entry in server.of("transcription")]
    assert len(forms) == 2
    assert found.text == " ".join(texts)
    assert [each.text for each in found.segments] == texts
    at, starts = 0.0, []
    for text in texts:
        starts.append(at)
        at += len(speech[text]) / 48_000 + pause_s
    assert [each.start for each in found.segments] == pytest.approx(starts, abs=0.03)
    assert forms[0]["prompt"] == "Numbers."
    assert forms[1]["prompt"].startswith("Numbers. ")
    assert forms[1]["prompt"].split("Numbers. ")[1] in found.text
    assert ticks[-1] == (len(sound), len(sound))
    assert len(ticks) == 2
    assert sum(each.seconds for each in made.spent) == pytest.approx(found.seconds, abs=2.0)


async def test_a_model_that_writes_little_at_once_gets_a_few_minutes_at_a_time() -> None:
    sound = (tone(50.0, rate=8000) + silence(10.0, rate=8000)) * 7
    async with HttpLoopback() as server, desk(server) as made:
        found = await made.ai.audio.transcribe(("talk.wav", wav(sound, rate=8000)))
        async with made.ai.audio.transcribe_stream(("talk.wav", wav(sound, rate=8000))) as texts:
            streamed = "".join([text async for text in texts])
        assert server.violations == ()
    assert found.text == streamed == "speech of 295000 ms speech of 125000 ms"


async def test_a_later_piece_that_fails_leaves_what_was_said_so_far() -> None:
    sound = said(1.0, HELLO, 8.0, WEATHER, 8.0, BYE)
    faults = [Fault(Drop(), "transcription", 2, every=True)]
    async with HttpLoopback(script(), faults=faults) as server, desk(server, retries=0) as made:
        with pytest.raises(StreamCut, match="13 characters of text came before") as caught:
            await made.ai.audio.transcribe(("talk.wav", wav(sound)), format="srt")
    assert caught.value.so_far == HELLO


async def test_a_coded_file_is_paid_by_what_the_server_tells() -> None:
    async with HttpLoopback(transcripts=["Hello."]) as server, desk(server) as made:
        found = await made.ai.audio.transcribe(("talk.mp3", encoded_sound.mp3(silence(5.0))), model="whisper-1")
    assert found.text == "Hello."
    (paid,) = made.spent
    assert paid.seconds > 5.0  # nobody told, so rather too much


@pytest.mark.shared_data
@pytest.mark.skipif(not (SHARED / "speech").exists(), reason=f"no speech at {SHARED}; set VOICED_SHARED")
async def test_people_who_really_speak() -> None:
    clips = [read_wav(path) for path in sorted((SHARED / "speech" / "labelled").glob("*.wav"))[:6]]
    sound = silence(1.0).join(clips)
    async with HttpLoopback() as server, desk(server) as made:
        found = await made.ai.audio.transcribe(("talk.wav", wav(sound)), format="vtt")
        assert server.violations == ()
        pieces = [len(entry.pcm) / 48_000 for entry in server.of("transcription")]
    assert max(pieces) <= 10.0
    assert found.seconds == pytest.approx(len(sound) / 48_000, abs=0.01)
    spans = [(each.start, each.end) for each in found.segments]
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] + 0.01 for one, other in itertools.pairwise(spans))


# What is wrong before anything is sent.


@pytest.mark.parametrize(
    ("file", "options", "says"),
    [
        ("/nowhere/talk.wav", {}, "transcription: /nowhere/talk.wav: there is no such file"),
        (("talk.wav", b""), {}, "talk.wav is empty"),
        (("talk.wav", wav(b"")), {}, "a WAV with no sound in it"),
        (("talk.wav", b"Dear Anna, this is a letter."), {}, "holds no WAV: give a sound file"),
        (("talk.doc", wav(tone(1.0))), {}, "is of another kind than is taken"),
        (("talk.mp3", b"ID3" + bytes(MOST_BYTES)), {}, "at most 25 MiB are taken: make a WAV of it"),
        (FILE, {"language": "German"}, "is no language"),
        (FILE, {"words": True}, "gpt-transcribe tells no times of words"),
        (FILE, {"format": "html"}, "'html' is no format"),
        (FILE, {"temperature": -1}, "use 0 to 1"),
    ],
)
async def test_what_is_refused_here(
    file: Any, options: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # what Python takes for: it is not installed
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(RequestRejected) as caught:
            await made.ai.audio.transcribe(file, **options)
        assert server.requests == ()
    assert says in str(caught.value)
    assert made.spent == []


@pytest.mark.parametrize(
    ("file", "options", "says"),
    [
        ("/nowhere/talk.wav", {}, "there is no such file"),
        (("talk.wav", wav(b"")), {}, "a WAV with no sound in it"),
        (FILE, {"language": "German"}, "is no language"),
        (FILE, {"prompt": "Ann.", "model": "gpt-4o-transcribe-diarize"}, "takes no prompt"),
    ],
)
async def test_what_is_refused_of_a_stream(file: Any, options: dict[str, Any], says: str) -> None:
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(RequestRejected, match=says):
            async with made.ai.audio.transcribe_stream(file, **options) as texts:
                assert [text async for text in texts] == []
        assert server.requests == ()


async def test_a_file_longer_than_the_model_takes_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    message = "audio duration 1800 seconds is longer than 1500 seconds which is the maximum for this model"
    error = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_value"}}
    async with (
        HttpLoopback(faults=[Fault(Answer(400, error), "transcription", 1, every=True)]) as server,
        desk(server) as made,
    ):
        with pytest.raises(RequestRejected, match="make a WAV of it, which is sent in parts"):
            await made.ai.audio.transcribe(("talk.mp3", encoded_sound.mp3(silence(1.0))))
        with pytest.raises(RequestRejected, match="make a WAV of it, which is sent in parts"):
            async with made.ai.audio.transcribe_stream(("talk.mp3", encoded_sound.mp3(silence(1.0)))) as texts:
                assert [text async for text in texts] == []


# Answers that are none.


@pytest.mark.parametrize(
    "answer",
    [
        html_page(),
        Answer(200, {"error": {"message": "no", "type": "server_error"}}),
        Answer(200, b""),
        Answer(200, b"{"),
        Answer(200, b"Hello.", content_type="text/plain"),
        Answer(200, {"text": 5}),
    ],
)
async def test_an_answer_that_is_none(answer: Answer) -> None:
    faults = [Fault(answer, stage, 1, every=True) for stage in ("transcription", "translation")]
    async with HttpLoopback(faults=faults) as server, desk(server) as made:
        with pytest.raises(AnswerUnusable):
            await made.ai.audio.transcribe(FILE)
        with pytest.raises(AnswerUnusable):
            await made.ai.audio.transcribe(FILE, format="srt", model="whisper-1")
        with pytest.raises(AnswerUnusable):
            await made.ai.audio.translate(FILE)
        assert len(server.requests) == 3
    assert made.spent == []


async def test_the_next_provider_writes_it_down() -> None:
    faults = [Fault(unavailable(), "transcription", 1, every=True)]
    async with HttpLoopback(faults=faults) as down, HttpLoopback(script()) as server:
        providers = {
            "openai": ProviderSettings(base_url=down.base_url),
            "speaches": ProviderSettings(base_url=server.base_url, models={"transcription": "whisper-1"}),
        }
        async with desk(server, providers=providers, order=("openai", "speaches")) as made:
            found = await made.ai.audio.transcribe(FILE, format="srt")
    assert (found.provider, found.model, found.text) == ("speaches", "whisper-1", TALK)


# Translation.


async def test_what_is_said_is_translated() -> None:
    async with HttpLoopback(transcripts=[TALK] * 3) as server, desk(server) as made:
        found = await made.ai.audio.translate(FILE, prompt="Polite.", temperature=0.5)
        srt = await made.ai.audio.translate(FILE, format="srt")
        verbose = await made.ai.audio.translate(FILE, format="verbose_json")
        assert server.violations == ()
        assert server.of("translation")[0].body == {
            "file": {"filename": "sound.wav", "bytes": len(FILE[1])},
            "model": "whisper-1",
            "prompt": "Polite.",
            "temperature": "0.5",
            "response_format": "verbose_json",
        }
    assert (found.text, found.language, found.model) == (TALK, "english", "whisper-1")
    assert srt.formatted.splitlines()[1] == "00:00:00,500 --> 00:00:01,340"
    assert json.loads(verbose.formatted)["task"] == "translate"
    assert [each.seconds for each in made.spent] == [pytest.approx(found.seconds)] * 3


async def test_a_model_that_does_not_translate() -> None:
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(RequestRejected, match="gpt-transcribe only writes down: name a Whisper model"):
            await made.ai.audio.translate(FILE, model="gpt-transcribe")
        assert server.requests == ()
        with pytest.raises(ModelUnknown):
            await made.ai.audio.translate(FILE, model="whisper-9")


# Streams.


async def test_the_text_comes_while_it_is_written() -> None:
    async with HttpLoopback(script(), pace=Pace(piece_s=0.01)) as server, desk(server) as made:
        async with made.ai.audio.transcribe_stream(FILE, language="en", prompt="Weather.") as texts:
            with pytest.raises(RuntimeError, match="iterate over it first"):
                _ = texts.transcription
            found = [text async for text in texts]
        assert server.violations == ()
        assert server.of("transcription")[0].body["stream"] == "true"
    assert len(found) == 6
    assert "".join(found) == texts.transcription.text == TALK
    assert made.spent == [Usage("gpt-transcribe", audio_in=37, text_in=2, text_out=8)]


async def test_whisper_has_no_stream_and_comes_at_once() -> None:
    async with HttpLoopback(script()) as server, desk(server) as made:
        async with made.ai.audio.transcribe_stream(FILE, model="whisper-1") as texts:
            assert [text async for text in texts] == [TALK]
        assert "stream" not in server.of("transcription")[0].body
    assert texts.transcription.model == "whisper-1"


async def test_nobody_speaks_in_a_stream() -> None:
    async with HttpLoopback(transcripts=[""]) as server, desk(server) as made:
        async with made.ai.audio.transcribe_stream(FILE) as texts:
            assert [text async for text in texts] == []
        assert texts.transcription.text == ""


@pytest.mark.parametrize("action", [Drop(after=2), End(after=2), SendError(after=2), Drop(after=2, inside="piece")])
async def test_a_stream_that_breaks_says_how_much_came(action: Any) -> None:
    async with HttpLoopback(script(), faults=[Fault(action, "transcription")]) as server, desk(server) as made:
        async with made.ai.audio.transcribe_stream(FILE) as texts:
            assert [await anext(texts), await anext(texts)] == ["Good", " morning."]
            with pytest.raises(StreamCut, match="13 characters of text came before") as caught:
                await anext(texts)
        assert caught.value.so_far == HELLO
    assert made.spent == [Usage("gpt-transcribe", seconds=pytest.approx(3.64))]  # type: ignore[arg-type]


async def test_a_stream_that_never_began_is_no_stream_that_was_cut() -> None:
    async with (
        HttpLoopback(faults=[Fault(Drop(), "transcription", 1, every=True)]) as server,
        desk(server, retries=0) as made,
    ):
        with pytest.raises(ApiUnreachable) as caught:
            async with made.ai.audio.transcribe_stream(FILE) as texts:
                assert [text async for text in texts] == []
        assert not isinstance(caught.value, StreamCut)


async def test_a_stream_that_says_nothing_sensible() -> None:
    events = b'data: {"type": "transcript.text.done", "text": 5}\n\ndata: [DONE]\n\n'
    answer = Instead(lambda _: events)
    async with HttpLoopback(faults=[Fault(answer, "transcription")]) as server, desk(server) as made:
        with pytest.raises(AnswerUnusable):
            async with made.ai.audio.transcribe_stream(FILE) as texts:
                assert [text async for text in texts] == []


async def test_a_stream_that_stalls_is_given_up() -> None:
    async with HttpLoopback(faults=[Fault(Stall(after=1), "transcription")]) as server, desk(server) as made:
        with pytest.raises(StreamCut, match="did not answer in time"):
            async with (
                patience_passes(server, "transcription", 1),
                made.ai.audio.transcribe_stream(FILE, within_s=PATIENCE_S) as texts,
            ):
                assert [text async for text in texts] == []


async def test_whoever_is_cancelled_in_mid_stream_leaves_nothing_behind() -> None:
    async with HttpLoopback(script(), faults=[Fault(Stall(after=2), "transcription")]) as server, desk(server) as made:

        async def hear() -> None:
            async with made.ai.audio.transcribe_stream(FILE) as texts:
                async for _ in texts:
                    pass

        task = asyncio.create_task(hear())
        await server.wait_for("transcription", outcome="faulted")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await server.wait_for("transcription", ended=True)
        assert (await made.ai.audio.transcribe(FILE)).text == TALK


async def test_whoever_leaves_a_stream_early_hangs_up() -> None:
    async with HttpLoopback(script(), pace=Pace(piece_s=30.0)) as server, desk(server) as made:
        async with made.ai.audio.transcribe_stream(FILE) as texts:
            assert await anext(texts) == "Good"
        entry = await server.wait_for("transcription", ended=True)
        assert entry.outcome == "abandoned"


async def test_what_may_not_be_asked_is_not() -> None:
    async with HttpLoopback() as server, desk(server) as made:
        made.refusal = "the budget is spent"
        calls: list[Callable[[], Any]] = [
            lambda: made.ai.audio.transcribe(FILE),
            lambda: made.ai.audio.translate(FILE),
            lambda: made.ai.audio.speak("Hello."),
        ]
        for call in calls:
            with pytest.raises(ApiDenied, match="the budget is spent"):
                await call()
        with pytest.raises(ApiError):
            async with made.ai.audio.transcribe_stream(FILE) as texts:
                assert [text async for text in texts] == []
        assert server.requests == ()
