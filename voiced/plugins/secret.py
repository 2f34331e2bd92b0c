"""A plugin's passwords and tokens, from the environment, systemd or a file; never from the settings themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voiced.api import NotConfigured
from voiced.redaction import looks_like_a_key

LIMIT: Final = 16 * 1024
"""Bytes; more is no password."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where the secrets of one plugin may be. `settings`: the plugin's own, validated, or None."""

    plugin: str
    environ: Mapping[str, str]
    settings: object = None

    def __repr__(self) -> str:  # the environment holds secrets
        return f"SecretPlaces({self.plugin})"

    def read(self, name: str) -> str:
        """The secret `name`, stripped. It reads files: in a thread, please. Raises NotConfigured, never with it."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"secret({name!r}): a name is letters, digits, _ and -, such as token")
        variable = re.sub(r"[^A-Z0-9]", "_", f"VOICED_SECRET_{self.plugin}_{name}".upper())
        setting = f"{name.replace('-', '_')}_file"
        if variable in self.environ:
            return _checked(self.environ[variable].encode("utf-8", "surrogateescape"), f"${variable}")
        credential = self._credential(name)
        if credential is not None and credential.exists():
            return _read(credential, str(credential))
        if file := getattr(self.settings, setting, None):
            return _read(self._path(str(file), setting), f"plugin.{self.plugin}.{setting}")
        named = f"or name a file with it in {setting}, below [plugin.{self.plugin}], " if self._has(setting) else ""
        raise NotConfigured(
            f"there is no {name}: set {variable}, {named}"
            f"or give the systemd unit LoadCredential=voiced-{self.plugin}-{name}:FILE"
        )

    def _has(self, setting: str) -> bool:
        return hasattr(self.settings, setting)

    def _credential(self, name: str) -> Path | None:
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        return Path(directory) / f"voiced-{self.plugin}-{name}" if directory else None

    def _path(self, file: str, setting: str) -> Path:
        if looks_like_a_key(file):
            raise NotConfigured(
                f"plugin.{self.plugin}.{setting} holds what looks like the secret itself; "
                "put it in a file and write the file's path"
            )
        home = self.environ.get("HOME", "")
        return Path(home, file[2:]) if file.startswith("~/") and home else Path(file)


def _read(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            return _checked(file.read(LIMIT + 1), place)
    except OSError as error:
        raise NotConfigured(f"{place}: {path} can't be read ({error.strerror})") from None


def _checked(data: bytes, place: str) -> str:
    if len(data) > LIMIT:
        raise NotConfigured(f"{place} has more than {LIMIT} bytes; that is no secret")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise NotConfigured(f"{place} is no text in UTF-8") from None
    if not text:
        raise NotConfigured(f"{place} is empty; put the secret there")
    return text
