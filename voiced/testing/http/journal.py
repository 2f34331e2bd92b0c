"""What was asked, in order, and how each request ended."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from voiced.testing.http.catalogue import Stage
from voiced.testing.loopback.journal import shortened

MAX_ENTRIES: Final = 2_000
"""The oldest are forgotten."""

MAX_SOUNDS: Final = 16
"""The sound is kept of the last files alone."""

Outcome = Literal["open", "answered", "refused", "faulted", "abandoned"]
"""How a request ended. `refused`: it was wrong. `faulted`: a fault took the place of its answer or spoilt it.
`abandoned`: the client went away before the end, or the server did."""


@dataclass(slots=True)
class Entry:
    """One request. Times are those of the loop's clock, in seconds.

    `line`: its method and its path below /v1/. `nth`: which of its stage, from 1. `body`: the JSON, or the form without
    its files, long texts cut. `pcm`: what a WAV held. `headers`: in lower case, without keys. `connection`: from 1; two
    requests with the same number came through one socket. `first_byte_at`, `last_byte_at` (so far): no later than the
    client can have them.
    """

    stage: Stage
    nth: int
    connection: int
    at: float
    line: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: dict[str, Any] = field(default_factory=dict)
    pcm: bytes = field(default=b"", repr=False)
    rate: int = 0
    status: int | None = None
    outcome: Outcome = "open"
    first_byte_at: float | None = None
    last_byte_at: float | None = None
    ended_at: float | None = None
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that the real server would have refused, with the words in which it does."""

    stage: Stage | None
    status: int
    code: str | None
    message: str
    param: str | None


class Journal:
    """The last `MAX_ENTRIES` requests."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._sounds: deque[Entry] = deque()
        self._seen: Counter[Stage] = Counter()
        self._changed = asyncio.Event()

    def open(self, stage: Stage, connection: int, at: float, line: str, headers: dict[str, str]) -> Entry:
        """A request has begun."""
        self._seen[stage] += 1
        entry = Entry(stage, self._seen[stage], connection, at, line, headers)
        self.entries.append(entry)
        self.changed()
        return entry

    def count(self, stage: Stage) -> int:
        """How many requests of `stage` there were."""
        return self._seen[stage]

    def keep(self, entry: Entry, body: dict[str, Any], pcm: bytes = b"", rate: int = 0) -> None:
        """What the request says."""
        entry.body = shortened(body)
        if pcm:
            entry.pcm, entry.rate = pcm, rate
            self._sounds.append(entry)
            if len(self._sounds) > MAX_SOUNDS:
                self._sounds.popleft().pcm = b""
        self.changed()

    def changed(self) -> None:
        """Whoever waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(
        self, stage: Stage, timeout_s: float, *, count: int, outcome: Outcome | None, ended: bool
    ) -> Entry:
        """The `count`-th request of `stage`, once it has `outcome` when one is given, and has `ended` when asked for.

        Raises TimeoutError after `timeout_s` seconds, LookupError when it is so old that it was forgotten.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    if self._seen[stage] >= count:
                        entry = self._find(stage, count)
                        if outcome in (None, entry.outcome) and (entry.ended_at is not None or not ended):
                            return entry
                    await self._changed.wait()
        except TimeoutError:
            recent = ", ".join(f"{each.stage} {each.nth} {each.outcome}" for each in list(self.entries)[-5:])
            wanted = f"{stage} {count}" + (f" {outcome}" if outcome else "")
            raise TimeoutError(f"no {wanted} within {timeout_s} s; the last requests: {recent or 'none'}") from None

    def _find(self, stage: Stage, count: int) -> Entry:
        for entry in self.entries:
            if entry.stage == stage and entry.nth == count:
                return entry
        raise LookupError(f"{stage} request {count} is older than the journal; wait for it earlier")
