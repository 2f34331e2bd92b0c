"""Who interrupts is listened to; who coughs is not; and the server knows what was heard, to the millisecond."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.daemon.household import Household, clip
from tests.daemon.tape import Sound, is_whole, ms, passages, place_ms
from voiced.audio import RATE
from voiced.conversation.commands import BargedIn, FalseInterruption, FloorChanged, ReplyHeard, TurnFailed
from voiced.demo.recordings import cough
from voiced.playout.jitter_buffer import DECLICK
from voiced.testing.loopback import Pace, Say

COFFEE = Say(
    "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
    "fifteenth century. Traders carried it on to Istanbul, Venice and London."
)
TEA = Say("Tea comes from the leaves of a bush.")
LIVELY = Pace(first_delta_delay_s=0.2, speed=3.0, late_deltas=14)
"""Far from done when it is interrupted, and some deltas come late."""


@pytest.mark.parametrize("pace", [Pace(), LIVELY], ids=["at once", "lively"])
@pytest.mark.parametrize("end", ["local", "server", "semantic"])
async def test_who_interrupts_is_answered_and_nothing_old_is_heard(
    household: Callable[..., Household], pace: Pace, end: str
) -> None:
    async with household([COFFEE, TEA], pace=pace, settings={"turn.end": end}) as home:
        await home.ready()
        _, asked = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(2.5)
        home.say("tea")
        barge_in = await home.next(BargedIn)
        assert barge_in.after <= 800
        cut = await home.next(ReplyHeard)
        whole = await home.next(ReplyHeard)
        assert (cut.cut, whole.cut, whole.text) == (True, False, TEA.text)

        tape = home.loudspeaker(asked)
        (first, end_of_first), (second, end_of_second) = passages(tape)
        assert (place_ms(tape, first), place_ms(tape, second)) == (0, 0)
        assert is_whole(tape[second:end_of_second], TEA.audio())
        heard_ms = ms(end_of_first - first)
        [truncation] = home.received("conversation.item.truncate")
        assert truncation.event["audio_end_ms"] == pytest.approx(heard_ms, abs=20)
        assert cut.heard == truncation.event["audio_end_ms"]
        assert COFFEE.text.startswith(cut.text)
        assert 0 < len(cut.text) < len(COFFEE.text)

        items = home.server.conversation.items
        assert [item.role for item in items] == ["user", "assistant", "user", "assistant"]
        assert items[1].truncated_ms == truncation.event["audio_end_ms"]
        assert items[1].id == truncation.event["item_id"]
        # Already done on the server, there is nothing to cancel.
        assert len(home.received("response.cancel")) == (0 if pace.speed > 100 else 1)


async def test_an_answer_that_was_not_heard_at_all_is_taken_back(household: Callable[..., Household]) -> None:
    """The user goes on before its first sound: it is on its way, and nobody hears it."""
    async with household([COFFEE, TEA], pace=Pace(first_delta_delay_s=0.7)) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "thinking")
        await home.run(0.1)
        home.say("tea")
        reply = await home.next(ReplyHeard, lambda fact: fact.text == TEA.text)
        assert not reply.cut
        assert len(home.of(BargedIn)) == 1
        tape = home.loudspeaker()
        sounds = [place_ms(tape, first) for first, _ in passages(tape)]
        assert sounds[-1] == 0
        roles = [item.role for item in home.server.conversation.items]
        assert roles == ["user", "user", "assistant"]
        assert home.received("conversation.item.truncate") == []


async def test_nothing_is_said_to_the_server_where_all_was_heard(household: Callable[..., Household]) -> None:
    async with household([COFFEE, TEA]) as home:
        await home.ready()
        home.say("coffee")
        await home.next(ReplyHeard)
        home.say("tea")
        await home.next(ReplyHeard)
        corrections = ("conversation.item.truncate", "conversation.item.delete", "response.cancel")
        assert home.received(*corrections) == []


async def test_an_interruption_at_the_very_end_cuts_nothing_that_was_heard(
    household: Callable[..., Household],
) -> None:
    """The user begins in the last half second; whatever is decided, the account of what was heard is true."""
    async with household([TEA, COFFEE]) as home:
        await home.ready()
        _, asked = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        length = len(TEA.audio()) / 2 / RATE
        await home.run(length - 0.55)
        home.say("moon")
        first = await home.next(ReplyHeard)
        second = await home.next(ReplyHeard)
        assert second.text == COFFEE.text
        tape = home.loudspeaker(asked)
        start, end = passages(tape)[0]
        assert first.heard == pytest.approx(ms(end - start), abs=20)
        assert [entry.event["audio_end_ms"] for entry in home.received("conversation.item.truncate")] == (
            [first.heard] if first.cut else []
        )


@pytest.mark.parametrize("at_s", [0.2, 1.2, 3.0])
async def test_a_cough_does_not_stop_the_reply(household: Callable[..., Household], at_s: float) -> None:
    async with household([COFFEE], pace=LIVELY) as home:
        await home.ready()
        _, asked = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(at_s)
        home.card.say(cough(), at=home.card.time())
        await home.next(FalseInterruption)
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (COFFEE.text, False)
        tape = home.loudspeaker(asked)
        [(first, last)] = passages(tape)
        _only_ducked(tape[first:last], COFFEE.audio())
        assert home.received("conversation.item.truncate", "response.cancel") == []


async def test_a_backchannel_does_not_stop_the_reply(household: Callable[..., Household]) -> None:
    async with household([COFFEE]) as home:
        await home.ready()
        _, asked = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        for _ in range(3):
            await home.run(1.5)
            home.card.say(clip("coffee")[: int(0.3 * RATE) * 2], at=home.card.time())
            await home.next(FalseInterruption)
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (COFFEE.text, False)
        tape = home.loudspeaker(asked)
        [(first, last)] = passages(tape)
        _only_ducked(tape[first:last], COFFEE.audio())


async def test_who_interrupts_again_and_again_is_answered_in_the_end(household: Callable[..., Household]) -> None:
    async with household([COFFEE] * 4 + [TEA], pace=LIVELY) as home:
        await home.ready()
        _, asked = home.say("coffee")
        for name in ("moon", "rain", "coffee", "tea"):
            await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
            await home.run(0.8)
            home.say(name)
            await home.next(BargedIn)
        reply = await home.next(ReplyHeard, lambda fact: not fact.cut)
        assert reply.text == TEA.text
        assert [fact.cut for fact in home.of(ReplyHeard)] == [True] * 4 + [False]
        assert home.of(TurnFailed) == []
        tape = home.loudspeaker(asked)
        found = passages(tape)
        assert [place_ms(tape, first) for first, _ in found] == [0] * 5
        truth = [ms(last - first) for first, last in found]
        told = [fact.heard for fact in home.of(ReplyHeard)]
        assert told == [pytest.approx(heard, abs=20) for heard in truth]
        assistant = [item for item in home.server.conversation.items if item.role == "assistant"]
        assert [item.truncated_ms for item in assistant] == [*told[:4], None]


def _only_ducked(heard: Sound, pcm: bytes) -> None:
    """Louder and quieter, but every sample is in its place, and loud again at the end."""
    sent = np.frombuffer(pcm, "<i2")[1:].astype(float)  # the first one is 0
    assert 0 <= heard.size - sent.size <= DECLICK
    size = RATE // 50
    whole = sent.size // size * size
    for now, meant in zip(heard[:whole].astype(float).reshape(-1, size), sent[:whole].reshape(-1, size), strict=True):
        assert 0.12 < now @ meant / (meant @ meant) < 1.01
        assert now @ meant / np.sqrt((now @ now) * (meant @ meant)) > 0.85
    assert np.array_equal(heard[sent.size - RATE // 10 : sent.size], sent[-RATE // 10 :])
