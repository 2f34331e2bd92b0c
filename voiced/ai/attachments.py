"""Files, pictures and sounds that go with a request: read off the loop, and checked before anything is sent."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from voiced.errors import RequestRejected

MOST_IMAGE_BYTES: Final = 20 * 1024 * 1024
"""Of one picture in a message (OpenAI's limit)."""

_MIB: Final = 1024 * 1024
_AT_ONCE: Final = 3 * 256 * 1024
"""Bytes that are encoded before another thread may go on; a multiple of three."""


@runtime_checkable
class HasData(Protocol):
    """Such as `voiced.api.Image`."""

    @property
    def data(self) -> bytes: ...


FileSource = str | os.PathLike[str] | tuple[str, bytes]
"""A path, or the name and the bytes of a file."""

ImageSource = str | os.PathLike[str] | bytes | HasData
"""An address (https:, data:), a path, the bytes of a file, as they are or in base64, or an `Image`."""

_LONGEST_PATH: Final = 4095
"""That Linux takes. What is longer is no path, but what somebody meant to send, and is not quoted."""

_TAKEN: Final = "give its path, or its name and its bytes"

_CODED: Final = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}
"""How base64 of each kind begins."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in memory."""

    name: str
    data: bytes = field(repr=False)

    @property
    def part(self) -> tuple[str, bytes]:
        """As the library takes it in a form."""
        return self.name, self.data


async def read(source: FileSource, what: str, *, most_bytes: int, kinds: Collection[str] = ()) -> Attachment:
    """The file, read in a thread. `kinds`: suffixes that it may have, such as "wav". Raises RequestRejected."""
    place = place_of(source, what)
    if isinstance(place, tuple):
        name, data = place
        _check(name, len(data), what, most_bytes, kinds)
        return Attachment(legible(Path(name).name), data)
    return Attachment(legible(place.name), await asyncio.to_thread(_read, place, what, most_bytes, kinds))


def place_of(source: object, what: str) -> Path | tuple[str, bytes]:
    """Where a file is, or its name and its bytes. Raises RequestRejected for anything else, such as an open file."""
    if isinstance(source, str) and len(source) > _LONGEST_PATH:
        raise RequestRejected(f"{what}: a text of {len(source)} characters is no path: {_TAKEN}")
    match source:
        case str() | os.PathLike():
            return Path(source)
        case (str() as name, (bytes() | bytearray() | memoryview()) as data):
            return name, bytes(data)
    raise RequestRejected(f"{what}: {type(source).__name__} is no file: {_TAKEN}")


def size_of(path: Path, what: str, *, most_bytes: int, kinds: Collection[str] = ()) -> int:
    """Bytes of a file that is there and may be sent. Blocks for the disk. Raises RequestRejected."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise RequestRejected(f"{what}: {path} is a folder: name a file")
    except FileNotFoundError:
        raise RequestRejected(f"{what}: {path}: there is no such file") from None
    except OSError as error:
        raise RequestRejected(f"{what}: {path} can't be read ({error.strerror})") from None
    _check(str(path), size, what, most_bytes, kinds)
    return size


async def image_url(source: ImageSource, what: str = "image") -> str:
    """As a message has it: an address as it is, everything else as a data URL, made in a thread.

    Raises RequestRejected.
    """
    if isinstance(source, str) and source.startswith(("https://", "http://")):
        return source
    return await asyncio.to_thread(_inline, source, what)


def _inline(source: ImageSource, what: str) -> str:
    if isinstance(source, str) and source.startswith("data:"):
        return _data_url_as_it_is(source, what)
    if isinstance(source, str) and (coded_kind := _coded(source)):
        without_blanks = ("".join(source[at : at + _AT_ONCE].split()) for at in range(0, len(source), _AT_ONCE))
        return _data_url_as_it_is("".join([_head(coded_kind), *without_blanks]), what)
    if isinstance(source, HasData):
        source = source.data
    place = place_of(("the picture", source) if isinstance(source, bytes | bytearray | memoryview) else source, what)
    if isinstance(place, tuple):
        name, data = place
        _check(name, len(data), what, MOST_IMAGE_BYTES, ())
    else:
        name, data = str(place), _read(place, what, MOST_IMAGE_BYTES, ())
    kind = image_kind(data)
    if not kind:
        raise RequestRejected(f"{what}: {name} is no picture that a model can see: give a PNG, JPEG, WEBP or GIF")
    return _data_url(kind, data)


def _data_url_as_it_is(url: str, what: str) -> str:
    comma = url.find(",")
    if comma < 0 or not url.startswith("data:image/") or not url.endswith(";base64", 0, comma):
        raise RequestRejected(f"{what}: a data URL of a picture begins with data:image/png;base64,")
    size = (len(url) - comma - 1) * 3 // 4
    if size > MOST_IMAGE_BYTES:
        raise RequestRejected(_too_large(what, "the picture", size, MOST_IMAGE_BYTES))
    return url


def image_kind(data: bytes) -> str:
    """png, jpeg, webp or gif; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _coded(text: str) -> str:
    """The kind of a picture in base64; empty for a path, which has a suffix."""
    return next((kind for head, kind in _CODED.items() if text.startswith(head) and "." not in text), "")


def _data_url(kind: str, data: bytes) -> str:
    pieces = (base64.b64encode(data[at : at + _AT_ONCE]).decode() for at in range(0, len(data), _AT_ONCE))
    return "".join([_head(kind), *pieces])


def _head(kind: str) -> str:
    return f"data:image/{kind};base64,"


def legible(name: str) -> str:
    """A file's name as it can be sent: what is no UTF-8 in it becomes �."""
    return os.fsencode(name).decode("utf-8", "replace")


def _read(path: Path, what: str, most_bytes: int, kinds: Collection[str]) -> bytes:
    size_of(path, what, most_bytes=most_bytes, kinds=kinds)
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise RequestRejected(f"{what}: {path} can't be read ({error.strerror})") from None
    _check(str(path), len(data), what, most_bytes, kinds)
    return data


def _check(name: str, size: int, what: str, most_bytes: int, kinds: Collection[str]) -> None:
    if not size:
        raise RequestRejected(f"{what}: {name} is empty")
    if size > most_bytes:
        raise RequestRejected(_too_large(what, name, size, most_bytes))
    if kinds and Path(name).suffix.lower().removeprefix(".") not in kinds:
        raise RequestRejected(f"{what}: {name} is of another kind than is taken: {', '.join(sorted(kinds))}")


def _too_large(what: str, name: str, size: int, most_bytes: int) -> str:
    return f"{what}: {name} has {size / _MIB:.1f} MiB; at most {most_bytes / _MIB:.0f} MiB are taken"
