"""`voiced api transcribe`, `translate` and `speak`: through files and pipes."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.api_bench import KEY, Bench
from voiced.testing.http import Drop, Fault, HttpLoopback, Script, recognise, speech, spoken

TEXT = "Good morning. How are you?"
TALK = speech.wav_header(len(spoken(TEXT))) + spoken(TEXT)


@pytest.fixture
async def server(bench: Bench) -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(Script(transcripts=lambda _: TEXT), valid_key=KEY) as server:
        bench.before(server)
        yield server


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    path.write_bytes(TALK)
    return path


async def test_what_is_said_is_written_down(bench: Bench, server: HttpLoopback, talk: Path) -> None:
    for said in (
        await bench.types("transcribe", talk, "--language", "en", "--prompt", "Names: Ada"),
        await bench.types("transcribe", stdin=TALK),
    ):
        assert (said.code, said.out, said.err) == (0, f"{TEXT}\n", "")
    first = server.of("transcription")[0]
    assert (first.body["language"], first.body["prompt"]) == ("en", "Names: Ada")


async def test_as_subtitles(bench: Bench, server: HttpLoopback, talk: Path, tmp_path: Path) -> None:
    said = await bench.types("transcribe", talk, "--format", "srt", "--model", "whisper-1")
    assert said.out.startswith("1\n00:00:00,000 --> ")
    await bench.types("transcribe", talk, "--format", "vtt", "--model", "whisper-1", "-o", tmp_path / "talk.vtt")
    assert (tmp_path / "talk.vtt").read_text().startswith("WEBVTT\n")


async def test_for_programs(bench: Bench, server: HttpLoopback, talk: Path) -> None:
    answer = (await bench.types("transcribe", talk, "--json")).json
    assert (answer["text"], answer["provider"]) == (TEXT, "openai")
    assert (await bench.types("transcribe", talk, "--format", "json")).json == {"text": TEXT}


async def test_into_english(bench: Bench, server: HttpLoopback, talk: Path) -> None:
    said = await bench.types("translate", talk)
    assert (said.code, said.err) == (0, "")
    assert said.out.strip()
    assert server.of("translation")[0].body["model"] == "whisper-1"


async def test_speech_goes_down_the_pipe(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("speak", "Good", "morning.", "--format", "pcm", "--voice", "onyx", "--speed", "1.5")
    assert (said.code, said.err) == (0, "")
    asked = server.of("speech")[0].body
    assert (asked["input"], asked["voice"], asked["speed"]) == ("Good morning.", "onyx", 1.5)
    said = await bench.types("speak", "--format", "pcm", stdin=b"Good morning.\n")
    assert [each.text for each in recognise(said.data, ["Good morning.", "Bad morning."])] == ["Good morning."]


async def test_speech_goes_to_a_file_of_the_kind_that_its_name_says(
    bench: Bench, server: HttpLoopback, tmp_path: Path
) -> None:
    said = await bench.types("speak", "Good morning.", "-o", tmp_path / "morning.wav")
    assert (said.code, said.data, said.err) == (0, b"", "")
    with wave.open(io.BytesIO((tmp_path / "morning.wav").read_bytes())) as file:
        assert file.getnframes() * 2 == len(spoken("Good morning."))
    await bench.types("speak", "Good morning.", "-o", tmp_path / "morning.mp3")
    assert server.of("speech")[1].body["response_format"] == "mp3"


async def test_a_name_that_tells_no_kind_is_told_of(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    path = tmp_path / "dinner.txt"
    said = await bench.types("speak", "Dinner is ready.", "--output", str(path))
    assert said.code == 0
    assert said.err == f"voiced: {path}: this becomes an MP3, whatever its name says; --format chooses another\n"
    assert (await bench.types("speak", "Dinner is ready.", "--output", str(path), "--format", "mp3")).err == ""


async def test_speech_that_breaks_off_is_no_file(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    server.add_fault(Fault(Drop(after=1), "speech"))
    said = await bench.types("speak", "Good morning.", "-o", tmp_path / "morning.wav")
    assert (said.code, said.data) == (1, b"")
    assert said.err.count("\n") == 1
    assert list(tmp_path.glob("*morning*")) == list(tmp_path.glob(".*part")) == []


async def test_a_device_is_written_to_and_not_replaced(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("speak", "Good morning.", "-o", "/dev/null")
    assert (said.code, said.data, said.err) == (0, b"", "")
    assert Path("/dev/null").is_char_device()
    said = await bench.types("speak", "Good morning.", "-o", "/dev/full")
    assert (said.code, said.data) == (1, b"")
    assert said.err == "voiced: /dev/full: it can't be written (No space left on device)\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "terminal", "code", "complaint"),
    [
        (["speak", "Hi"], b"", True, 2, "what comes is no text for a terminal"),
        (["speak"], b"", False, 2, "there is no text"),
        (["speak", "Hi", "-o", "/nowhere/hi.wav"], b"", False, 2, "there is no folder /nowhere"),
        (["transcribe"], b"", False, 2, "standard input is empty"),
        (["transcribe", "/nowhere.wav"], b"", False, 1, "/nowhere.wav: there is no such file"),
        (["transcribe", "{folder}/notes.txt"], b"", False, 1, "notes.txt"),
        (["transcribe", "{folder}/empty.wav"], b"", False, 1, "empty.wav is empty"),
    ],
)
async def test_mistakes_are_one_line_and_nothing_is_asked(
    bench: Bench,
    server: HttpLoopback,
    arguments: list[str],
    stdin: bytes,
    terminal: bool,
    code: int,
    complaint: str,
) -> None:
    (bench.folder / "notes.txt").write_text("no sound")
    (bench.folder / "empty.wav").write_bytes(b"")
    typed = (each.replace("{folder}", str(bench.folder)) for each in arguments)
    said = await bench.types(*typed, stdin=stdin, terminal=terminal)
    assert (said.code, said.out, server.requests) == (code, "", ())
    assert complaint in said.err
    assert said.err.count("\n") == 1
