"""Takes out of a text who somebody is and what they must keep secret."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from voiced.config import Loaded
from voiced.doctor.servers import servers
from voiced.errors import ConfigError
from voiced.redaction import names_a_secret, redacted

SHORTEST_SECRET: Final = 6
"""Characters: whatever is shorter would take words out of the text as well."""

COMMON: Final = frozenset({"root", "voiced", "localhost", "user", "home"})
"""Names that tell nobody who somebody is, and that stand everywhere."""

_SECRET_VALUE: Final = re.compile(
    r"""(?i)([\w.-]*(?:api[_-]?key|token|secret|password|passwd|authorization)(?:\\?["'])?\s*[=:]\s*)"""
    r"""(\\"[^"\n]*\\"|"[^"\n]*"|'[^'\n]*'|[^\s,;}\]"'\\]+)"""
)
"""The second is the value, with its quotes; `\\"` is how a quote stands in JSON that is itself a text of JSON."""

_QUOTES: Final = re.compile(r"""^(\\"|["']|)(.*?)\1$""", re.DOTALL)

_SOMEBODY: Final = re.compile(r"(?<=/home/)[^/\s,;\"':]+")
"""Another's home than the asker's, as after sudo."""

_HARDWARE: Final = re.compile(r"(?<![\w:])[0-9A-Fa-f]{2}(?:([:_-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:])")
"""The address of a network or Bluetooth device, of which there is one in the world."""

Cleaner = Callable[[str], str]


def cleaner(*, home: str, user: str, host: str, secrets: Iterable[str]) -> Cleaner:
    """What makes a text fit for others: the home is ~, user and host have no name, secrets are gone.

    >>> clean = cleaner(home="/home/ada", user="ada", host="lovelace", secrets=["hunter2"])
    >>> clean("ada@lovelace: /home/ada/.config, password hunter2")
    'USER@HOST: ~/.config, password [redacted]'
    """
    hidden = sorted({each for each in secrets if len(each) >= SHORTEST_SECRET}, key=len, reverse=True)
    names = [(host, "HOST"), (host.partition(".")[0], "HOST"), (user, "USER")]

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "[redacted]")
        text = _SECRET_VALUE.sub(_hide, redacted(text))
        if len(home) > 1 and home != "/root":
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
        text = _HARDWARE.sub("ADDRESS", _SOMEBODY.sub("USER", text))
        for name, stand_in in names:
            if name and name.lower() not in COMMON:
                text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", stand_in, text)
        return text

    return clean


def secrets_of(loaded: Loaded | None, environ: Mapping[str, str]) -> list[str]:
    """Every key and password that is known here."""
    found = [value for name, value in environ.items() if names_a_secret(name)]
    if loaded is not None:
        found += [server.key for server in servers(loaded)[0]]
        with contextlib.suppress(ConfigError):  # there is none then
            found.append(loaded.secrets.kiosk_token().get_secret_value())
    return found


def _hide(found: re.Match[str]) -> str:
    """In the quotes that it had, so that JSON is JSON still."""
    value = _QUOTES.match(found[2])
    assert value is not None, "any text matches"
    return f"{found[1]}{value[1]}[redacted]{value[1]}" if value[2] not in ("", "…") else found[0]
