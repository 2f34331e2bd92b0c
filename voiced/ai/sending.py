"""Files on their way to a server: what is known of them before anything is sent, and their bytes piece by piece."""

from __future__ import annotations

import asyncio
import io
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voiced.ai import attachments
from voiced.ai.attachments import FileSource, legible
from voiced.errors import RequestRejected

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and those that there are in all."""

MOST_BYTES: Final = 512 * 1024 * 1024
"""Of a file that is sent in one piece."""

MOST_BYTES_IN_PARTS: Final = 8 * 1024**3
MOST_BATCH_BYTES: Final = 200 * 1024 * 1024
"""These three are OpenAI's limits."""

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
"""What OpenAI takes files for."""

IN_PARTS: Final = frozenset({"assistants", "batch", "fine-tune", "vision"})
"""Purposes for which OpenAI takes files in parts."""

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "batch": frozenset({"jsonl"}),
    "fine-tune": frozenset({"jsonl"}),
    "vision": frozenset({"png", "jpg", "jpeg", "gif", "webp"}),
    "assistants": frozenset(
        {
            "c", "cpp", "cs", "css", "csv", "doc", "docx", "gif", "go", "html", "java", "jpeg", "jpg", "js", "json",
            "md", "pdf", "php", "pkl", "png", "pptx", "py", "rb", "sh", "tar", "tex", "ts", "txt", "webp", "xlsx",
            "xml", "zip",
        }
    ),
}  # fmt: skip
"""Suffixes that a file for a purpose may have; of the other purposes any."""

_TYPES: Final = {"jsonl": "text/jsonl", "md": "text/markdown", "webp": "image/webp", "ts": "text/x-typescript"}
"""Where the tables of Python and of the system have none, or another one."""

_HEAD: Final = 16
"""Bytes that tell what kind of picture a file is."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A file that may be sent. `data`: None where it is on the disk, at `path`."""

    name: str
    size: int
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    @property
    def mime_type(self) -> str:
        suffix = Path(self.name).suffix.lower().removeprefix(".")
        return _TYPES.get(suffix) or mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    async def read(self, start: int, most: int) -> bytes:
        """Up to `most` bytes from `start` on, read in a thread. Raises RequestRejected."""
        if self.data is not None:
            return self.data[start : start + most]
        return await asyncio.to_thread(self._read, start, most)

    def _read(self, start: int, most: int) -> bytes:
        assert self.path is not None
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(most)
        except OSError as error:
            raise RequestRejected(f"files: {self.path} can't be read ({error.strerror})") from None


class Told(io.BytesIO):
    """Bytes that tell how many of them were read, after `before` others out of `size`."""

    def __init__(self, data: bytes, progress: Progress | None, before: int, size: int) -> None:
        super().__init__(data)
        self._progress = progress
        self._before = before
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self._progress is not None and data:
            self._progress(self._before + self.tell(), self._size)
        return data


class ToldFile(io.BufferedReader):
    """The same for a file that is too large for the memory. Reading blocks for the disk. Close it."""

    def __init__(self, path: Path, progress: Progress | None, size: int) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._progress = progress
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self._progress is not None and data:
            self._progress(self.tell(), self._size)
        return data


async def judged(source: FileSource, purpose: str, *, any_purpose: bool = False) -> Sending:
    """The file, which may be sent for this purpose. `any_purpose`: also for those that OpenAI has not.

    Raises RequestRejected where it is missing, a folder, empty, too large, or of a kind that is not taken.
    """
    if purpose not in PURPOSES and not (any_purpose and purpose):
        raise RequestRejected(f"files: {purpose!r} is no purpose: give one of {', '.join(PURPOSES)}")
    most = MOST_BYTES_IN_PARTS if purpose in IN_PARTS else MOST_BYTES
    most = MOST_BATCH_BYTES if purpose == "batch" else most
    what, kinds = f"files for {purpose}", KINDS.get(purpose, frozenset())
    place = attachments.place_of(source, what)
    if isinstance(place, tuple):
        attachment = await attachments.read(place, what, most_bytes=most, kinds=kinds)
        sending = Sending(attachment.name, len(attachment.data), data=attachment.data)
    else:
        size = await asyncio.to_thread(attachments.size_of, place, what, most_bytes=most, kinds=kinds)
        sending = Sending(legible(place.name), size, place)
    if not sending.name:
        raise RequestRejected("files: the file has no name: give one, such as notes.txt")
    if purpose == "vision" and not attachments.image_kind(await sending.read(0, _HEAD)):
        raise RequestRejected(f"{what}: {sending.name} is no picture: give a PNG, JPEG, WEBP or GIF")
    return sending
