"""Where to connect, and with which headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import Dialect
from voiced.errors import ConfigError

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_AZURE: Final = ".openai.azure.com"
_OPENAI: Final = ".openai.com"


@dataclass(frozen=True, slots=True)
class Address:
    """A WebSocket's URL and the headers of its handshake, one of which is secret."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def address(settings: RealtimeSettings, dialect: Dialect, key: str) -> Address:
    """Where `settings` lead. `key` may be empty for a server that is neither OpenAI's nor Azure's.

    Raises `ConfigError` where the key can't stand in a header, or is missing.
    """
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    azure = host.endswith(_AZURE)
    path = parts.path.rstrip("/") or ("/openai/v1" if azure else "")
    query = urlencode([*parse_qsl(parts.query), ("model", settings.model)])
    url = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, f"{path}/realtime", query, ""))

    key = key.strip()
    if not key and (azure or f".{host}".endswith(_OPENAI)):
        raise ConfigError(
            "no OpenAI key: set OPENAI_API_KEY, or name a file with it in openai.key_file, "
            "or give the systemd unit LoadCredential=openai_api_key:FILE"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(
            "the API key has a blank, a line break or a letter that no key has: copy it again, on one line"
        )
    headers = {
        "OpenAI-Safety-Identifier": settings.safety_identifier,
        "OpenAI-Organization": settings.organization,
        "OpenAI-Project": settings.project,
        "OpenAI-Beta": "realtime=v1" if dialect == "beta" else "",
    }
    if key:
        headers |= {"api-key": key} if azure else {"Authorization": f"Bearer {key}"}
    return Address(url, {name: value for name, value in headers.items() if value})
