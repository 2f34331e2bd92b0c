"""A plugin's small persistent state: one JSON file, written whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from voiced.api import StateError
from voiced.plugins.acting import ourselves
from voiced.plugins.threads import in_thread

T = TypeVar("T")

MAX_BYTES = 256 * 1024


class StateFile:
    """`report` gets one line for a person about each trouble that is no exception."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self._path = path
        self.report = report
        self._lock = asyncio.Lock()

    async def load(self, kind: type[T], default: T) -> T:
        """What is in the file, or `default` where there is none or it is not a `kind`. Never raises."""
        async with self._lock:
            try:
                data = await _in_thread(self._read, f"load {self._path.name}")
                return default if data is None else TypeAdapter(kind).validate_json(data)
            except ValidationError:
                self.report(await _in_thread(self._set_aside, f"set aside {self._path.name}"))
            except OSError as error:
                self.report(f"{self._path} can't be read ({error.strerror}); going on without it")
            return default

    async def save(self, value: object) -> None:
        """Replace the file. Raises StateError."""
        try:
            data = to_json(value, indent=1)
        except (PydanticSerializationError, ValueError) as error:
            raise StateError(f"The state of the plugin has no JSON form: {error}") from error
        if len(data) > MAX_BYTES:
            raise StateError(f"The state of the plugin has {len(data)} bytes; {MAX_BYTES} are allowed.")
        async with self._lock:
            try:
                await _in_thread(lambda: self._replace(data), f"save {self._path.name}")
            except OSError as error:
                self.report(f"{self._path} can't be written ({error.strerror})")
                raise StateError(f"It could not be written to disk ({error.strerror}).") from error

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None

    def _set_aside(self) -> str:
        aside = self._path.with_suffix(".corrupt")
        try:
            self._path.replace(aside)
        except OSError as error:
            return f"{self._path} is not what was saved and can't be set aside ({error.strerror}); going on without it"
        return f"{self._path} is not what was saved; it is set aside as {aside.name}"

    def _replace(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


async def _in_thread(function: Callable[[], T], name: str) -> T:
    """It is we who read and write, not the plugin."""
    with ourselves():
        return await in_thread(function, name)
