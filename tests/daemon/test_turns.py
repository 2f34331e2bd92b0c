"""Turns as users have them: what is said is answered, in order and complete, whoever decides when a turn is over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, passages, place_ms
from voiced.conversation.commands import FloorChanged, ReplyHeard, TurnFailed, UserHeard, UtteranceEnded
from voiced.testing.loopback import Incomplete, Pace, Say, Script

MOON = Say("The moon is about 384,000 kilometres away.")
TEA = Say("Tea comes from the leaves of a bush.")
RAIN = Say("Warm air carries water up, and where it cools it rains.")


async def test_the_answer_sounds_as_it_was_sent(household: Callable[..., Household]) -> None:
    async with household(Script([MOON], ["How far away is the moon?"])) as home:
        await home.ready()
        _, end = home.say("moon")
        reply = await home.next(ReplyHeard)
        tape = home.loudspeaker(end)
        [(first, last)] = passages(tape)
        assert is_whole(tape[first:last], MOON.audio())
        assert (reply.text, reply.cut, reply.heard) == (MOON.text, False, reply.received)
        assert [fact.text for fact in home.of(UserHeard)] == ["How far away is the moon?"]
        assert [fact.floor for fact in home.of(FloorChanged)] == ["listening", "thinking", "speaking", "idle"]
        user, assistant = home.server.conversation.items
        assert (user.role, user.understood) == ("user", "How far away is the moon?")
        assert (assistant.text, assistant.truncated_ms) == (MOON.text, None)


async def test_all_that_was_said_is_sent(household: Callable[..., Household]) -> None:
    async with household([MOON]) as home:
        await home.ready()
        begin, end = home.say("moon")
        await home.next(ReplyHeard)
        said = home.card.heard.samples(begin, end)
        [user, _] = home.server.conversation.items
        sent = np.frombuffer(user.content[0].pcm, "<i2")
        offset = int(np.argmax(np.correlate(sent.astype(float), said.astype(float), "valid")))
        assert np.array_equal(sent[offset : offset + said.size], said)


@pytest.mark.parametrize("end", ["local", "server", "semantic"])
async def test_a_conversation_by_each_way_to_end_a_turn(household: Callable[..., Household], end: str) -> None:
    answers = [MOON, TEA, RAIN]
    async with household(Script(answers, ["one", "two", "three"]), settings={"turn.end": end}) as home:
        await home.ready()
        await home.run(20)
        assert home.received("input_audio_buffer.append") == []
        heard = []
        for name in ("moon", "tea", "rain"):
            _, over = home.say(name)
            reply = await home.next(ReplyHeard)
            tape = home.loudspeaker(over)
            [(first, last)] = passages(tape)
            heard.append((reply.text, reply.cut, place_ms(tape, first)))
            assert is_whole(tape[first:last], answers[len(heard) - 1].audio())
            appended = len(home.received("input_audio_buffer.append"))
            await home.run(10)
            assert len(home.received("input_audio_buffer.append")) == appended
        assert heard == [(answer.text, False, 0) for answer in answers]
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"] * 3
        assert [item.understood for item in home.server.conversation.items[::2]] == ["one", "two", "three"]
        assert [fact.text for fact in home.of(UserHeard)] == ["one", "two", "three"]
        assert len(home.of(UtteranceEnded)) == 3
        assert home.of(TurnFailed) == []
        commits = home.received("input_audio_buffer.commit")
        assert len(commits) == (3 if end == "local" else 0)
        assert len(home.received("response.create")) == 3


async def test_a_server_that_says_nothing_of_the_end_is_not_waited_for(household: Callable[..., Household]) -> None:
    """It sees no speech where there was some; after `server_patience_ms` the turn is ended here."""
    settings = {"turn.end": "server", "realtime.server_silence_ms": 8000}
    async with household([MOON, TEA], settings=settings) as home:
        await home.ready()
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert len(home.received("input_audio_buffer.commit")) == 2
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"] * 2


async def test_noise_is_not_answered(household: Callable[..., Household]) -> None:
    async with household([]) as home:
        await home.ready()
        random = np.random.default_rng(3)
        click = np.rint(random.normal(0, 9000, 1200)).astype("<i2").tobytes()
        for _ in range(5):
            home.card.say(click, at=home.card.time())
            await home.run(2)
        assert home.of(UtteranceEnded) == []
        assert home.received("response.create") == []
        assert not passages(home.loudspeaker())


async def test_a_slow_server_is_heard_without_gaps_once_it_keeps_up(household: Callable[..., Household]) -> None:
    async with household([RAIN], pace=Pace(first_delta_delay_s=1.5, speed=3.0, chunk_ms=100)) as home:
        await home.ready()
        _, end = home.say("rain")
        reply = await home.next(ReplyHeard)
        assert reply.text == RAIN.text
        assert reply.first_audio is not None
        assert 2000 <= reply.first_audio <= 2500
        tape = home.loudspeaker(end)
        [(first, last)] = passages(tape)
        assert is_whole(tape[first:last], RAIN.audio())


async def test_what_the_server_cut_short_is_heard_as_far_as_it_came(household: Callable[..., Household]) -> None:
    async with household([[MOON, Incomplete()], TEA]) as home:
        await home.ready()
        home.say("moon")
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (MOON.text, False)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


@pytest.mark.parametrize("moment", ["listening", "thinking", "speaking", "overlap"])
async def test_it_can_be_stopped_at_any_moment(household: Callable[..., Household], moment: str) -> None:
    """And started again, with a clean slate."""
    async with household([RAIN, TEA, TEA], pace=Pace(first_delta_delay_s=0.3, speed=3.0)) as home:
        await home.ready()
        home.say("rain")
        if moment == "overlap":
            await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
            home.say("tea")
        await home.next(FloorChanged, lambda fact: fact.floor == moment)
        await home.run(0.1)
        await home.stop()
        stopped = home.card.time()
        await home.run(10)
        assert passages(home.loudspeaker(stopped + 0.1)) == []
        await home.ready()
        home.say("tea")
        reply = await home.next(ReplyHeard)
        assert not reply.cut
