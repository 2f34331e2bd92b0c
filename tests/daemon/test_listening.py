"""When the whole daemon listens: with a key, after the wake word, muted."""

from __future__ import annotations

from collections.abc import Callable

from tests.daemon.household import Household
from voiced.conversation.commands import AttentionChanged, BargedIn, Muted, ReplyHeard, TalkKeyHeld, Woken
from voiced.conversation.events import MuteAsked, TalkKeyMoved, WakeWordHeard
from voiced.testing.loopback import Say, Script

MOON = Say("The moon is about 384,000 kilometres away.")
TEA = Say("Tea comes from the leaves of a bush.")
APPEND = "input_audio_buffer.append"


async def test_without_the_key_nothing_is_sent_and_with_it_all(
    household: Callable[..., Household],
) -> None:
    async with household(Script([MOON], ["one"]), settings={"listen.modes": ["ptt"]}) as home:
        await home.ready()
        home.say("tea")
        await home.run(6)
        assert home.received(APPEND) == []
        home.daemon.post(TalkKeyMoved("down"))
        home.say("moon")
        await home.run(4)
        home.daemon.post(TalkKeyMoved("up"))
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (MOON.text, False)
        assert [fact.held for fact in home.of(TalkKeyHeld)] == [True, False]
        await home.run(2)
        sent = len(home.received(APPEND))
        home.say("tea")
        await home.run(6)
        assert len(home.received(APPEND)) == sent


async def test_the_key_interrupts_a_reply(household: Callable[..., Household]) -> None:
    async with household(Script([MOON, TEA], ["one", "two"]), settings={"listen.modes": ["ptt"]}) as home:
        await home.ready()
        for _ in range(2):
            home.daemon.post(TalkKeyMoved("toggle"))
            home.say("moon")
            await home.run(4)
            home.daemon.post(TalkKeyMoved("toggle"))
            await home.run(1.5)
        await home.next(ReplyHeard, lambda reply: reply.text == TEA.text)
        first, second = home.of(ReplyHeard)
        assert (first.cut, second.cut) == (True, False)
        assert len(home.of(BargedIn)) == 1
        assert home.server.conversation.items[1].truncated_ms == first.heard


async def test_after_the_wake_word_and_for_a_while_after_the_answer(household: Callable[..., Household]) -> None:
    settings = {"listen.modes": ["wake", "ptt"], "listen.follow_up_s": 5.0}
    async with household(Script([MOON, TEA], ["one", "two"]), settings=settings) as home:
        await home.ready()
        home.say("tea")
        await home.run(6)
        assert home.received(APPEND) == []
        home.daemon.post(WakeWordHeard("okay_nabu"))
        await home.run(1)
        home.say("moon")
        await home.next(ReplyHeard)
        home.say("tea")
        await home.next(ReplyHeard)
        await home.run(8)
        sent = len(home.received(APPEND))
        home.say("tea")
        await home.run(6)
        assert len(home.received(APPEND)) == sent
        assert [fact.word for fact in home.of(Woken)] == ["okay_nabu"]
        assert [fact.attentive for fact in home.of(AttentionChanged)] == [False, True, False]


async def test_muted_the_device_is_let_go_and_comes_back(household: Callable[..., Household]) -> None:
    async with household(Script([MOON], ["one"])) as home:
        await home.ready()
        home.daemon.post(MuteAsked(True))
        await home.next(Muted)
        await home.card.until_open(1)
        home.say("tea")
        await home.run(6)
        assert home.received(APPEND) == []
        home.daemon.post(MuteAsked(False))
        await home.card.until_open(2)
        await home.run(1)
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
