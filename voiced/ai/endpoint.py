"""Where a server is, and which key it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from voiced.errors import BadKey, ConfigError

OPENAI: Final = "https://api.openai.com/v1"

_AZURE: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server and what it is told about who asks.

    `key` may be empty for a server that is neither OpenAI's nor Azure's. `headers` are sent along, such as
    `OpenAI-Project`. `name`: of the provider in the settings, where it is one of them. Raises `ConfigError` where the
    key is missing or can't stand in a header.
    """

    base_url: str = OPENAI
    key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout_s: float = 4.0
    name: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{self.base_url} is no address of an API: write one such as {OPENAI}")
        key = self.key.strip()
        if not (key.isascii() and (key.isprintable() or not key)) or " " in key:
            raise BadKey(
                f"the API key for {self.host} has a blank, a line break or a letter that no key has: "
                "copy it again, on one line"
            )
        if not key and self.needs_key:
            raise BadKey(f"no API key for {self.host}: set OPENAI_API_KEY, or the key_file that belongs to it")
        object.__setattr__(self, "key", key)

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def called(self) -> str:
        """What an error calls it: "attic at 192.168.1.2"; the host alone where that tells the name, or it has none."""
        known = not self.name or self.name in self.host.split(".")
        return self.host if known else f"{self.name} at {self.host}"

    @property
    def is_openai(self) -> bool:
        """Whether OpenAI itself answers there, whose models and their retirement are known."""
        return is_openai(self.host)

    @property
    def is_azure(self) -> bool:
        return self.host.endswith(_AZURE)

    @property
    def needs_key(self) -> bool:
        return wants_key(self.base_url)

    @property
    def root(self) -> str:
        """`base_url` as the library wants it: for Azure with the path that its resource name lacks."""
        parts = urlsplit(self.base_url)
        path = parts.path.rstrip("/") or ("/openai/v1" if self.is_azure else "")
        return parts._replace(path=path).geturl()

    @property
    def authorization(self) -> dict[str, str]:
        """The headers that are for this server alone; they hold the key."""
        if not self.key:
            return dict(self.headers)
        named = {"api-key": self.key} if self.is_azure else {"Authorization": f"Bearer {self.key}"}
        return {**self.headers, **named}


def wants_key(base_url: str) -> bool:
    """Whether nobody is answered there without a key, as far as is known."""
    host = urlsplit(base_url).hostname or ""
    return is_openai(host) or host.endswith(_AZURE)


def is_openai(host: str) -> bool:
    """Whether `host` is OpenAI's.

    >>> is_openai("api.openai.com"), is_openai("eu.api.openai.com"), is_openai("openai.com.example.org")
    (True, True, False)
    """
    return f".{host}".endswith(".openai.com")
