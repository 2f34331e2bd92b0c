"""When an utterance begins, and when it is over."""

from __future__ import annotations

import pytest

from tests.conversation.story import SILENT, SPOKEN
from voiced.audio import FRAME_MS, Ms
from voiced.conversation.endpointing import Onset, ending
from voiced.conversation.settings import TurnEnd, TurnSettings
from voiced.conversation.utterance import PreRoll, Utterance


def utterance(speech: int, silence: int) -> Utterance:
    spoken = Utterance([SPOKEN] * (speech // FRAME_MS))
    for _ in range(silence // FRAME_MS):
        spoken.add(SILENT)
    return spoken


def test_an_onset_is_60_ms_of_speech_within_120() -> None:
    onset = Onset(TurnSettings())
    assert [onset.heard(frame) for frame in (SPOKEN, SILENT, SPOKEN, SILENT, SPOKEN)] == [False] * 4 + [True]
    assert not onset.heard(SPOKEN), "the search began anew"


def test_scattered_clicks_are_no_onset() -> None:
    onset = Onset(TurnSettings())
    assert not any(onset.heard(frame) for frame in [SPOKEN, SILENT, SILENT] * 50)


def test_a_reset_forgets_half_an_onset() -> None:
    onset = Onset(TurnSettings())
    onset.heard(SPOKEN)
    onset.heard(SPOKEN)
    onset.reset()
    assert not onset.heard(SPOKEN)


@pytest.mark.parametrize(("end", "patience"), [("local", 500), ("server", 3000), ("semantic", 11_000)])
def test_the_silence_that_ends_a_turn(end: TurnEnd, patience: int) -> None:
    settings = TurnSettings(end=end)
    assert ending(utterance(1000, patience - FRAME_MS), settings) == "goes_on"
    assert ending(utterance(1000, patience), settings) == "over"
    assert ending(utterance(200, patience), settings) == "noise"


@pytest.mark.parametrize("end", ["server", "semantic"])
def test_with_no_server_the_silence_measured_here_decides(end: TurnEnd) -> None:
    assert ending(utterance(1000, 500), TurnSettings(end=end), alone=True) == "over"


def test_whoever_talks_for_too_long_is_answered_as_far_as_it_goes() -> None:
    settings = TurnSettings(max_utterance_s=5)
    assert ending(utterance(5000 - FRAME_MS, 0), settings) == "goes_on"
    assert ending(utterance(5000, 0), settings) == "over"


def test_the_pre_roll_keeps_the_latest_sound_and_gives_it_away_once() -> None:
    pre_roll = PreRoll(Ms(60))
    for frame in (SPOKEN, SILENT, SILENT, SILENT):
        pre_roll.add(frame)
    assert pre_roll.take(Ms(60)) == [SILENT] * 3
    assert pre_roll.take(Ms(60)) == []
