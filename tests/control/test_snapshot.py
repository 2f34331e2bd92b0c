"""The status is counted from facts, and holds nothing that anybody said."""

from __future__ import annotations

from dataclasses import asdict

from voiced.audio import Ms
from voiced.control.snapshot import Snapshot
from voiced.conversation.commands import (
    AttentionChanged,
    BargedIn,
    BrainChanged,
    CardGone,
    CardShown,
    DeviceChanged,
    FalseInterruption,
    FloorChanged,
    Muted,
    ReplyHeard,
    RequestEnded,
    Spent,
    TalkKeyHeld,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
    VolumeChanged,
    Warned,
    Woken,
)
from voiced.conversation.events import CallId, Card, Usage


def test_a_run_is_boiled_down_to_its_status() -> None:
    snapshot = Snapshot(started_at=100.0)
    for fact in (
        DeviceChanged("microphone", True, "USB Audio"),
        DeviceChanged("loudspeaker", False, "unplugged"),
        BrainChanged("ready"),
        FloorChanged("listening"),
        UtteranceEnded(1, Ms(1200), Ms(900)),
        UserHeard(1, "a secret"),
        ToolStarted(CallId("c"), "lamp"),
        ToolEnded(CallId("c"), "lamp", True, Ms(20)),
        ToolEnded(CallId("d"), "lamp", False, Ms(20)),
        FalseInterruption(Ms(120)),
        BargedIn(Ms(450)),
        ReplyHeard(1, "a secret", Ms(700), Ms(900), cut=True, first_audio=Ms(310)),
        ReplyHeard(2, "a secret", Ms(700), Ms(700), cut=False),
        RequestEnded("control-1", "a secret"),
        Spent(Usage(text_in=5, audio_out=7)),
        Spent(Usage(text_in=1)),
        Muted(True),
        AttentionChanged(False),
        Woken("hey jarvis"),
        TalkKeyHeld(True),
        CardShown(Card("1", "a secret", "a secret")),
        CardGone("1"),
        VolumeChanged(40),
        TurnFailed(2, "no answer"),
        Warned("late", "audio of an old reply"),
        BrainChanged("refused", "401: sk-proj-0123456789 is no key"),
        FloorChanged("idle"),
    ):
        snapshot.add(fact, now=103.0)
    status = snapshot.at(now=110.0)
    assert status == {
        "uptime_s": 10.0,
        "floor": "idle",
        "muted": True,
        "listening": {"attentive": False, "key_held": True},
        "volume": 40,
        "brain": {"name": "realtime", "state": "refused", "reason": "401: sk-[redacted] is no key"},
        "brains": {"realtime": {"state": "refused", "reason": "401: sk-[redacted] is no key"}},
        "devices": {
            "microphone": {"ok": True, "detail": "USB Audio"},
            "loudspeaker": {"ok": False, "detail": "unplugged"},
        },
        "counts": {
            "turns": 1,
            "replies": 2,
            "barge_ins": 1,
            "false_interruptions": 1,
            "tools": 2,
            "failed_tools": 1,
            "failed_turns": 1,
        },
        "last_first_audio_ms": 310,
        "tokens": asdict(Usage(text_in=6, audio_out=7)),
        "failures": [
            {"ago_s": 7.0, "what": "loudspeaker: unplugged"},
            {"ago_s": 7.0, "what": "turn 2: no answer"},
            {"ago_s": 7.0, "what": "late: audio of an old reply"},
            {"ago_s": 7.0, "what": "realtime refused: 401: sk-[redacted] is no key"},
        ],
    }
    assert "a secret" not in str(status)


def test_the_last_failures_are_kept_and_no_more() -> None:
    snapshot = Snapshot(started_at=0.0)
    for turn in range(9):
        snapshot.add(TurnFailed(turn, "no answer"), now=float(turn))
    assert [failure["what"] for failure in snapshot.at(9.0)["failures"]] == [
        f"turn {n}: no answer" for n in range(4, 9)
    ]


def test_a_page_that_is_the_sound_card_comes_and_goes_and_that_is_no_failure() -> None:
    snapshot = Snapshot(started_at=0.0, come_and_go=True)
    snapshot.add(DeviceChanged("microphone", False, "no browser is it: open the page"), now=1.0)
    status = snapshot.at(2.0)
    assert status["failures"] == []
    assert status["devices"] == {"microphone": {"ok": False, "detail": "no browser is it: open the page"}}


def test_who_is_told_nothing_else_listens() -> None:
    assert Snapshot(started_at=0.0).at(0.0)["listening"] == {"attentive": True, "key_held": False}
