"""Tones for what nobody asked about: an answer that takes its time, and the cloud that is away or back."""

from __future__ import annotations

import asyncio
from typing import Final

from voiced.conversation.commands import BrainSelected, Fact, FloorChanged, UtteranceEnded
from voiced.conversation.events import BrainName, EarconAsked
from voiced.ports import Post

THINKS_ALOUD_AFTER_S: Final = 3.0
"""After the end of an utterance: a silence that is longer sounds as if nobody had heard it."""


class Signals:
    """`ports.StatusSink` that asks for "thinking", "offline" and "online". `first`: who answers at first."""

    def __init__(self, post: Post, first: BrainName) -> None:
        self._post = post
        self._offline = first == "offline"
        self._spoke = False
        self._thinks: asyncio.TimerHandle | None = None

    def report(self, fact: Fact) -> None:
        match fact:
            case UtteranceEnded(answers=False):
                self._spoke = True  # who typed sees that an answer is on its way
            case FloorChanged(floor):
                self._floor_is("thinking" if floor == "thinking" and self._spoke else "")
                self._spoke = self._spoke and floor == "thinking"
            case BrainSelected(brain):
                offline = brain == "offline"
                if offline != self._offline:
                    self._offline = offline
                    self._post(EarconAsked("offline" if offline else "online"))
            case _:
                pass

    def stop(self) -> None:
        """No tone after this."""
        self._floor_is("")

    def _floor_is(self, tone: str) -> None:
        if self._thinks is not None:
            self._thinks.cancel()
            self._thinks = None
        if tone:
            loop = asyncio.get_running_loop()
            self._thinks = loop.call_later(THINKS_ALOUD_AFTER_S, self._post, EarconAsked(tone))
