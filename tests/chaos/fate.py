"""What goes wrong, and when: by chance from a seed, or as a test says."""

from __future__ import annotations

from collections import defaultdict, deque
from random import Random
from typing import Final, Literal, Protocol

Mood = Literal["well", "flaky", "dead", "locked", "frozen"]
"""Of a brain: it works, anything may fail, it can't be reached, it refuses for good, it takes everything and says
nothing."""

FAULTS: Final[dict[str, tuple[str, ...]]] = {
    "connect": ("slow", "drop", "busy", "key", "credit", "settings", "odd", "stall", "brief"),
    "reply": (
        *("stall", "stall_begun", "stall_sounding", "lost", "lost_begun", "lost_sounding", "lost_in_a_tool"),
        *("refused", "failed", "failed_sounding", "rate_limit", "quota", "cut_short", "incomplete", "empty", "text"),
    ),
    "cancel": ("never", "slow", "lost"),
    "commit": ("refused",),
    "transcript": ("none", "never"),
    "vad": ("deaf",),
    "tool": ("slow", "fails", "very_slow"),
    "aside": (
        *("says", "says_and_waits", "says_much", "filler", "plays", "asks", "asks", "asks_twice", "says_and_asks"),
        *("listens", "asks_briefly", "asks_and_leaves", "asks_and_forgets"),
    ),
    "answer": ("late", "early", "cough", "hums", "goes_on", "types", "types_early", "never"),
    "cancel_tool": ("late",),
    "repeat": ("again",),
    "spot": ("late", "twice", "never", "stale"),
}
"""Beside "well"."""


class Fate(Protocol):
    """Decides each thing that can go wrong, when it is due."""

    def of(self, kind: str, brain: str = "") -> str: ...

    def delay(self, least: float, most: float) -> float:
        """Seconds."""


class Chance:
    """By chance; brains have moods."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.moods: dict[str, Mood] = defaultdict(lambda: "well")
        self.healed = False

    def of(self, kind: str, brain: str = "") -> str:
        if self.healed:
            return "well"
        mood = self.moods[brain] if brain else "flaky"
        if kind == "connect" and mood == "dead":
            return "drop"
        if kind == "connect" and mood == "locked":
            return self.random.choice(("key", "credit", "settings", "odd"))
        if kind in ("connect", "reply", "cancel") and mood == "frozen":
            return {"connect": "stall", "reply": "stall_begun", "cancel": "never"}[kind]
        odds = {"well": 0.04, "flaky": 0.35}.get(mood, 0.1)
        return self.random.choice(FAULTS[kind]) if self.random.random() < odds else "well"

    def delay(self, least: float, most: float) -> float:
        return self.random.uniform(least, most)


class Script:
    """All is well, and as quick as can be, but for what was `put`."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], deque[str]] = defaultdict(deque)

    def put(self, kind: str, what: str, brain: str = "") -> None:
        """The next one of this kind goes so."""
        self._next[kind, brain].append(what)

    def clear(self) -> None:
        self._next.clear()

    def of(self, kind: str, brain: str = "") -> str:
        waiting = self._next[kind, brain]
        return waiting.popleft() if waiting else "well"

    def delay(self, least: float, most: float) -> float:
        del most
        return least
