"""The OpenAI key: where it comes from, and that it never prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from voiced.errors import ConfigError
from voiced.redaction import looks_like_a_key
from voiced.settings import Settings, setting

_VARIABLE = "OPENAI_API_KEY"
_CREDENTIAL = "openai_api_key"
_OTHERS_MAY_READ = 0o004


class OpenAISettings(Settings):
    """The OpenAI account. The key itself is never written here: it comes from OPENAI_API_KEY, else from key_file,
    else from the systemd credential openai_api_key.
    """

    key_file: str = setting(
        "", "A file with nothing but the key in it, readable by voiced's user alone. ~ is your home."
    )


class Secrets:
    """Finds the key anew whenever it is asked for, so that a new key needs no restart."""

    def __init__(self, settings: OpenAISettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    @property
    def given(self) -> bool:
        """Whether somebody gave a key, right or wrong."""
        return self._place() is not None

    def openai_key(self) -> SecretStr:
        """The key. Raises ConfigError, in one line that says the fix and never the key."""
        place = self._place()
        if place is None:
            raise ConfigError(
                f"no OpenAI key: set {_VARIABLE}, or name a file with it in openai.key_file, "
                f"or give the systemd unit LoadCredential={_CREDENTIAL}:FILE"
            )
        if isinstance(place, Path):
            return _checked(self._read(place), str(place))
        return _checked(self._environ[place], place)

    def describe(self) -> str:
        """Whether there is a key and where it comes from: "set (from OPENAI_API_KEY)". Raises ConfigError."""
        if (place := self._place()) is None:
            return "not set"
        self.openai_key()
        return f"set (from {place})"

    def warnings(self) -> list[str]:
        """What is not wrong but unwise, one line each."""
        place = self._place()
        if not isinstance(place, Path) or place == self._credential():
            return []
        try:
            mode = place.stat().st_mode
        except OSError:
            return []  # openai_key says so, to whoever needs the key
        if mode & _OTHERS_MAY_READ:
            return [f"{place}: every user of this machine can read the key; run: chmod 600 {place}"]
        return []

    def _place(self) -> str | Path | None:
        """The variable or the file that the key is taken from; the first one wins, right or wrong."""
        if _VARIABLE in self._environ:
            return _VARIABLE
        if self._settings.key_file:
            return self._key_file()
        credential = self._credential()
        return credential if credential is not None and credential.exists() else None

    def _key_file(self) -> Path:
        if looks_like_a_key(self._settings.key_file):
            raise ConfigError(
                "openai.key_file holds what looks like the key itself; put the key in a file and write the file's path"
            )
        name, home = self._settings.key_file, self._environ.get("HOME", "")
        return Path(home, name[2:]) if name.startswith("~/") and home else Path(name)

    def _credential(self) -> Path | None:
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        return Path(directory) / _CREDENTIAL if directory else None

    def _read(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("ascii")
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: no such file; openai.key_file names it: create it with the OpenAI key in it"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: this is not an OpenAI key (not plain ASCII); put the key alone in it") from None
        except OSError as error:
            raise ConfigError(
                f"{path}: the OpenAI key can't be read ({error.strerror}); make voiced's user the owner of the file"
            ) from None


def _checked(text: str, place: str) -> SecretStr:
    key = text.strip("\r\n")
    if not key.strip():
        raise ConfigError(f"{place} is empty; put the OpenAI key in it, or take it away")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            f"{place} is not an OpenAI key (it has a space, a line break or a special character); copy it again"
        )
    return SecretStr(key)
