"""A long day at home: what voiced holds does not grow with what was said."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable

from tests.daemon.household import Household
from voiced.conversation.commands import ReplyHeard, TurnFailed
from voiced.demo.recordings import cough
from voiced.testing.loopback import CallTool, Drop, Reply, Say, Turn

TEA = Say("Tea comes from the leaves of a bush.")
WARM_UP = 40
MORE = 160
BOUNDED = "voiced.playout.jitter_buffer._Item"
"""256 of them are remembered, more than the turns of this test."""


async def test_a_day_of_turns(household: Callable[..., Household]) -> None:
    """Answers, tools, interruptions, coughs, lost connections: after the first forty turns nothing grows."""

    def answer(turn: Turn) -> Reply:
        asked = len([item for item in turn.items if item.role == "user"])
        return CallTool("get_time") if asked % 4 == 0 and not turn.tool_outputs else TEA

    async with household(answer, settings={"log.level": "warning"}, keep_s=10.0) as home:
        await home.ready()
        for number in range(WARM_UP):
            await _turn(home, number)
        before, tasks = _held(), len(asyncio.all_tasks())
        for number in range(MORE):
            await _turn(home, number)
        grown = _held() - before
        suspects = {kind: count for kind, count in grown.items() if kind.startswith("voiced.") and count > MORE // 4}
        # What the test's own server and sink keep: a record of all that happened.
        suspects = {kind: count for kind, count in suspects.items() if not kind.startswith("voiced.testing.")}
        suspects = {kind: count for kind, count in suspects.items() if kind not in {*_facts(home), BOUNDED}}
        assert suspects == {}
        assert len(asyncio.all_tasks()) <= tasks + 2
        assert home.of(TurnFailed) == []
        assert len(home.of(ReplyHeard)) >= WARM_UP + MORE


async def _turn(home: Household, number: int) -> None:
    home.say("coffee")
    match number % 8:
        case 3:
            await home.run(3.0)
            home.card.say(cough(), at=home.card.time())
        case 5:
            await home.run(3.0)
            home.say("tea")
            await home.next(ReplyHeard, lambda fact: fact.cut)
        case 7:
            await home.run(1.0)
            await home.server.inject(Drop())
        case _:
            pass
    await home.next(ReplyHeard, lambda fact: not fact.cut)


def _held() -> Counter[str]:
    gc.collect()
    return Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())


def _facts(home: Household) -> set[str]:
    kinds = {type(fact) for fact in home.facts}
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds} | {"voiced.usage.Usage"}
