"""Deciding that an utterance began, and that the user's turn is over."""

from __future__ import annotations

from collections import deque
from typing import Literal, assert_never

from voiced.audio import FRAME_MS, Frame
from voiced.conversation.settings import TurnSettings
from voiced.conversation.utterance import Utterance

SEMANTIC_EXTRA_MS = 8_000
"""semantic_vad with low eagerness may wait this long (OpenAI's guide)."""

Ending = Literal["goes_on", "over", "noise"]


class Onset:
    """Believes in speech when `onset_ms` of the last twice that long were speech."""

    def __init__(self, settings: TurnSettings) -> None:
        self._needed = max(1, settings.onset_ms // FRAME_MS)
        self._recent: deque[bool] = deque(maxlen=2 * self._needed)

    def heard(self, frame: Frame) -> bool:
        """Take one more frame; True at the moment of the onset, which also starts the search anew."""
        self._recent.append(frame.speech)
        if sum(self._recent) < self._needed:
            return False
        self._recent.clear()
        return True

    def reset(self) -> None:
        self._recent.clear()


def ending(utterance: Utterance, settings: TurnSettings, *, alone: bool = False) -> Ending:
    """Whether the turn is over by what was heard here.

    Where the server ends turns this is only the patience with a server that says nothing; `alone` means that there
    is no server now, so that the silence measured here decides.
    """
    if utterance.length >= settings.max_utterance_s * 1000:
        return "over"
    if utterance.silence < (settings.hangover_ms if alone else _silence_needed(settings)):
        return "goes_on"
    return "over" if utterance.speech >= settings.min_speech_ms else "noise"


def _silence_needed(settings: TurnSettings) -> int:
    match settings.end:
        case "local":
            return settings.hangover_ms
        case "server":
            return settings.server_patience_ms
        case "semantic":
            return settings.server_patience_ms + SEMANTIC_EXTRA_MS
        case other:
            assert_never(other)
