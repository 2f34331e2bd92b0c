"""The guard on what is heard and said, at home: what it stops, and what it does not hold up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.daemon.household import KEY, PATIENCE_S, Household
from voiced.conversation.commands import BargedIn, ReplyHeard, Spent, TurnFailed, UserHeard, UtteranceEnded
from voiced.conversation.events import Usage
from voiced.plugins.builtin.moderation import UNCHECKED
from voiced.testing.http import Fault, HttpLoopback, Stall
from voiced.testing.loopback import Pace, Say, Script

SENTENCE = "I would rather not talk about that."
HARMFUL = "I will kill you, idiot."
TALE = Say("Once upon a time there was a moon, and it went up" + " and down and up" * 20 + ".")
TEA = Say("Tea comes from the leaves of a bush.")


@asynccontextmanager
async def guarded(
    household: Callable[..., Household], script: Script, *faults: Fault, **settings: Any
) -> AsyncIterator[tuple[Household, HttpLoopback]]:
    async with HttpLoopback(faults=faults, valid_key=KEY) as api, household(script, pace=Pace(speed=3.0)) as home:
        home.write_settings(
            ai__providers__openai__base_url=api.base_url,
            ai__providers__openai__key_file=str(home.folder / "key"),
            plugin__moderation__enabled=True,
            **{f"plugin__moderation__{name}": value for name, value in settings.items()},
        )
        home.start()
        await home.plugins_are_loaded()
        await home.ready()
        yield home, api


async def test_an_answer_to_something_harmful_is_stopped_and_the_next_one_is_not(
    household: Callable[..., Household],
) -> None:
    script = Script([TALE, Say(SENTENCE), TEA], [HARMFUL, "Where does tea come from?"])
    async with guarded(household, script) as (home, api):
        home.say("moon")
        await home.next(UserHeard)
        await api.wait_for("moderations", ended=True, timeout_s=PATIENCE_S)
        cut, sentence = await home.next(ReplyHeard), await home.next(ReplyHeard)
        assert (cut.cut, sentence.text, sentence.cut) == (True, SENTENCE, False)
        await home.run(5)
        home.say("tea")
        answer = await home.next(ReplyHeard)
        assert (answer.text, answer.cut, answer.heard) == (TEA.text, False, answer.received)
        await api.wait_for("moderations", count=4 if cut.text else 3, ended=True, timeout_s=PATIENCE_S)
        judged = [entry.body["input"] for entry in api.of("moderations")]
        assert judged == [HARMFUL, *filter(None, [cut.text]), "Where does tea come from?", TEA.text]
        await home.run(5)
        assert (len(home.of(ReplyHeard)), home.of(TurnFailed)) == (3, [])
        assert Spent(Usage("omni-moderation-latest", text_in=len(HARMFUL))) in home.of(Spent)


async def test_a_judgement_that_comes_late_does_not_cut_in_two_what_somebody_says_by_then(
    household: Callable[..., Household],
) -> None:
    script = Script([TALE, TEA], [HARMFUL, "Where does tea come from?"])
    async with guarded(household, script, Fault(Stall(), "moderations")) as (home, api):
        home.say("moon")
        await home.next(UserHeard)
        await api.wait_for("moderations", timeout_s=PATIENCE_S)
        await home.run(0.5)
        home.say("tea")
        await home.next(BargedIn)
        await api.refuse_connections()  # which ends the one that hangs
        await api.accept_connections()
        await api.wait_for("moderations", count=2, ended=True, timeout_s=PATIENCE_S)
        cut, answer = await home.next(ReplyHeard), await home.next(ReplyHeard)
        assert (cut.cut, answer.text, answer.cut) == (True, TEA.text, False)
        await home.run(5)
        assert (len(home.of(UtteranceEnded)), len(home.of(ReplyHeard))) == (2, 2)
        assert "the user's words were found harmful" in str(home.daemon.plugins())


async def test_a_server_that_never_answers_is_no_crash_of_the_guard_which_says_that_it_cannot_check(
    household: Callable[..., Household],
) -> None:
    script = Script([TALE, Say(UNCHECKED)] * 2, ["Tell me a tale.", "Tell me another one."])
    stall = Fault(Stall(), "moderations", every=True)
    async with guarded(household, script, stall, when_unchecked="stop") as (home, _):
        for _ in range(2):
            home.say("moon")
            cut, sentence = await home.next(ReplyHeard), await home.next(ReplyHeard)
            assert (cut.cut, sentence.text, sentence.cut) == (True, UNCHECKED, False)
            await home.run(30)
        [guard] = [plugin for plugin in home.daemon.plugins() if plugin.name == "moderation"]
        assert (guard.state, guard.problems) == (
            "on",
            ("something was not judged: moderations: there was no answer within 10 s",),
        )
        assert (len(home.of(ReplyHeard)), home.of(TurnFailed)) == (4, [])
