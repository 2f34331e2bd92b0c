"""Many turns with faults at random: each reply ends once, or the brain is lost and comes back; nothing is left over."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.brains.cascade.household import PATIENCE_S, Household, household
from voiced.conversation.commands import CancelReply, SendToolResult, StartReply
from voiced.conversation.events import BrainLost, ReplyDone, ReplyStarted, SessionId, ToolCalled
from voiced.testing.http import (
    Answer,
    Asked,
    CallTool,
    Drop,
    End,
    Fault,
    Finish,
    Garble,
    HttpLoopback,
    Instead,
    Reply,
    Say,
    SendError,
    Stage,
    Stall,
    context_too_long,
    garbage,
    html_page,
    rate_limited,
    server_error,
    wrong_key,
)
from voiced.testing.http.faults import Action

TURNS = 25
STAGES: tuple[Stage, ...] = ("transcription", "chat", "speech")
ACTIONS: tuple[Action, ...] = (
    Drop(), Drop(after=1), Drop(after=3), Stall(), Stall(after=1), End(after=1), End(after=4),
    wrong_key(), rate_limited(), rate_limited(0), server_error(), html_page(), context_too_long(), Answer(400),
    Garble(garbage.invalid_json), Garble(garbage.not_utf8, piece=2), Instead(garbage.nothing), Instead(garbage.odd),
    Instead(garbage.as_wav),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_every_reply_ends_once_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)

    def answer(asked: Asked) -> Reply:
        if not asked.tool_outputs and chance.random() < 0.3:
            return [Say("One moment."), CallTool("lamp", '{"on": true}')]
        if chance.random() < 0.1:
            return [Say("This is a long"), Finish("length")]
        return "Sure. I did that for you. Is there anything else?"

    patience: dict[str, Any] = {
        "stt_timeout_s": 0.3,
        "chat_timeout_s": 0.3,
        "tts_timeout_s": 0.3,
        "connect_timeout_s": 0.5,
    }
    async with HttpLoopback(answer) as server, household(server.base_url, **patience) as home:
        await home.ready()
        for _ in range(TURNS):
            if chance.random() < 0.6:
                action, stage = chance.choice(ACTIONS), chance.choice(STAGES)
                if isinstance(action, SendError) and stage != "chat":
                    continue
                server.add_fault(Fault(action, on=stage, nth=chance.randint(1, 2)))
            await a_turn(home, chance)
        assert server.violations == ()


async def a_turn(home: Household, chance: random.Random) -> None:
    home.say(bytes(48_000))
    for _ in range(3):
        lost, done = len(home.inbox.of(BrainLost)), len(home.inbox.of(ReplyDone))
        if chance.random() < 0.2:
            for _ in range(chance.randint(0, 200)):
                await asyncio.sleep(0)
            if len(home.inbox.of(ReplyDone)) == done and len(home.inbox.of(BrainLost)) == lost:
                home.do(CancelReply(home.session, None))
        await until_over(home, lost + done)
        if len(home.inbox.of(BrainLost)) > lost:
            assert len(home.inbox.of(BrainLost)) == lost + 1
            home.inbox.events[:] = [e for e in home.inbox.events if not _of_open_reply(e, home)]
            await home.ready(session=SessionId(home.session + 1))
            return
        assert len(home.inbox.of(ReplyDone)) == done + 1
        over = home.inbox.of(ReplyDone)[-1]
        calls = [called for called in home.inbox.of(ToolCalled) if called.reply == over.reply]
        if not calls:
            return
        for called in calls:
            home.do(SendToolResult(home.session, called.call, "ok"))
        home.do(StartReply(home.session))
    raise AssertionError("the model calls tools for ever")


async def until_over(home: Household, before: int) -> None:
    await home.inbox.until(lambda: len(home.inbox.of(ReplyDone, BrainLost)) > before, PATIENCE_S)


def _of_open_reply(event: object, home: Household) -> bool:
    """A reply that the loss of the brain cut off: it never ends, as with any other brain."""
    over = {done.reply for done in home.inbox.of(ReplyDone)}
    begun = {started.reply for started in home.inbox.of(ReplyStarted)}
    return getattr(event, "reply", None) in begun - over
