"""Keys out of text: the second fence behind SecretStr, for whatever a person or a log will read."""

from __future__ import annotations

import re

_HEADER = re.compile(r"(?i)(authorization['\"]?\s*[:=,]\s*['\"]?)(?:(?:bearer|basic)\s+)?[^\s'\",)}]+")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s'\",)}]+")
_KEY = re.compile(r"(?<![A-Za-z0-9])(sk|ek|rk|pk)[-_][A-Za-z0-9_-]{8,}")
"""OpenAI's own keys (`sk-…`), its ephemeral client secrets (`ek_…`), and the shapes others copied from them."""


_SECRET_NAME = re.compile(r"(?i)(^|[_.-])(api_?keys?|keys?|tokens?|secrets?|passwords?|passwd|authorization)$")

_USERINFO = re.compile(r"(://)[^/@\s'\"]*:[^/@\s'\"]*@")


def redacted(text: str) -> str:
    """`text` with everything that looks like a key or an Authorization header taken out, and passwords of URLs.

    >>> redacted("Authorization: Bearer sk-proj-0123456789, then ek_0123456789")
    'Authorization: [redacted], then ek_[redacted]'
    """
    text = _HEADER.sub(r"\1[redacted]", text)
    text = _BEARER.sub(r"\1 [redacted]", text)
    text = _USERINFO.sub(r"\1[redacted]@", text)
    return _KEY.sub(lambda key: f"{key[1]}{key[0][2]}[redacted]", text)


def looks_like_a_key(text: str) -> bool:
    """Whether somebody wrote a key where something else belongs."""
    return _KEY.search(text) is not None


def names_a_secret(name: str) -> bool:
    """Whether what is called `name` is not for the eyes of everybody; `token_file` is.

    >>> names_a_secret("api_key"), names_a_secret("api_key_file")
    (True, False)
    """
    return _SECRET_NAME.search(name) is not None
