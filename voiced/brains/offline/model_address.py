"""Where a file of a model is, and the hash that says that it is that one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from voiced.errors import ConfigError

_ARCHIVES: Final = (".tar.bz2", ".tar.gz", ".tgz", ".tar.xz", ".tar")
_HASH: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: where it is, and what it must be."""

    url: str
    sha256: str
    name: str

    @classmethod
    def at(cls, address: str) -> ModelFile:
        """From "https://…/name#sha256=…". Raises ConfigError."""
        parts = urlsplit(address)
        found = _HASH.fullmatch(parts.fragment)
        name = PurePosixPath(unquote(parts.path)).name
        if parts.scheme not in ("http", "https") or not parts.hostname or not _NAME.fullmatch(name):
            raise ConfigError(f"{_shown(address)} is no address of a file; write https://host/path/name#sha256=…")
        if found is None:
            raise ConfigError(f"{_shown(address)} needs the hash of the file: add #sha256= and its 64 digits")
        return cls(parts._replace(fragment="").geturl(), found[1].lower(), name)

    @property
    def is_archive(self) -> bool:
        return self.name.endswith(_ARCHIVES)


def _shown(address: str) -> str:
    return repr(address if len(address) <= 80 else f"{address[:77]}…")
