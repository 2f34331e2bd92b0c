"""What keys mean."""

from __future__ import annotations

from typing import Literal

from tests.inbox import Inbox
from voiced.conversation.events import MuteAsked, StopAsked, TalkKeyMoved
from voiced.keys.keypad import Keypad


def keypad(inbox: Inbox, style: Literal["hold", "toggle"] = "hold", *, muted: bool = False) -> Keypad:
    return Keypad(style, inbox.post, lambda: muted)


def test_held_is_down_and_up_once_each() -> None:
    inbox = Inbox()
    keys = keypad(inbox)
    for move in (keys.up, keys.down, keys.down, keys.up, keys.up):
        move("talk")
    assert inbox.events == [TalkKeyMoved("down"), TalkKeyMoved("up")]


def test_a_toggle_moves_at_each_press() -> None:
    inbox = Inbox()
    keys = keypad(inbox, "toggle")
    for _ in range(2):
        keys.down("talk")
        keys.up("talk")
    keys.down("talk")
    keys.let_go()  # which is none
    assert inbox.events == [TalkKeyMoved("toggle")] * 3


def test_whoever_watched_is_gone_and_the_key_with_it() -> None:
    inbox = Inbox()
    keys = keypad(inbox)
    keys.down("talk")
    keys.let_go()
    keys.let_go()
    keys.up("talk")
    assert inbox.events == [TalkKeyMoved("down"), TalkKeyMoved("up")]


def test_one_key_mutes_and_unmutes_and_one_stops() -> None:
    inbox = Inbox()
    keypad(inbox).down("mute")
    keypad(inbox, muted=True).down("mute")
    keypad(inbox).down("stop")
    assert inbox.events == [MuteAsked(True), MuteAsked(False), StopAsked()]
