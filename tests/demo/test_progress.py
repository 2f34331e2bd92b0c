"""What the story waits for, and how it learns that it will not come."""

from __future__ import annotations

import pytest

from voiced.audio import Ms
from voiced.conversation.commands import (
    BrainChanged,
    BrainSelected,
    Fact,
    NotSpeech,
    ReplyHeard,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
)
from voiced.conversation.events import CallId
from voiced.demo.progress import Progress, Turn, WentOtherwise


def after(*facts: Fact) -> Progress:
    progress = Progress()
    for fact in facts:
        progress.report(fact)
    return progress


def heard(turn: int, text: str, first_audio: Ms | None = Ms(600)) -> ReplyHeard:
    return ReplyHeard(turn, text, Ms(900), Ms(900), False, first_audio)


async def test_a_turn_is_what_was_heard_what_was_done_and_who_answered() -> None:
    reply = heard(1, "The timer is set.")
    progress = after(
        BrainSelected("realtime"),
        UtteranceEnded(1, Ms(1500), Ms(900)),
        BrainSelected("offline"),
        UserHeard(1, "set a timer"),
        ToolStarted(CallId("a"), "set_timer", '{"duration_s": 10, "name": null}'),
        reply,
    )
    await progress.until(lambda: progress.turns[0].reply is not None)
    assert progress.turns == [Turn(1, "set a timer", [("set_timer", {"duration_s": 10})], reply, "offline")]


def test_what_it_says_by_itself_answers_nobody() -> None:
    progress = after(UtteranceEnded(1, Ms(1500), Ms(900)), heard(1, "Set."), heard(2, "Your timer is done.", None))
    assert (len(progress.turns), progress.announced) == (1, ["Your timer is done."])


def test_ready_is_the_brain_in_use() -> None:
    progress = after(BrainSelected("offline"), BrainChanged("ready", brain="offline"), BrainSelected("realtime"))
    assert not progress.ready
    progress.report(BrainChanged("ready", brain="realtime"))
    assert progress.ready


@pytest.mark.parametrize("fact", [TurnFailed(1, "no answer within 30 s"), NotSpeech(1)])
async def test_a_failure_ends_the_wait(fact: Fact) -> None:
    progress = after(UtteranceEnded(1, Ms(1500), Ms(900)), fact)
    with pytest.raises(WentOtherwise):
        await progress.until(lambda: progress.turns[0].reply is not None)
