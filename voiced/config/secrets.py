"""Keys: where they come from, which server each is for, and that they never print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from voiced.ai.directory import Provider
from voiced.ai.endpoint import is_openai
from voiced.ai.presets import variable_of
from voiced.ai.settings import AiSettings
from voiced.brains.cascade.settings import CascadeSettings, Service
from voiced.errors import BadKey
from voiced.kiosk.settings import KioskSettings
from voiced.redaction import looks_like_a_key
from voiced.settings import Settings, setting

_OTHERS_MAY_READ = 0o004


class OpenAISettings(Settings):
    """The OpenAI account. The key itself is never written here: it comes from OPENAI_API_KEY, else from key_file,
    else from the systemd credential openai_api_key.
    """

    key_file: str = setting(
        "", "A file with nothing but the key in it, readable by voiced's user alone. ~ is your home."
    )


class Secrets:
    """Finds a key anew whenever it is asked for, so that a new key needs no restart.

    `realtime_base_url`: where the OpenAI key is used beside OpenAI itself; it goes to no other host.
    """

    def __init__(
        self,
        settings: OpenAISettings,
        environ: Mapping[str, str],
        cascade: CascadeSettings | None = None,
        realtime_base_url: str = "",
        ai: AiSettings | None = None,
        kiosk: KioskSettings | None = None,
    ) -> None:
        self._cascade = cascade or CascadeSettings()
        self._realtime = realtime_base_url
        self._environ = environ
        self._ai = ai or AiSettings()
        self._openai = _Source("OpenAI key", "openai.key_file", settings.key_file, "OPENAI_API_KEY", environ)
        token_file = kiosk.token_file if kiosk is not None else ""
        self._kiosk = _Source("access token", "kiosk.token_file", token_file, "KIOSK_TOKEN", environ)
        self._common = _Source("API key", "cascade.key_file", self._cascade.key_file, "CASCADE_API_KEY", environ)
        files: dict[Service, str] = {
            "stt": self._cascade.stt_key_file,
            "chat": self._cascade.chat_key_file,
            "tts": self._cascade.tts_key_file,
        }
        self._own = {
            service: _Source(
                "API key", f"cascade.{service}_key_file", file, f"CASCADE_{service.upper()}_API_KEY", environ
            )
            for service, file in files.items()
        }

    @property
    def given(self) -> bool:
        """Whether somebody gave the OpenAI key, right or wrong."""
        return self._openai.place() is not None

    def openai_key(self) -> SecretStr:
        """The key. Raises ConfigError, in one line that says the fix and never the key."""
        if not self.given:
            raise BadKey(
                "no OpenAI key: set OPENAI_API_KEY, or name a file with it in openai.key_file, "
                "or give the systemd unit LoadCredential=openai_api_key:FILE"
            )
        return self._openai.key()

    def cascade_key(self, service: Service) -> SecretStr:
        """The key for a service of the cascade, empty where none is for its server. Raises ConfigError.

        Its own key; else the cascade's, where the service is on the host of cascade.base_url; else OpenAI's, where
        that is OpenAI's host, or the one that Realtime gets that key at.
        """
        if self._own[service].place() is not None:
            return self._own[service].key()
        host = _host(self._cascade.url_of(service))
        if host == _host(self._cascade.base_url) and self._common.place() is not None:
            return self._common.key()
        if self.given and (is_openai(host.rpartition(":")[0]) or host == _host(self._realtime)):
            return self._openai.key()
        return SecretStr("")

    def key_for(self, url: str) -> SecretStr:
        """The key that the server at `url` gets, empty where none is for its host. Raises ConfigError.

        OpenAI's at OpenAI's hosts and where Realtime gets it, else the cascade's at the host of cascade.base_url.
        """
        host = _host(url)
        if self.given and (is_openai(host.rpartition(":")[0]) or host == _host(self._realtime)):
            return self._openai.key()
        if host == _host(self._cascade.base_url) and self._common.place() is not None:
            return self._common.key()
        return SecretStr("")

    def provider_key(self, provider: Provider) -> SecretStr:
        """The key of a provider of [ai], empty where there is none. Raises ConfigError.

        Its own, for it alone; else the one that the host of its address gets anyway, see `key_for`.
        """
        own = self._own_of(provider.name, provider.key_file)
        if (provider.key_file or provider.name != "openai") and own.place() is not None:
            return own.key()
        return self.key_for(provider.base_url)

    def kiosk_token(self) -> SecretStr:
        """What a page of the kiosk must know, empty where it need not know any. Raises ConfigError."""
        return self._kiosk.key() if self._kiosk.place() is not None else SecretStr("")

    def _own_of(self, name: str, key_file: str) -> _Source:
        return _Source("API key", f"ai.providers.{name}.key_file", key_file, variable_of(name), self._environ)

    def describe(self) -> str:
        """Whether there is a key and where it comes from: "set (from OPENAI_API_KEY)". Raises ConfigError."""
        if (place := self._openai.place()) is None:
            return "not set"
        self.openai_key()
        return f"set (from {place})"

    def warnings(self) -> list[str]:
        """What is not wrong but unwise, one line each."""
        providers = [self._own_of(name, given.key_file) for name, given in self._ai.providers.items()]
        sources = [self._openai, self._kiosk, self._common, *self._own.values(), *providers]
        return list(dict.fromkeys(line for source in sources for line in source.warnings()))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where one key may be: a variable, else a file, else a systemd credential; the first one wins, right or wrong."""

    noun: str
    setting: str
    key_file: str
    variable: str
    environ: Mapping[str, str]

    def __repr__(self) -> str:  # the environment holds keys
        return f"_Source({self.variable})"

    def place(self) -> str | Path | None:
        """The variable or the file that the key is taken from. Raises ConfigError."""
        if self.variable in self.environ:
            return self.variable
        if self.key_file:
            return self._file()
        credential = self._credential()
        return credential if credential is not None and credential.exists() else None

    def key(self) -> SecretStr:
        """The key; there must be a place. Raises ConfigError."""
        place = self.place()
        assert place is not None
        if isinstance(place, Path):
            return self._checked(self._read(place), str(place))
        return self._checked(self.environ[place], place)

    def warnings(self) -> list[str]:
        place = self.place()
        if not isinstance(place, Path) or place == self._credential():
            return []
        try:
            mode = place.stat().st_mode
        except OSError:
            return []  # `key` says so, to whoever needs it
        if mode & _OTHERS_MAY_READ:
            return [f"{place}: every user of this machine can read the key; run: chmod 600 {place}"]
        return []

    def _file(self) -> Path:
        if looks_like_a_key(self.key_file):
            raise BadKey(
                f"{self.setting} holds what looks like the key itself; put the key in a file and write the file's path"
            )
        name, home = self.key_file, self.environ.get("HOME", "")
        return Path(home, name[2:]) if name.startswith("~/") and home else Path(name)

    def _credential(self) -> Path | None:
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        return Path(directory) / self.variable.lower() if directory else None

    def _read(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("ascii")
        except FileNotFoundError:
            raise BadKey(
                f"{path}: no such file; {self.setting} names it: create it with the {self.noun} in it"
            ) from None
        except UnicodeDecodeError:
            raise BadKey(f"{path}: this is not an {self.noun} (not plain ASCII); put the key alone in it") from None
        except OSError as error:
            raise BadKey(
                f"{path}: the {self.noun} can't be read ({error.strerror}); make voiced's user the owner of the file"
            ) from None

    def _checked(self, text: str, place: str) -> SecretStr:
        key = text.strip("\r\n")
        if not key.strip():
            raise BadKey(f"{place} is empty; put the {self.noun} in it, or take it away")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise BadKey(
                f"{place} is not an {self.noun} (it has a space, a line break or a special character); copy it again"
            )
        return SecretStr(key)


def _host(url: str) -> str:
    """Host and port: two servers on one machine are two."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}:{parts.port or (80 if parts.scheme in ('http', 'ws') else 443)}"
    except ValueError:  # of a port that is no number, which the settings of that address complain about
        return ""
