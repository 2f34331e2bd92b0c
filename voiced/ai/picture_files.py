"""Pictures that go with a request as files: read, looked at, and refused before they are sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.ai import attachments
from voiced.ai.attachments import FileSource, HasData, ImageSource
from voiced.ai.picture import Picture
from voiced.ai.picture_header import PictureHeader, read_header
from voiced.errors import RequestRejected

_MIB: Final = 1024 * 1024

MOST_BYTES: Final = 50 * _MIB
"""Of a picture to be changed."""

MOST_MASK_BYTES: Final = 4 * _MIB
"""Of a mask, and of a picture to be varied."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture to be sent, that was looked at."""

    name: str
    header: PictureHeader
    data: bytes = field(repr=False)

    @property
    def part(self) -> tuple[str, bytes, str]:
        return self.name, self.data, f"image/{self.header.kind}"


PictureSource = ImageSource | FileSource | Picture
"""A path, the bytes of a file, its name and its bytes, an `Image`, or a `Picture`."""


async def read_files(images: PictureSource | Sequence[PictureSource]) -> list[PictureFile]:
    """Raises RequestRejected."""
    if isinstance(images, list | tuple) and not _is_named(images):
        sources: Sequence[Any] = images
    else:
        sources = [images]
    if not sources:
        raise RequestRejected("images: there is no picture to be changed: name one")
    return [await read_file(source, "the picture", MOST_BYTES) for source in sources]


def _is_named(source: object) -> bool:
    """Whether this is the name and the bytes of one file."""
    return (
        isinstance(source, tuple)
        and len(source) == 2
        and isinstance(source[0], str)
        and isinstance(source[1], bytes | bytearray)
    )


async def read_file(source: Any, called: str, most_bytes: int) -> PictureFile:
    """Raises RequestRejected; ApiError where a `Picture` can't be fetched."""
    if isinstance(source, str) and source.startswith(("https://", "http://", "data:")):
        raise RequestRejected(f"images: {called} is an address: give the file itself, or its bytes")
    if isinstance(source, Picture):
        source = await source.load()
    elif not isinstance(source, bytes | str | os.PathLike | tuple) and isinstance(source, HasData):
        source = source.data
    if isinstance(source, bytes | bytearray | memoryview):
        source = (called, source)
    read = await attachments.read(source, "images", most_bytes=most_bytes)
    header = read_header(read.data)
    if header is None or header.kind == "gif":
        raise RequestRejected(f"images: {read.name} is no picture that can be changed: give a PNG, JPEG or WEBP")
    return PictureFile(read.name, header, read.data)


async def read_mask(source: PictureSource | None, image: PictureFile | None) -> dict[str, Any]:
    """As the request has it: {} for none. Raises RequestRejected."""
    if source is None:
        return {}
    if image is None:
        raise RequestRejected("images: a mask needs the picture that it is for: give `images`")
    mask = await read_file(source, "the mask", MOST_MASK_BYTES)
    if mask.header.kind != "png" or not mask.header.alpha:
        raise RequestRejected(
            f"images: {mask.name} is no mask: save it as a PNG with an alpha channel, transparent where the picture "
            "shall change"
        )
    size, wanted = (f"{each.header.width}x{each.header.height}" for each in (mask, image))
    if size != wanted:
        raise RequestRejected(f"images: {mask.name} has {size}, and the picture {wanted}: make the mask as large")
    return {"mask": mask.part}


def judge_square_png(file: PictureFile) -> None:
    if file.header.kind != "png" or file.header.width != file.header.height:
        raise RequestRejected(
            f"images: {file.name} is a {file.header.kind} of {file.header.width}x{file.header.height}: a square PNG is "
            "wanted"
        )
