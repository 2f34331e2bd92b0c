"""The log has each turn's numbers, and none of its words."""

from __future__ import annotations

from structlog.testing import capture_logs

from voiced.audio import Ms
from voiced.conversation.commands import BrainChanged, BrainSelected, ReplyHeard, ToolEnded, UserHeard, UtteranceEnded
from voiced.conversation.events import CallId
from voiced.turn_log import TurnLog


def test_one_line_a_turn_with_no_words_above_debug() -> None:
    with capture_logs() as lines:
        log = TurnLog()
        log.report(UtteranceEnded(3, Ms(1800), Ms(900)))
        log.report(UserHeard(3, "where is my purple umbrella"))
        log.report(ToolEnded(CallId("c1"), "find_things", True, Ms(12)))
        log.report(ReplyHeard(3, "in the hall", Ms(700), Ms(1500), cut=True, first_audio=Ms(640)))
    told = [line for line in lines if line["log_level"] != "debug"]
    assert told == [
        {
            "event": "turn",
            "log_level": "info",
            "turn": 3,
            "spoken_ms": 900,
            "first_audio_ms": 640,
            "heard_ms": 700,
            "received_ms": 1500,
            "cut": True,
            "tools": ["find_things 12 ms"],
        }
    ]
    assert not any(word in str(told) for word in ("umbrella", "hall"))


def test_a_refusal_that_is_repeated_each_hour_is_an_error_once() -> None:
    with capture_logs() as lines:
        log = TurnLog()
        for _ in range(3):
            log.report(BrainChanged("refused", "no key"))
        log.report(BrainSelected("offline"))
        log.report(BrainChanged("refused", "no credit"))
    assert [(line["event"], line.get("reason")) for line in lines if line["log_level"] != "debug"] == [
        ("brain.refused", "no key"),
        ("brain.selected", None),
        ("brain.refused", "no credit"),
    ]
