"""How long to wait for a server that tells how many requests and tokens are left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_KINDS: Final = ("requests", "tokens")
_MOST_KEYS: Final = 64

LONGEST_S: Final = 600.0
"""That a server is not asked because of what it told: it may have told nonsense, and one request shows."""


class RateLimits:
    """What the `x-ratelimit-…` headers said last, by what was asked for. Times are of one clock, in seconds."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def note(self, key: str, headers: Mapping[str, str], now: float) -> None:
        """An answer came with these headers (names in lower case)."""
        waits = [
            min(wait, LONGEST_S)
            for kind in _KINDS
            if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() in ("0", "-1")
            and (wait := seconds(headers.get(f"x-ratelimit-reset-{kind}", ""))) is not None
        ]
        self._until.pop(key, None)
        if waits:
            if len(self._until) >= _MOST_KEYS:
                self._until.pop(next(iter(self._until)))
            self._until[key] = now + max(waits)

    def forget(self, key: str) -> None:
        """Nothing is known of it any more."""
        self._until.pop(key, None)

    def wait_s(self, key: str, now: float) -> float:
        """Until the next request of this kind has a chance."""
        return max(0.0, self._until.get(key, now) - now)


def seconds(text: str) -> float | None:
    """A time as the headers write it; None where it is none.

    >>> seconds("1m30.5s"), seconds("120ms"), seconds("2"), seconds("soon")
    (90.5, 0.12, 2.0, None)
    """
    text = text.strip()
    try:
        found = float(text)
        return found if 0 <= found < 1e9 else None
    except ValueError:
        pass
    parts = _PART.findall(text)
    if not parts or "".join(f"{amount}{unit}" for amount, unit in parts) != text:
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
