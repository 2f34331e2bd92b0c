"""Pictures out of a film, for a model that sees."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voiced import installing
from voiced.errors import ApiDenied, RequestRejected

if TYPE_CHECKING:
    from av import VideoFrame

MOST_FRAMES: Final = 100
"""More than a model looks at in one request."""

NARROWEST: Final = 16
WIDEST: Final = 4096

MOST_DECODED: Final = 100_000
"""Frames that are looked through: an hour of film. What comes later is not found."""

_NOTHING_ELSE: Final = {"protocol_whitelist": "none"}
"""A list of films that calls itself one makes the library fetch nothing."""

_QUALITY: Final = "3"
"""Of a JPEG, from 2 (best) to 31."""


class Video:
    """`ai.video`. It sends nothing, and needs `pip install 'voiced[video]'`.

    >>> frames = await ai.video.frames("door.mp4")
    ... answer = await ai.chat.ask("What happens?", images=frames)
    """

    async def frames(
        self, path: str | os.PathLike[str], *, every: int = 30, most: int = 10, width: int | None = None
    ) -> list[bytes]:
        """The first of each `every` frames, at most `most` of them, as JPEG files, upright, in their order.

        `width`: in pixels, to make them smaller; None for as they are. Decodes in a thread, which ends soon after a
        cancellation. Raises RequestRejected for a file that is not there or no film, ApiDenied without PyAV.
        """
        if every < 1:
            raise RequestRejected(f"video: every {every} frames: give 1 or more")
        if not 1 <= most <= MOST_FRAMES:
            raise RequestRejected(f"video: at most {most} frames: give 1 to {MOST_FRAMES}")
        if width is not None and not NARROWEST <= width <= WIDEST:
            raise RequestRejected(f"video: a width of {width}: give {NARROWEST} to {WIDEST}")
        over = threading.Event()
        try:
            return await asyncio.to_thread(_frames, Path(path), every, most, width, over)
        finally:
            over.set()


def _frames(path: Path, every: int, most: int, width: int | None, over: threading.Event) -> list[bytes]:
    try:
        import av
    except ImportError as error:
        why = f"video: PyAV is not there ({error}): {installing.an_extra('video')}"
        raise ApiDenied(why, cause="settings") from error
    if path.is_dir():
        raise RequestRejected(f"video: {path} is a folder: name a file")
    try:
        with path.open("rb") as file, av.open(file, "r", options=_NOTHING_ELSE) as film:
            if not film.streams.video:
                raise RequestRejected(f"video: {path} has no pictures in it: is it sound alone?")
            film.streams.video[0].thread_type = "AUTO"
            found = [_jpeg(frame, width) for frame in sampled(film.decode(video=0), every, most, over)]
    except FileNotFoundError:
        raise RequestRejected(f"video: {path}: there is no such file") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise RequestRejected(f"video: {path} can't be read as a film ({why}): is it one, and whole?") from None
    if not found:
        raise RequestRejected(f"video: {path} has not one frame: is it whole?")
    return found


def sampled(frames: Iterator[VideoFrame], every: int, most: int, over: threading.Event) -> Iterator[VideoFrame]:
    """The first of each `every` frames, at most `most`, until `over` is set."""
    found = 0
    for number, frame in enumerate(frames):
        if over.is_set() or number == MOST_DECODED:
            return
        if number % every == 0:
            yield frame
            found += 1
            if found == most:
                return


def _jpeg(frame: VideoFrame, width: int | None) -> bytes:
    """A file. What a telephone filmed upright is upright."""
    import av

    upright = _upright(frame)
    across = min(width or upright.width, upright.width)
    down = max(1, round(upright.height * across / upright.width))
    small = upright.reformat(across, down, format="yuvj420p")
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = across, down, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": _QUALITY, "qmax": _QUALITY}
    small.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(small), *encoder.encode(None)))


def _upright(frame: VideoFrame) -> VideoFrame:
    turns = round(frame.rotation / 90) % 4
    if not turns:
        return frame
    import numpy as np
    from av import VideoFrame

    pixels = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns), np.uint8)
    return VideoFrame.from_ndarray(pixels, "rgb24")
