"""`ai.audio` speaks, before the server on loopback."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced import installing
from voiced.ai.settings import ProviderSettings
from voiced.ai.speech import AHEAD_BYTES, SpeechStream
from voiced.ai.speech_sound import SpeechFormat
from voiced.errors import AnswerUnusable, ApiDenied, ApiUnreachable, ModelUnknown, RequestRejected, StreamCut
from voiced.testing.http import (
    Answer,
    Drop,
    End,
    Fault,
    HttpLoopback,
    Instead,
    Pace,
    Script,
    Stall,
    encoded_sound,
    html_page,
    no_such_model,
    recognise,
    spoken,
    unavailable,
)
from voiced.usage import Usage

from .desk import desk
from .sounds import silence, sound_in, wav

TEXT = "Good morning to you."
SENTENCES = [f"This is sentence number {number}, which is not a short one." for number in range(200)]
LONG = " ".join(SENTENCES)
"""Three parts."""

EACH: dict[SpeechFormat, Any] = {
    "mp3": encoded_sound.mp3,
    "opus": encoded_sound.opus,
    "aac": encoded_sound.aac,
    "flac": encoded_sound.flac,
    "wav": wav,
    "pcm": bytes,
}
SHORT = Script(sound=lambda text: spoken(text[:10]))
"""A server that makes little sound of much text."""


async def hear(sound: SpeechStream, heard: list[bytes]) -> None:
    async for piece in sound:
        heard.append(piece)  # noqa: PERF401 an error would take a list with it


def parts_of(server: HttpLoopback) -> Sequence[str]:
    return [entry.body["input"] for entry in server.of("speech")]


@pytest.mark.parametrize("format_", EACH)
async def test_every_format(format_: SpeechFormat) -> None:
    async with HttpLoopback() as server, desk(server) as made:
        sound = await made.ai.audio.speak(TEXT, format=format_)
        assert server.violations == ()
        assert server.of("speech")[0].body == {
            "model": "gpt-4o-mini-tts",
            "input": TEXT,
            "voice": "coral",
            "response_format": format_,
        }
    assert sound == EACH[format_](spoken(TEXT))
    assert made.spent == [Usage("gpt-4o-mini-tts", characters=len(TEXT))]


async def test_how_it_is_to_sound() -> None:
    async with HttpLoopback() as server, desk(server) as made:
        sound = await made.ai.audio.speak(TEXT, voice="marin", speed=2.0, instructions="Whisper.", format="wav")
        await made.ai.audio.speak(TEXT, voice={"id": "voice_1234"}, model="tts-1-hd")
        assert server.violations == ()
        first, second = (entry.body for entry in server.of("speech"))
    assert (first["voice"], first["speed"], first["instructions"]) == ("marin", 2.0, "Whisper.")
    assert (second["voice"], second["model"]) == ({"id": "voice_1234"}, "tts-1-hd")
    assert len(sound_in(sound)) == len(spoken(TEXT)) // 2


@pytest.mark.parametrize("format_", ["pcm", "wav", "mp3", "aac", "opus"])
async def test_a_long_text_is_spoken_in_parts_that_end_with_sentences(format_: SpeechFormat) -> None:
    async with HttpLoopback(SHORT) as server, desk(server) as made:
        sound = await made.ai.audio.speak(LONG, format=format_)
        assert server.violations == ()
        parts = parts_of(server)
    assert len(parts) == 3
    assert " ".join(parts) == LONG
    assert all(part.endswith("one.") for part in parts)
    pcm = [spoken(part[:10]) for part in parts]
    joined = b"".join(EACH[format_](each) for each in pcm)
    assert sound == (wav(b"".join(pcm)) if format_ == "wav" else joined)
    assert sum(each.characters for each in made.spent) == sum(map(len, parts))


async def test_a_long_text_as_one_flac(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    async with HttpLoopback(SHORT) as server, desk(server) as made:
        whole = await made.ai.audio.speak(LONG, format="flac")
        async with made.ai.audio.stream_speech(LONG, format="flac") as sound:
            streamed = b"".join([piece async for piece in sound])
            assert sound.format == "flac"
        path = await made.ai.audio.save_speech(LONG, tmp_path / "a.flac")
        assert server.violations == ()
        pcm = b"".join(spoken(part[:10]) for part in parts_of(server)[:3])
        assert {entry.body["response_format"] for entry in server.of("speech")} == {"wav"}
    assert flac_decoded(whole) == flac_decoded(streamed) == pcm
    assert path.read_bytes() == whole
    assert flac_length(whole) == len(pcm) // 2
    assert flac_length(streamed) == 0  # a stream does not know it


async def test_a_long_text_as_flac_where_nothing_encodes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # what Python takes for: it is not installed
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(ApiDenied, match=re.escape(f"{installing.an_extra('video')}, or use wav, or mp3")):
            await made.ai.audio.speak(LONG, format="flac")
        with pytest.raises(ApiDenied, match=r"voiced\[video\]"):
            await made.ai.audio.save_speech(LONG, tmp_path / "a.flac")
        assert server.requests == ()
        assert await made.ai.audio.speak(TEXT, format="flac") == encoded_sound.flac(spoken(TEXT))
    assert list(tmp_path.iterdir()) == []


async def test_whoever_is_cancelled_while_a_flac_is_made_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    async with HttpLoopback(SHORT, faults=[Fault(Stall(after=2), "speech", 2)]) as server, desk(server) as made:
        task = asyncio.create_task(made.ai.audio.save_speech(LONG, tmp_path / "a.flac"))
        await server.wait_for("speech", count=2, outcome="faulted")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert list(tmp_path.iterdir()) == []


def flac_decoded(file: bytes) -> bytes:
    import av

    with av.open(io.BytesIO(file), "r") as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0))


def flac_length(file: bytes) -> int:
    """Samples, as its header tells."""
    return int.from_bytes(file[18:26], "big") & (2**36 - 1)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", {}, "there is nothing to say"),
        (" \n", {}, "there is nothing to say"),
        (None, {}, "there is nothing to say"),
        (TEXT, {"format": "ogg"}, "'ogg' is no format: use one of mp3, opus, aac, flac, wav, pcm"),
        (TEXT, {"voice": ""}, "name a voice"),
        (TEXT, {"voice": {"name": "Anna"}}, "name a voice"),
        (TEXT, {"voice": {"id": ""}}, "name a voice"),
        (TEXT, {"speed": 5}, "the speed is 5; use 0.25 to 4"),
        (TEXT, {"speed": float("nan")}, "the speed is nan"),
        (TEXT, {"instructions": "x" * 4097}, "the instructions have 4097 characters"),
        (TEXT, {"instructions": "Whisper.", "model": "tts-1"}, "tts-1 takes no instructions"),
    ],
)
async def test_what_is_refused_here(text: Any, options: dict[str, Any], says: str, tmp_path: Path) -> None:
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(RequestRejected) as caught:
            await made.ai.audio.speak(text, **options)
        assert says in str(caught.value)
        with pytest.raises(RequestRejected):
            async with made.ai.audio.stream_speech(text, **options) as sound:
                assert [piece async for piece in sound] == []
        with pytest.raises(RequestRejected):
            await made.ai.audio.save_speech(text, tmp_path / "a.mp3", **options)
        assert server.requests == ()
    assert list(tmp_path.iterdir()) == []
    assert made.spent == []


async def test_a_voice_that_the_server_has_not() -> None:
    async with HttpLoopback() as server, desk(server) as made:
        with pytest.raises(RequestRejected) as caught:
            await made.ai.audio.speak(TEXT, voice="hal")
        assert caught.value.status == 400
        with pytest.raises(RequestRejected, match="voice_9"):
            await made.ai.audio.speak(TEXT, voice={"id": "voice_9"})


@pytest.mark.parametrize(
    "answer",
    [
        html_page(),
        Answer(200, {"error": {"message": "no", "type": "server_error"}}),
        Answer(200, b"", content_type="audio/mpeg"),
        Answer(200, wav(silence(1.0)), content_type="audio/wav"),
    ],
)
async def test_an_answer_that_is_no_sound(answer: Answer, tmp_path: Path) -> None:
    async with HttpLoopback(faults=[Fault(answer, "speech", 1, every=True)]) as server, desk(server) as made:
        with pytest.raises(AnswerUnusable):
            await made.ai.audio.speak(TEXT)
        with pytest.raises(AnswerUnusable):
            async with made.ai.audio.stream_speech(TEXT, format="mp3") as sound:
                assert [piece async for piece in sound] == []
        with pytest.raises(AnswerUnusable):
            await made.ai.audio.save_speech(TEXT, tmp_path / "a.mp3")
        assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


async def test_one_voice_speaks_all_of_it() -> None:
    faults = [Fault(unavailable(), "speech", 1), Fault(no_such_model(), "speech", 2, every=True)]
    async with HttpLoopback(SHORT, faults=faults) as first, HttpLoopback(SHORT) as second:
        providers = {
            "openai": ProviderSettings(base_url=first.base_url),
            "speaches": ProviderSettings(base_url=second.base_url, models={"speech": "tts-1"}),
        }
        async with desk(first, providers=providers, order=("openai", "speaches")) as made:
            await made.ai.audio.speak(LONG)
            assert (len(first.requests), len(second.requests)) == (1, 3)
            with pytest.raises(ModelUnknown):
                await made.ai.audio.speak(TEXT, provider="openai")


# Streams.


async def test_the_sound_comes_in_whole_samples() -> None:
    async with HttpLoopback(pace=Pace(chunk_ms=7)) as server, desk(server) as made:
        async with made.ai.audio.stream_speech(TEXT) as sound:
            pieces = [piece async for piece in sound]
        assert (sound.format, sound.rate) == ("pcm", 24_000)
    assert len(pieces) > 1
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert [each.text for each in recognise(b"".join(pieces), [TEXT])] == [TEXT]


async def test_a_wav_that_streams_does_not_know_its_length() -> None:
    async with HttpLoopback(SHORT) as server, desk(server) as made:
        async with made.ai.audio.stream_speech(LONG, format="wav") as sound:
            data = b"".join([piece async for piece in sound])
        parts = parts_of(server)
    assert data[:44] == wav(b"")[:4] + b"\xff" * 4 + wav(b"")[8:40] + b"\xff" * 4
    assert data[44:] == b"".join(spoken(part[:10]) for part in parts)


async def test_the_next_part_is_made_while_the_former_is_heard() -> None:
    async with HttpLoopback(SHORT) as server, desk(server) as made, made.ai.audio.stream_speech(LONG) as sound:
        first = await anext(sound)
        await server.wait_for("speech", count=3)
        rest = b"".join([piece async for piece in sound])
        assert first + rest == b"".join(spoken(part[:10]) for part in parts_of(server))


async def test_whoever_hears_slowly_is_not_overrun() -> None:
    """Each part is longer than what may wait: the second is asked for once enough of the first was heard."""
    part_bytes = 2 * AHEAD_BYTES
    script = Script(sound=lambda text: bytes(part_bytes))
    async with HttpLoopback(script) as server, desk(server) as made, made.ai.audio.stream_speech(LONG) as sound:
        heard = 0
        while heard < part_bytes - AHEAD_BYTES - 200_000:
            heard += len(await anext(sound))
            await asyncio.sleep(0)
            assert len(server.of("speech")) == 1
        while heard < part_bytes - AHEAD_BYTES + 200_000:
            heard += len(await anext(sound))
        await server.wait_for("speech", count=2)


@pytest.mark.parametrize("action", [Drop(after=3), Drop(after=3, inside="piece"), Stall(after=3)])
async def test_a_stream_that_breaks_says_how_much_came(action: Any) -> None:
    async with HttpLoopback(SHORT, faults=[Fault(action, "speech", 2)]) as server, desk(server) as made:
        heard: list[bytes] = []
        async with (
            patience_passes(server, "speech", 2),
            made.ai.audio.stream_speech(LONG, within_s=PATIENCE_S) as sound,
        ):
            with pytest.raises(StreamCut, match=r"; \d+ bytes of sound came before") as caught:
                await hear(sound, heard)
        assert f"; {sum(map(len, heard))} bytes of sound" in str(caught.value)
        assert caught.value.so_far == parts_of(server)[0]
    assert len(made.spent) == 2


async def test_a_stream_that_never_began_is_no_stream_that_was_cut() -> None:
    faults = [Fault(Drop(), "speech", 1, every=True)]
    async with HttpLoopback(faults=faults) as server, desk(server, retries=0) as made:
        with pytest.raises(ApiUnreachable) as caught:
            async with made.ai.audio.stream_speech(TEXT) as sound:
                assert [piece async for piece in sound] == []
    assert not isinstance(caught.value, StreamCut)


async def test_a_server_that_sends_no_sound_at_all() -> None:
    async with HttpLoopback(faults=[Fault(End(), "speech")]) as server, desk(server) as made:
        with pytest.raises(AnswerUnusable, match="sent no sound"):
            async with made.ai.audio.stream_speech(TEXT) as sound:
                assert [piece async for piece in sound] == []


async def test_whoever_is_cancelled_in_mid_stream_leaves_nothing_behind() -> None:
    async with HttpLoopback(SHORT, faults=[Fault(Stall(after=2), "speech", 1)]) as server, desk(server) as made:

        async def hear() -> None:
            async with made.ai.audio.stream_speech(LONG) as sound:
                async for _ in sound:
                    pass

        task = asyncio.create_task(hear())
        await server.wait_for("speech", outcome="faulted")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await server.wait_for("speech", ended=True)
        assert [each for each in asyncio.all_tasks() if "_fill" in repr(each)] == []
        assert await made.ai.audio.speak(TEXT, format="pcm") == spoken(TEXT[:10])


async def test_whoever_leaves_a_stream_early_hangs_up() -> None:
    async with HttpLoopback(pace=Pace(speed=0.001)) as server, desk(server) as made:
        async with made.ai.audio.stream_speech(TEXT) as sound:
            assert await anext(sound)
        assert (await server.wait_for("speech", ended=True)).outcome == "abandoned"


# Files.


@pytest.mark.parametrize("name", ["a.mp3", "a.opus", "a.ogg", "a.aac", "a.flac", "a.WAV", "a.pcm"])
async def test_a_file_has_the_format_of_its_suffix(name: str, tmp_path: Path) -> None:
    format_: Any = {"ogg": "opus"}.get(name[2:], name[2:].lower())
    async with HttpLoopback() as server, desk(server) as made:
        path = await made.ai.audio.save_speech(TEXT, str(tmp_path / name))
    assert path == tmp_path / name
    assert path.read_bytes() == EACH[format_](spoken(TEXT))
    assert list(tmp_path.iterdir()) == [path]


async def test_a_file_of_several_parts(tmp_path: Path) -> None:
    async with HttpLoopback(SHORT) as server, desk(server) as made:
        await made.ai.audio.save_speech(LONG, tmp_path / "a.wav")
        await made.ai.audio.save_speech(LONG, tmp_path / "a.sound", format="aac")
        pcm = [spoken(part[:10]) for part in parts_of(server)[:3]]
    assert (tmp_path / "a.wav").read_bytes() == wav(b"".join(pcm))
    assert (tmp_path / "a.sound").read_bytes() == b"".join(map(encoded_sound.aac, pcm))


async def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"the old one")
    async with HttpLoopback(SHORT, faults=[Fault(Drop(after=0), "speech", 2)]) as server, desk(server) as made:
        with pytest.raises(StreamCut):
            await made.ai.audio.save_speech(LONG, path)
        assert path.read_bytes() == b"the old one"
        assert list(tmp_path.iterdir()) == [path]
        server.clear_faults()
        server.add_fault(Fault(Stall(after=0), "speech"))
        task = asyncio.create_task(made.ai.audio.save_speech(LONG, path))
        await server.wait_for("speech", count=3, outcome="faulted")
        task.cancel()
        await asyncio.wait([task])
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


async def test_a_file_that_can_not_be_written(tmp_path: Path) -> None:
    async with HttpLoopback() as server, desk(server) as made:
        for path, says in (
            (tmp_path / "no" / "a.mp3", "there is no folder"),
            (tmp_path / "a.midi", "its name does not say which format it is to have"),
            (tmp_path, "its name does not say"),
        ):
            with pytest.raises(RequestRejected, match=says):
                await made.ai.audio.save_speech(TEXT, path)
        assert server.requests == ()


async def test_garbage_in_place_of_sound() -> None:
    async with (
        HttpLoopback(faults=[Fault(Instead(lambda _: b"garbage" * 9), "speech")]) as server,
        desk(server) as made,
    ):
        with pytest.raises(AnswerUnusable, match="sent something else instead of mp3"):
            await made.ai.audio.speak(TEXT)
