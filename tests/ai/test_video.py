"""Pictures out of a film."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from voiced import installing
from voiced.ai import video
from voiced.ai.picture_header import read_header
from voiced.ai.video import Video
from voiced.errors import ApiDenied, RequestRejected
from voiced.testing.http import HttpLoopback

from .desk import desk

UNTURNED = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
CLOCKWISE = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)


def film(path: Path, frames: int, *, width: int = 64, height: int = 48, sound: bool = False) -> Path:
    """Frames that become brighter, each two steps, red above."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(frames):
            pixels = np.full((height, width, 3), 2 * number, np.uint8)
            pixels[: height // 2, :, 0] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def pixels_of(jpeg: bytes) -> NDArray[Any]:
    with av.open(io.BytesIO(jpeg), "r") as container:
        (frame,) = container.decode(video=0)
        return frame.to_ndarray(format="rgb24")


def brightness(jpeg: bytes) -> float:
    """Of the lower part."""
    return float(pixels_of(jpeg)[30:].mean())


async def test_some_frames_are_taken(tmp_path: Path) -> None:
    path = film(tmp_path / "door.mp4", 100)
    frames = await Video().frames(path)
    assert [round(brightness(frame) / 2 / 30) for frame in frames] == [0, 1, 2, 3]
    header = read_header(frames[0])
    assert header is not None
    assert (header.kind, header.width, header.height) == ("jpeg", 64, 48)
    assert len(await Video().frames(str(path), every=1, most=7)) == 7
    assert len(await Video().frames(path, every=1000)) == 1


async def test_frames_are_made_smaller_and_never_larger(tmp_path: Path) -> None:
    path = film(tmp_path / "door.mp4", 2)
    for width, expected in ((32, (32, 24)), (33, (33, 25)), (4096, (64, 48))):
        (frame,) = await Video().frames(path, width=width)
        header = read_header(frame)
        assert header is not None
        assert (header.width, header.height) == expected


async def test_what_was_filmed_upright_is_upright(tmp_path: Path) -> None:
    data = film(tmp_path / "door.mp4", 2).read_bytes()
    assert data.count(UNTURNED) >= 2  # of the film, and of its only track
    turned = tmp_path / "upright.mp4"
    at = data.index(UNTURNED, data.index(b"tkhd"))
    turned.write_bytes(data[:at] + CLOCKWISE + data[at + len(CLOCKWISE) :])
    (frame,) = await Video().frames(turned)
    pixels = pixels_of(frame)
    assert pixels.shape == (64, 48, 3)
    assert pixels[:, 30:, 0].mean() > 200 > 50 > pixels[:, :18, 0].mean()  # red was above


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"every": 0}, "every 0 frames: give 1 or more"),
        ({"most": 0}, "at most 0 frames: give 1 to 100"),
        ({"most": 101}, "at most 101 frames"),
        ({"width": 15}, "a width of 15: give 16 to 4096"),
        ({"width": 5000}, "a width of 5000"),
    ],
)
async def test_what_can_not_be_asked_for(tmp_path: Path, options: dict[str, int], why: str) -> None:
    with pytest.raises(RequestRejected, match=why):
        await Video().frames(tmp_path / "door.mp4", **options)


def sound_alone(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        for packet in (*stream.encode(samples), *stream.encode()):
            container.mux(packet)


def no_frame(path: Path) -> None:
    data = film(path, 3).read_bytes()
    at = data.index(b"mdat")
    path.write_bytes(data[: at + 4] + bytes(len(data[at + 4 : data.index(b"moov")])) + data[data.index(b"moov") :])


@pytest.mark.parametrize(
    ("make", "name", "why"),
    [
        (lambda path: None, "gone.mp4", "gone.mp4: there is no such file"),
        (Path.mkdir, "folder", "is a folder: name a file"),
        (Path.touch, "empty.mp4", "can't be read as a film"),
        (lambda path: path.write_text("Hello."), "words.mp4", "can't be read as a film"),
        (lambda path: path.write_bytes(film(path, 9).read_bytes()[:300]), "cut.mp4", "can't be read as a film"),
        (sound_alone, "sound.wav", "has no pictures in it: is it sound alone?"),
        (no_frame, "none.mp4", r"can't be read as a film|has not one frame"),
    ],
)
async def test_what_is_no_film(tmp_path: Path, make: Any, name: str, why: str) -> None:
    make(tmp_path / name)
    with pytest.raises(RequestRejected, match=why):
        await Video().frames(tmp_path / name)


async def test_a_list_of_films_makes_nobody_fetch_them(tmp_path: Path) -> None:
    async with HttpLoopback() as server:
        listed = tmp_path / "list.m3u8"
        listed.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{server.base_url}/a.ts\n#EXT-X-ENDLIST\n")
        with pytest.raises(RequestRejected):
            await Video().frames(listed)
        assert (server.requests, server.violations) == ((), ())


async def test_without_the_library_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ApiDenied, match=re.escape(installing.an_extra("video"))) as caught:
        await Video().frames(tmp_path / "door.mp4")
    assert caught.value.cause == "settings"


async def test_who_goes_away_gets_no_answer(tmp_path: Path) -> None:
    going = asyncio.create_task(Video().frames(film(tmp_path / "long.mp4", 60), every=1, most=60))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going


def test_nothing_is_decoded_for_who_went_away() -> None:
    over = threading.Event()
    decoded = itertools.count()
    frames: Iterator[Any] = video.sampled(decoded, 10, 5, over)  # type: ignore[arg-type]  # numbers for frames
    assert [next(frames), next(frames)] == [0, 10]
    over.set()
    assert list(frames) == []
    assert next(decoded) == 12


async def test_a_model_is_asked_about_a_film(tmp_path: Path) -> None:
    async with HttpLoopback(["Somebody opens the door."]) as server, desk(server) as here:
        frames = await here.ai.video.frames(film(tmp_path / "door.mp4", 100), width=32)
        answer = await here.ai.chat.ask("What happens?", images=frames)
        assert answer.text == "Somebody opens the door."
        content = server.of("chat")[0].body["messages"][-1]["content"]
        assert [part["type"] for part in content].count("image_url") == 4
