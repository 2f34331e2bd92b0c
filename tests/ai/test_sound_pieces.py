"""Long sound is cut where nobody speaks, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from voiced.ai.attachments import FileSource
from voiced.ai.sound_file import MOST_BYTES
from voiced.ai.sound_pieces import LONG, PHRASES, Cut, Piece, pieces
from voiced.errors import RequestRejected
from voiced.testing.http import encoded_sound

from .sounds import silence, sound_in, tone, wav

SHORT = Cut(longest_s=3.0, search_s=1.5)


async def cut(source: FileSource, how: Cut = SHORT) -> list[Piece]:
    async with aclosing(pieces(source, "transcription", how)) as found:
        return [piece async for piece in found]


def file_of(tmp_path: Path, data: bytes, name: str = "talk.wav") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


async def test_it_is_cut_in_pauses(tmp_path: Path) -> None:
    sound = tone(1.0) + silence(0.3) + tone(1.0) + silence(0.6) + tone(2.0) + silence(0.2) + tone(1.2)
    found = await cut(file_of(tmp_path, wav(sound)))
    assert b"".join(sound_in(piece.data) for piece in found) == sound
    assert [piece.start_s for piece in found] == pytest.approx([0.0, 2.6, 5.0], abs=0.02)
    assert [piece.name for piece in found] == ["sound.wav"] * 3
    assert sum(piece.seconds for piece in found) == pytest.approx(6.3)
    assert [(piece.done, piece.total) for piece in found][-1] == (len(sound), len(sound))
    assert [piece.done for piece in found] == sorted(piece.done for piece in found)


async def test_one_that_fits_is_one_piece(tmp_path: Path) -> None:
    for sound in (tone(1.0), tone(3.0)):
        (piece,) = await cut(file_of(tmp_path, wav(sound)))
        assert (sound_in(piece.data), piece.start_s, piece.done, piece.total) == (sound, 0.0, len(sound), len(sound))


async def test_the_last_piece_is_never_nearly_nothing() -> None:
    for seconds in (3.01, 3.2, 3.45, 6.02):
        found = await cut(("talk.wav", wav(tone(seconds))))
        assert min(piece.seconds for piece in found) >= 0.3, seconds
        assert max(piece.seconds for piece in found) <= 3.0
        assert b"".join(sound_in(piece.data) for piece in found) == tone(seconds)


async def test_a_piece_is_no_larger_than_may_be_sent() -> None:
    sound = tone(4.0)
    found = await cut(("talk.wav", wav(sound)), Cut(longest_s=100.0, search_s=100.0, most_bytes=60_000))
    assert max(len(sound_in(piece.data)) for piece in found) <= 60_000
    assert b"".join(sound_in(piece.data) for piece in found) == sound


@pytest.mark.parametrize(("channels", "width"), [(1, 1), (2, 1), (2, 2), (1, 3), (2, 3), (2, 4)])
async def test_samples_of_any_width_stay_whole(channels: int, width: int) -> None:
    sound = bytes(range(256)) * (channels * width * 8000 * 7 // 256)
    sound = sound[: len(sound) // (channels * width) * channels * width]
    found = await cut(("talk.wav", wav(sound, rate=8000, channels=channels, width=width)))
    assert len(found) > 2
    assert b"".join(sound_in(piece.data) for piece in found) == sound
    assert all(len(piece.data) % 2 == 0 for piece in found)  # a chunk of a WAV has an even length


async def test_one_that_does_not_know_its_length() -> None:
    plain = wav(tone(2.0))
    streamed = plain[:4] + b"\xff\xff\xff\xff" + plain[8:40] + b"\xff\xff\xff\xff" + plain[44:]
    (piece,) = await cut(("talk.wav", streamed))
    assert piece.data == plain


async def test_phrases_have_the_times_of_their_sound() -> None:
    sound = silence(0.5) + tone(3.0) + silence(0.5) + tone(3.5) + silence(2.0) + tone(3.0) + silence(0.4) + tone(1.0)
    sound += silence(1.0) + tone(6.0) + silence(0.2) + tone(5.0)
    found = await cut(("talk.wav", wav(sound)), PHRASES)
    loud = [(piece.start_s + piece.loud[0], piece.start_s + piece.loud[1]) for piece in found if piece.loud]
    assert [time for pair in loud for time in pair] == pytest.approx(
        [0.4, 7.6, 9.4, 14.0, 14.8, 21.0, 21.0, 26.1], abs=0.05
    )


async def test_a_phrase_of_silence_is_told_to_be_one() -> None:
    found = await cut(("talk.wav", wav(tone(2.0, rate=8000) + silence(30.0, rate=8000), rate=8000)), PHRASES)
    assert [piece.silent for piece in found] == [False] + [True] * (len(found) - 1)
    assert found[-1].start_s + found[-1].seconds == pytest.approx(32.0)


async def test_a_coded_file_goes_as_it_is(tmp_path: Path) -> None:
    data = encoded_sound.mp3(silence(60.0))
    (piece,) = await cut(file_of(tmp_path, data, "Anna.mp3"), LONG)
    assert (piece.name, piece.data, piece.seconds) == ("sound.mp3", data, 0.0)
    assert piece.about_s > 60.0
    assert (piece.done, piece.total) == (len(data), len(data))


async def test_a_large_coded_file_is_decoded_where_it_can_be() -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    sound = tone(1.0) + silence(0.3) + tone(1.0) + silence(0.6) + tone(2.0)
    large = encoded_sound.flac(sound)
    found = await cut(("talk.flac", large), Cut(longest_s=3.0, search_s=1.5, apart_s=0.5))
    assert [piece.start_s for piece in found] == pytest.approx([0.0, 2.6], abs=0.05)
    assert sum(piece.seconds for piece in found) == pytest.approx(4.9, abs=0.01)
    assert found[-1].done == found[-1].total == sum(len(sound_in(piece.data)) for piece in found)


async def test_a_coded_file_longer_than_models_take_is_cut_where_it_can_be() -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    data = encoded_sound.mp3(silence(5.0))
    assert [piece.name for piece in await cut(("talk.mp3", data), Cut(longest_s=6.0, search_s=1.0))] == ["sound.mp3"]
    assert [piece.name for piece in await cut(("talk.mp3", data))] == ["sound.wav"] * 2


async def test_one_that_can_not_be_decoded() -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    for data, says in (
        (b"fLaC" + bytes(range(256)) * 20, "can't be decoded"),
        (b"OggS" + bytes(500), "can't be decoded"),
    ):
        with pytest.raises(RequestRejected, match=says):
            await cut(("talk.flac" if data[:1] == b"f" else "talk.ogg", data), PHRASES)


async def test_a_file_that_is_broken_in_its_middle() -> None:
    pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    broken = bytearray(encoded_sound.mp3(silence(4.0)))
    for at in range(len(broken) // 2, len(broken), 5):
        broken[at] = at * 7 % 251
    with pytest.raises(RequestRejected, match=r"talk\.mp3 can't be decoded \(InvalidDataError\)"):
        await cut(("talk.mp3", bytes(broken)), PHRASES)


async def test_a_film_with_no_sound() -> None:
    av = pytest.importorskip("av", reason="the extra voiced[video] is not installed")
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(RequestRejected, match=r"talk\.mp4 has no sound in it"):
        await cut(("talk.mp4", film.getvalue()), PHRASES)


async def test_a_large_coded_file_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # what Python takes for: it is not installed
    with pytest.raises(RequestRejected, match=r"ffmpeg -i talk.mp3 .* or install voiced\[video\]"):
        await cut(("talk.mp3", encoded_sound.mp3(b"") + b"ID3" + bytes(MOST_BYTES)))
    with pytest.raises(RequestRejected, match="this model tells no times"):
        await cut(("talk.mp3", encoded_sound.mp3(silence(1.0))), PHRASES)


async def test_the_file_is_closed_when_nobody_wants_more(tmp_path: Path) -> None:
    path = file_of(tmp_path, wav(tone(9.0)))
    async with aclosing(pieces(path, "transcription", SHORT)) as found:
        assert (await anext(found)).start_s == 0.0
    del found
    gc.collect()  # an open file would be a ResourceWarning now, and that an error


async def test_whoever_is_cancelled_leaves_nothing_open(tmp_path: Path) -> None:
    path = file_of(tmp_path, wav(tone(9.0)))
    for steps in range(6):
        task = asyncio.create_task(cut(path))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        gc.collect()


async def test_what_is_wrong_is_told() -> None:
    with pytest.raises(RequestRejected, match="there is no such file"):
        await cut("/nowhere/talk.wav")
