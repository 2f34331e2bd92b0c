"""A picture that was drawn: its bytes, or where they are."""

from __future__ import annotations

import base64
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voiced.ai import attachments
from voiced.ai.saving import save
from voiced.errors import AnswerUnusable

if TYPE_CHECKING:
    from openai.types import Image


_AT_ONCE: Final = 1024 * 1024
"""Characters that are decoded before another thread may go on; a multiple of four."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One that was drawn. `data`: its file, empty where the server only told its `url`, which is good for an hour.

    `kind`: png, jpeg, webp or gif, empty while that is not known. `revised_prompt`: what the model made of yours.
    """

    data: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)
    revised_prompt: str = field(default="", repr=False)
    kind: str = ""
    _fetch: Callable[[str], Awaitable[bytes]] | None = field(default=None, repr=False, compare=False)

    async def load(self) -> bytes:
        """The file, fetched from its `url` where it has to be. Raises ApiError."""
        if self.data or self._fetch is None:
            return self.data
        data = await self._fetch(self.url)
        if not attachments.image_kind(data):
            raise AnswerUnusable("images: what is at the address of the picture is none")
        return data

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file to `path`, in place of what is there, whole or not at all. Raises ApiError."""
        return await save(path, await self.load(), "images")


def picture_of(image: Image, fetch: Callable[[str], Awaitable[bytes]]) -> Picture:
    """Raises AttributeError, TypeError or ValueError where it is none."""
    revised = image.revised_prompt or ""
    if image.b64_json:
        picture = picture_of_bytes(image.b64_json)
        return Picture(picture.data, image.url or "", revised, picture.kind)
    if not isinstance(image.url, str) or not image.url:
        raise ValueError("neither bytes nor an address")
    return Picture(url=image.url, revised_prompt=revised, _fetch=fetch)


def picture_of_bytes(coded: str) -> Picture:
    """Raises AttributeError, TypeError or ValueError where it is none. A large one takes a while: use a thread."""
    data = b"".join(_decoded(coded))
    if not (kind := attachments.image_kind(data)):
        raise ValueError("no picture")
    return Picture(data, kind=kind)


def _decoded(coded: str) -> Iterator[bytes]:
    for at in range(0, len(coded), _AT_ONCE):
        yield base64.b64decode(coded[at : at + _AT_ONCE], validate=True)
