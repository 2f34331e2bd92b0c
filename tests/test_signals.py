"""Tones for what nobody asked about."""

from __future__ import annotations

import asyncio

from voiced.audio import Ms
from voiced.conversation.commands import BrainSelected, Fact, FloorChanged, UtteranceEnded
from voiced.conversation.events import EarconAsked, Event
from voiced.signals import THINKS_ALOUD_AFTER_S, Signals
from voiced.testing.swift_time import SwiftTime

SPOKEN = UtteranceEnded(1, Ms(900), Ms(700))
THINKING = FloorChanged("thinking")
LATER = EarconAsked("thinking")


async def tones(*facts: Fact | float) -> list[Event]:
    """What is asked for when these happen; a number is so many seconds that pass."""
    asked: list[Event] = []
    time = SwiftTime()
    with time.kept():
        signals = Signals(asked.append, "realtime")
        for fact in facts:
            if isinstance(fact, float):
                time.hurry_to(time.time() + fact)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            else:
                signals.report(fact)
        signals.stop()
    return asked


async def test_an_answer_that_takes_its_time_is_told_of_once() -> None:
    assert await tones(SPOKEN, THINKING, THINKS_ALOUD_AFTER_S + 0.1, 60.0) == [LATER]


async def test_an_answer_that_comes_soon_needs_no_tone() -> None:
    assert await tones(SPOKEN, THINKING, THINKS_ALOUD_AFTER_S - 1, FloorChanged("speaking"), 60.0) == []


async def test_who_typed_sees_that_an_answer_is_on_its_way() -> None:
    assert await tones(THINKING, 60.0) == []


async def test_a_pause_between_two_sentences_is_no_wait() -> None:
    assert await tones(SPOKEN, THINKING, 1.0, FloorChanged("speaking"), THINKING, 60.0) == []


async def test_the_cloud_that_goes_and_comes_back_is_told_of() -> None:
    selected: list[Fact] = [BrainSelected(name) for name in ("realtime", "cascade", "offline", "offline", "cascade")]
    assert await tones(*selected) == [EarconAsked("offline"), EarconAsked("online")]


async def test_nothing_sounds_after_the_end() -> None:
    assert await tones(SPOKEN, THINKING) == []
