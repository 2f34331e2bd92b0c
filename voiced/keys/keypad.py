"""What it means that a key went down or up: the events of the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, assert_never

from voiced.conversation.events import MuteAsked, StopAsked, TalkKeyMoved
from voiced.keys.settings import KeyName
from voiced.ports import Post


class Keypad:
    """`port.Keys` that posts. `muted`: whether the microphone is, now."""

    def __init__(self, style: Literal["hold", "toggle"], post: Post, muted: Callable[[], bool]) -> None:
        self._style = style
        self._post = post
        self._muted = muted
        self._held: set[KeyName] = set()

    @property
    def held(self) -> frozenset[KeyName]:
        return frozenset(self._held)

    def down(self, name: KeyName) -> None:
        if name in self._held:
            return
        self._held.add(name)
        match name:
            case "talk":
                self._post(TalkKeyMoved("down" if self._style == "hold" else "toggle"))
            case "mute":
                self._post(MuteAsked(not self._muted()))
            case "stop":
                self._post(StopAsked())
            case _:
                assert_never(name)

    def up(self, name: KeyName) -> None:
        if name not in self._held:
            return
        self._held.remove(name)
        if name == "talk" and self._style == "hold":
            self._post(TalkKeyMoved("up"))

    def let_go(self) -> None:
        """Whoever watched the keys is gone: a key that is held goes up with it."""
        for name in sorted(self._held):
            self.up(name)
