"""What is said while the user waits for a call: its filler phrase, and what it tells of its progress."""

from __future__ import annotations

from functools import partial
from typing import Final

import structlog

from voiced.api import ToolError
from voiced.plugins.speech import Voice
from voiced.plugins.wall_clock import Timer

_log = structlog.get_logger()

CHARACTERS_PER_S: Final = 15.0
"""How fast a voice speaks."""

BREATH_S: Final = 1.0
"""Between two phrases."""


class Fillers:
    """Of one call. On the event loop's thread."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._filler: Timer | None = None
        self._next: Timer | None = None
        self._newest = ""
        self._free_at = 0.0
        self._request = ""
        self._over = False

    def say_after(self, delay_s: float, text: str) -> None:
        """Say `text` then, where there is no progress to tell before."""
        self._filler = self._voice.clock.call_later(delay_s, partial(self.progress, text))

    def progress(self, text: str) -> None:
        """Say `text` instead of what waits to be said, not before the last could be heard."""
        if self._over or not text.strip():
            return
        if self._filler:
            self._filler.cancel()
        self._newest = text
        busy_s = self._free_at - self._now()
        if busy_s <= 0:
            self._say()
        elif self._next is None:
            self._next = self._voice.clock.call_later(busy_s, self._say)

    def end(self) -> None:
        """The call is over."""
        self._over = True
        for timer in (self._filler, self._next):
            if timer:
                timer.cancel()
        self._voice.speech.forget(self._request)

    def _say(self) -> None:
        self._next = None
        self._free_at = self._now() + len(self._newest) / CHARACTERS_PER_S + BREATH_S
        self._voice.withdraw(self._request)
        self._voice.speech.forget(self._request)
        try:
            self._request = self._voice.fill(self._newest)
        except ToolError:
            _log.debug("nothing is said of a call's progress: too much is waiting", plugin=self._voice.plugin)

    def _now(self) -> float:
        return self._voice.clock.elapsed()
