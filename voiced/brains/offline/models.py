"""Models of the engines: fetched once, resumed where that was interrupted, checked by hash, put in place as a whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from voiced.brains.offline.model_address import ModelFile
from voiced.errors import BrainError, ConfigError

BLOCK: Final = 256 * 1024

LARGEST: Final = 8 * 1024**3
"""Bytes of one file; a server that sends without end fills no disk."""

CONNECT_S: Final = 30.0
"""Without a byte."""


Progress = Callable[[str, int, int], None]
"""Name of the file, bytes there, bytes in all (0: not known)."""


class ModelError(BrainError):
    """A model can't be had. One line that says what to do."""


class _Stopped(Exception):
    """Nobody waits for it any more."""


class Model:
    """A folder of files, somewhere on the disk or to be fetched into the cache.

    `places`: one folder, or addresses as `ModelFile.at` takes them. Raises ConfigError.
    """

    def __init__(self, places: Sequence[str], cache: Path) -> None:
        self.files: tuple[ModelFile, ...] = ()
        if len(places) == 1 and "://" not in places[0]:
            self.folder = Path(places[0]).expanduser()
        else:
            self.files = tuple(map(ModelFile.at, places))
            if not self.files:
                raise ConfigError("no model is given")
            named = hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()[:12]
            self.folder = cache / "models" / f"{self.files[0].name.split('.')[0]}-{named}"

    @property
    def there(self) -> bool:
        return self.folder.is_dir()

    def fetch(self, progress: Progress, stopped: Callable[[], bool] = lambda: False) -> None:
        """Have it there, which may take many minutes. Raises ModelError.

        What was fetched of a file is kept and gone on with the next time. `stopped` is asked at each block.
        """
        if self.there:
            return
        if not self.files:
            raise ModelError(f"there is no folder {self.folder}; correct the model in [offline]")
        coming = self.folder.with_name(f"{self.folder.name}.coming")
        try:
            coming.mkdir(parents=True, exist_ok=True)
            for file in self.files:
                _Download(file, coming, progress, stopped).run()
            self._put_in_place(coming)
        except _Stopped:
            return
        except OSError as error:
            raise ModelError(f"the model can't be kept in {self.folder.parent}: {error.strerror or error}") from error

    def _put_in_place(self, coming: Path) -> None:
        whole = self.folder.with_name(f"{self.folder.name}.whole")
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        for file in self.files:
            if file.is_archive:
                _unpack(coming / file.name, whole)
            else:
                shutil.move(coming / file.name, whole / file.name)
        try:
            whole.rename(self.folder)
        except OSError:
            if not self.there:  # otherwise another process was faster
                raise
            shutil.rmtree(whole)
        shutil.rmtree(coming, ignore_errors=True)


class _Download:
    """Of one file, to `folder/name`, by way of `folder/name.part`."""

    def __init__(self, file: ModelFile, folder: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
        self._file = file
        self._whole = folder / file.name
        self._part = folder / f"{file.name}.part"
        self._progress = progress
        self._stopped = stopped

    def run(self) -> None:
        """Raises ModelError, OSError, _Stopped."""
        if self._whole.exists():
            return
        try:
            self._receive()
        except urllib.error.HTTPError as error:
            raise ModelError(f"{self._file.url} answers {error.code} {error.reason}; is the address right?") from error
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", None) or error
            raise ModelError(
                f"{self._file.name} can't be fetched ({reason}); it takes a network once, and goes on where it was"
            ) from error
        found = _sha256(self._part)
        if found != self._file.sha256:
            self._part.unlink()
            raise ModelError(
                f"{self._file.url} is not the file that was meant: its sha256 is {found}, not {self._file.sha256}"
            )
        self._part.rename(self._whole)

    def _receive(self) -> None:
        have = self._part.stat().st_size if self._part.exists() else 0
        request = urllib.request.Request(self._file.url, headers={"User-Agent": "voiced"})  # noqa: S310  # http(s)
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=CONNECT_S) as response:  # noqa: S310
                if response.status != HTTPStatus.PARTIAL_CONTENT:
                    have = 0
                total = have + int(response.headers.get("Content-Length") or 0)
                with self._part.open("ab" if have else "wb") as part:
                    self._copy(response, part, have, total)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # that is: nothing is missing
                raise

    def _copy(self, response: Any, part: Any, have: int, total: int) -> None:
        while block := response.read(BLOCK):
            if self._stopped():
                raise _Stopped
            have += len(block)
            if have > LARGEST:
                raise ModelError(f"{self._file.url} has no end")
            part.write(block)
            self._progress(self._file.name, have, total)
        if have < total:
            raise ConnectionError("the connection ended early")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where models lie: systemd's cache directory, or $XDG_CACHE_HOME/voiced."""
    if environ.get("CACHE_DIRECTORY"):
        return Path(environ["CACHE_DIRECTORY"].partition(":")[0])
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".cache"
    return Path(base) / "voiced"


def _unpack(archive: Path, folder: Path) -> None:
    """The files in it, and no links or devices; a single folder at its top is left out."""
    try:
        with tarfile.open(archive) as files:
            for member in files:  # tarfile's own filters came with Python 3.11.4; Debian 12 has 3.11.2
                place = Path(os.path.normpath(folder / member.name))
                if not place.is_relative_to(os.path.normpath(folder)):
                    raise ModelError(f"{archive.name} can't be unpacked: {member.name} leads out of it")
                source = files.extractfile(member) if member.isreg() else None
                if source is not None:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with source, place.open("wb") as file:
                        shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError) as error:
        raise ModelError(f"{archive.name} can't be unpacked: {error}") from error
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        moved = folder.with_name(f"{folder.name}.inside")
        inside[0].rename(moved)
        folder.rmdir()
        moved.rename(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
