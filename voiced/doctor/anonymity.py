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
    r"""(?i)(["']?[\w.-]*(?:api[_-]?key|token|secret|password|passwd|authorization)["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;}\]]+)"""
)

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
    return f"{found[1]}[redacted]" if found[2] not in ('""', "''") else found[0]
