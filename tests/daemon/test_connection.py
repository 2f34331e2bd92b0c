"""The connection to the server: lost, refused, stalled, garbled, away; the user's words are answered, and once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.daemon.household import Household
from tests.daemon.relay import Relay
from tests.daemon.tape import is_whole, passages
from voiced.control.protocol import Ask, Reload, Status
from voiced.conversation.commands import (
    BrainChanged,
    FloorChanged,
    ReplyHeard,
    RequestEnded,
    TurnFailed,
    UtteranceEnded,
)
from voiced.testing.loopback import (
    UPGRADE,
    CloseWith,
    Drop,
    Expire,
    Fail,
    Fault,
    Garble,
    Pace,
    Refuse,
    Reject,
    Say,
    SendError,
    Silence,
    Stall,
    garbage,
)
from voiced.testing.loopback.faults import Anytime

COFFEE = Say(
    "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
    "fifteenth century. Traders carried it on to Istanbul, Venice and London."
)
TEA = Say("Tea comes from the leaves of a bush.")
MOON = Say("The moon is about 384,000 kilometres away.")
LIVELY = Pace(first_delta_delay_s=0.2, speed=2.0)
LOSSES: list[Anytime] = [Drop(), CloseWith(1011, "internal error"), Expire(), SendError(then=CloseWith(1000))]


def names(losses: list[Anytime]) -> list[str]:
    return [type(loss).__name__ for loss in losses]


# Lost.


@pytest.mark.parametrize("loss", LOSSES, ids=names(LOSSES))
async def test_lost_in_mid_answer(household: Callable[..., Household], loss: Anytime) -> None:
    """What came plays on; then the question is answered by the next session."""
    async with household([COFFEE, TEA], pace=LIVELY) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(1.0)
        await home.server.inject(loss)
        reply = await home.next(ReplyHeard)
        assert reply.text.endswith(TEA.text)
        first = home.server.sessions[0].conversation.items
        assert [item.role for item in first] == ["user", "assistant"]
        again = home.server.sessions[1].conversation.items
        assert [item.role for item in again][-1] == "assistant"
        assert again[-1].text == TEA.text
        assert sum(len(part.pcm) > 0 for item in again if item.role == "user" for part in item.content) == 1
        assert home.of(TurnFailed) == []
        assert home.server.connections.attempts == 2
        assert len(home.of(ReplyHeard)) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=names(LOSSES))
async def test_lost_before_the_answer(household: Callable[..., Household], loss: Anytime) -> None:
    async with household([TEA, MOON], pace=Pace(first_delta_delay_s=0.5)) as home:
        await home.ready()
        _, end = home.say("tea")
        await home.next(FloorChanged, lambda fact: fact.floor == "thinking")
        await home.run(0.2)
        await home.server.inject(loss)
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (MOON.text, False)
        sounds = passages(home.loudspeaker(end))
        first, last = sounds[-1]
        assert is_whole(home.loudspeaker(end)[first:last], MOON.audio())
        assert len(home.of(ReplyHeard)) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=names(LOSSES))
async def test_lost_while_nobody_speaks(household: Callable[..., Household], loss: Anytime) -> None:
    async with household([TEA, MOON]) as home:
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        await home.server.inject(loss)
        await home.next(BrainChanged, lambda fact: fact.state == "lost")
        await home.next(BrainChanged, lambda fact: fact.state == "ready")
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        known = [(item.role, item.text) for item in home.server.conversation.items]
        assert known[:2] == [("user", home.server.sessions[0].conversation.items[0].text), ("assistant", TEA.text)]
        assert [role for role, _ in known] == ["user", "assistant"] * 2


async def test_lost_while_the_user_speaks(household: Callable[..., Household]) -> None:
    """The whole utterance reaches the next session, from its first syllable on."""
    async with household([MOON]) as home:
        await home.ready()
        begin, end = home.say("moon")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        await home.run(0.5)
        await home.server.inject(Drop())
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (MOON.text, False)
        [user, _] = home.server.conversation.items
        assert user.audio_ms >= (end - begin) * 1000
        assert len(home.of(UtteranceEnded)) == 1


async def test_a_stalled_network_is_noticed_by_a_ping(household: Callable[..., Household]) -> None:
    async with household([COFFEE, TEA], pace=LIVELY, settings={"realtime.ping_s": 1.0}) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.server.inject(Stall(half_open=True))
        stalled = home.card.time()
        lost = await home.next(BrainChanged, lambda fact: fact.state == "lost")
        assert "ping" in lost.reason
        assert home.card.time() - stalled < 4
        assert (await home.next(ReplyHeard)).text.endswith(TEA.text)


async def test_a_server_that_owes_a_reply_and_is_silent(household: Callable[..., Household]) -> None:
    """It answers pings, and nothing else: after `silent_timeout_s` another session is asked."""
    async with household([Silence(), TEA], settings={"realtime.silent_timeout_s": 5.0}) as home:
        await home.ready()
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert home.server.connections.attempts == 2


async def test_lost_again_and_again_the_turn_fails_once(household: Callable[..., Household]) -> None:
    faults = [Fault(Drop(), on="response.created", every=True)]
    async with household(lambda _: TEA, faults=faults) as home:
        await home.ready()
        home.say("tea")
        await home.next(TurnFailed)
        await home.run(60)
        assert len(home.of(TurnFailed)) == 1
        assert len(home.received("response.create")) <= 4
        assert home.of(ReplyHeard) == []


# Refused.


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_refused_for_good(household: Callable[..., Household], status: int) -> None:
    faults = [Fault(Refuse(status), on=UPGRADE, every=True)]  # type: ignore[arg-type]
    async with household([TEA], faults=faults) as home:
        home.start()
        refused = await home.next(BrainChanged, lambda fact: fact.state == "refused")
        assert f"HTTP {status}" in refused.reason
        await home.run(120)
        assert home.server.connections.attempts == 1
        assert len([line for line in home.log if line["event"] == "brain.refused"]) == 1
        for attempts in (2, 2):  # what was refused minutes ago is tried again for whoever speaks, but not each time
            home.say("tea")
            await home.next(TurnFailed)
            before = home.card.time() - 1
            await home.run(5)
            assert passages(home.loudspeaker(before)), "no sound says that it failed"
            assert home.server.connections.attempts == attempts


async def test_a_wrong_key_is_told_once_and_mended_by_a_reload(household: Callable[..., Household]) -> None:
    async with household([TEA], valid_key="sk-right", refused=True) as home:
        home.start()
        refused = await home.next(BrainChanged, lambda fact: fact.state == "refused")
        assert "key" in refused.reason
        await home.run(30)
        assert home.server.connections.attempts == 1
        home.write_key("sk-right")
        assert await home.control(Reload()) == [{"done": True}]
        await home.next(BrainChanged, lambda fact: fact.state == "ready")
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_a_mended_key_is_found_by_the_next_question(household: Callable[..., Household]) -> None:
    async with household([TEA], valid_key="sk-right", refused=True) as home:
        home.start()
        await home.next(BrainChanged, lambda fact: fact.state == "refused")
        home.write_key("sk-right")
        await home.run(70)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert home.of(TurnFailed) == []


async def test_too_many_requests(household: Callable[..., Household]) -> None:
    faults = [Fault(Refuse(429, retry_after_s=20), on=UPGRADE, connection=1)]
    async with household([TEA], faults=faults) as home:
        home.start()
        lost = await home.next(BrainChanged, lambda fact: fact.state == "lost")
        assert "429" in lost.reason
        at = home.card.time()
        await home.next(BrainChanged, lambda fact: fact.state == "ready")
        assert 20 <= home.card.time() - at <= 31  # and up to half of it more, at random


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_in_trouble_is_tried_again(household: Callable[..., Household], status: int) -> None:
    faults = [Fault(Refuse(status), on=UPGRADE, nth=number) for number in (1, 2, 3)]  # type: ignore[arg-type]
    async with household([TEA], faults=faults) as home:
        await home.ready()
        assert home.server.connections.attempts == 4
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota"])
async def test_refused_after_the_handshake(household: Callable[..., Household], code: str) -> None:
    fault = Fault(SendError(code, "No.", then=CloseWith(4000, f"invalid_request_error.{code}")))
    async with household([TEA], faults=[fault]) as home:
        home.start()
        await home.next(BrainChanged, lambda fact: fact.state == "refused")
        await home.run(120)
        assert home.server.connections.attempts == 1


async def test_settings_that_the_server_does_not_take(household: Callable[..., Household]) -> None:
    fault = Fault(
        Reject("invalid_value", "Invalid value: 'marvin'.", "session.audio.output.voice"), on="session.update"
    )
    async with household([TEA], faults=[fault]) as home:
        home.start()
        refused = await home.next(BrainChanged, lambda fact: fact.state == "refused")
        assert "marvin" in refused.reason
        await home.run(120)
        assert home.server.connections.attempts == 1


async def test_a_beta_server(household: Callable[..., Household]) -> None:
    async with household([TEA, MOON], dialect="beta", settings={"realtime.dialect": "auto"}, refused=True) as home:
        await home.ready()
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        await home.server.inject(Drop())
        await home.next(BrainChanged, lambda fact: fact.state == "ready")
        attempts = home.server.connections.attempts
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        assert attempts <= 3  # what it speaks is found out once


async def test_a_server_of_another_dialect_than_the_settings_say(household: Callable[..., Household]) -> None:
    async with household([TEA], settings={"realtime.dialect": "beta"}, refused=True) as home:
        home.start()
        refused = await home.next(BrainChanged, lambda fact: fact.state == "refused")
        assert "realtime.dialect" in refused.reason
        await home.run(120)
        assert home.server.connections.attempts == 1


# Away.


async def test_a_server_that_comes_back_after_minutes(household: Callable[..., Household]) -> None:
    async with Relay() as relay, household([TEA, MOON], base_url=relay.base_url) as home:
        relay.upstream = home.server.port
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        await relay.down()
        await home.run(300)
        home.say("coffee")  # nobody is there to answer it
        await home.next(TurnFailed)
        assert len([line for line in home.log if line["event"] == "brain.lost"]) <= 20
        await relay.up()
        await home.next(BrainChanged, lambda fact: fact.state == "ready")
        await home.run(5)
        assert len(home.of(ReplyHeard)) == 1  # and what was given up is not answered now
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"] * 2


async def test_what_is_said_in_a_short_outage_is_answered_after_it(household: Callable[..., Household]) -> None:
    async with Relay() as relay, household([TEA, MOON], base_url=relay.base_url) as home:
        relay.upstream = home.server.port
        await home.ready()
        await relay.down()
        await home.next(BrainChanged, lambda fact: fact.state == "lost")
        home.say("tea")
        await home.run(4)
        assert len(home.of(UtteranceEnded)) == 1
        await relay.up()
        assert (await home.next(ReplyHeard)).text == TEA.text
        await home.run(30)
        assert len(home.of(ReplyHeard)) == 1
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"]
        assert len(home.received("response.create")) == 1


async def test_nobody_there_and_no_network_at_all(household: Callable[..., Household]) -> None:
    async with household(server=False) as home:
        home.start()
        await home.next(BrainChanged, lambda fact: fact.state == "lost")
        [reply] = await home.control(Status())
        assert "127.0.0.1" in reply["status"]["brain"]["reason"] or reply["status"]["brain"]["state"] == "connecting"
        await home.until(lambda: home.card.time() > 1)
        request = home.control(Ask(text="Is anybody there?"))
        with pytest.raises(Exception, match="brain"):
            await request
        assert "brain" in (await home.next(RequestEnded)).error


# Nonsense.


GARBAGE = [
    garbage.invalid_json,
    garbage.not_an_object,
    garbage.binary_frame,
    garbage.missing_type,
    garbage.unknown_type,
    garbage.odd_length_audio,
    garbage.bad_base64,
    garbage.huge,
]


@pytest.mark.parametrize("how", GARBAGE, ids=lambda how: how.__name__)
@pytest.mark.parametrize(
    "on", ["response.output_audio.delta", "response.output_audio_transcript.delta", "response.output_item.added"]
)
async def test_garbage_in_the_middle_of_an_answer(
    household: Callable[..., Household], how: Callable[[dict[str, object]], str | bytes], on: str
) -> None:
    fault = Fault(Garble(how), on=on)
    async with household([COFFEE, TEA], faults=[fault]) as home:
        await home.ready()
        home.say("coffee")
        reply = await home.next(ReplyHeard)
        assert not reply.cut
        assert reply.received > 9000
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert home.of(TurnFailed) == []
        assert home.server.connections.attempts == 1


@pytest.mark.parametrize("on", ["response.created", "response.output_item.done", "response.done"])
async def test_an_answer_whose_milestones_are_garbled_is_over_some_day(
    household: Callable[..., Household], on: str
) -> None:
    """Heard or failed, as may be; and then the next question is answered."""
    fault = Fault(Garble(garbage.invalid_json), on=on, connection=1)
    async with household(lambda _: TEA, faults=[fault], settings={"realtime.silent_timeout_s": 5.0}) as home:
        await home.ready()
        home.say("tea")
        await home.next(FloorChanged, lambda fact: fact.floor == "thinking")
        await home.next(FloorChanged, lambda fact: fact.floor == "idle")
        home.say("moon")
        reply = await home.next(ReplyHeard, within_s=60)
        assert reply.text == TEA.text


# Failed.


async def test_a_response_that_fails_is_asked_for_again(household: Callable[..., Household]) -> None:
    async with household([Fail("rate_limit_exceeded", "Slow down."), TEA]) as home:
        await home.ready()
        home.say("tea")
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (TEA.text, False)
        assert home.of(TurnFailed) == []


async def test_a_response_that_fails_twice_is_apologised_for_by_a_sound(household: Callable[..., Household]) -> None:
    async with household([Fail(), Fail(), MOON]) as home:
        await home.ready()
        _, end = home.say("tea")
        await home.next(TurnFailed)
        await home.run(4)
        assert passages(home.loudspeaker(end))
        assert home.of(ReplyHeard) == []
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text


async def test_a_response_that_fails_in_mid_sentence(household: Callable[..., Household]) -> None:
    async with household([[TEA, Fail()], MOON]) as home:
        await home.ready()
        home.say("tea")
        reply = await home.next(ReplyHeard)
        assert reply.text == TEA.text
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text


async def test_a_session_is_renewed_before_it_expires(household: Callable[..., Household]) -> None:
    """In a silence, with the whole conversation, and without anybody noticing."""
    async with household([TEA, MOON], settings={"turn.rollover_min": 2}, max_session_s=180.0) as home:
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        await home.run(130)
        assert [fact.state for fact in home.of(BrainChanged)] == ["connecting", "ready"] * 2
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"] * 2
