"""Files that are there whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from voiced.errors import RequestRejected

T = TypeVar("T")


async def save(path: str | os.PathLike[str], data: bytes, what: str) -> Path:
    """Write `data` to `path`, in place of what is there. Raises RequestRejected, in which `what` names the service."""
    async with saving(path, what) as write:
        await write(data)
    return Path(path)


@asynccontextmanager
async def saving(path: str | os.PathLike[str], what: str) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
    """What appends to a new file, which takes the place of `path` at the end, unless there was an error before it.

    The disk is waited for in threads. Raises RequestRejected.
    """
    beside = _Beside(Path(path), what)
    try:
        await to_its_end(beside.open)

        async def write(data: bytes) -> None:
            await to_its_end(lambda: beside.write(data))

        yield write
        await to_its_end(beside.finish)
    finally:
        await to_its_end(beside.discard)


class _Beside:
    """A file beside the one that it is to become."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._beside = path.with_name(f".voiced-{secrets.token_hex(8)}.part") if path.name else path
        self._file: BinaryIO | None = None

    def open(self) -> None:
        if not self._path.name or self._path.is_dir():
            raise RequestRejected(f"{self._what}: {self._path} is a folder: name a file in it")
        if not self._path.parent.is_dir():
            raise RequestRejected(f"{self._what}: there is no folder {self._path.parent}: make it first")
        with self._told():
            self._file = self._beside.open("xb")

    def write(self, data: bytes) -> None:
        assert self._file is not None
        with self._told():
            self._file.write(data)

    def finish(self) -> None:
        assert self._file is not None
        with self._told():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._beside.replace(self._path)
        self._file = None

    def discard(self) -> None:
        """Harmless after the end."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                self._beside.unlink()
            self._file = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RequestRejected(f"{self._what}: {self._path} can't be written ({error.strerror})") from error


async def to_its_end(call: Callable[[], T]) -> T:
    """`call` in a thread; whoever is cancelled meanwhile waits for its end, so that nothing goes on behind his back."""
    task = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # asked for, or asyncio complains
        raise
