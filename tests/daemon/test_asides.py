"""Tools that speak and ask while they run, through the whole daemon: the question is heard, the answer is theirs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, passages
from voiced.control.protocol import Ask
from voiced.conversation.commands import (
    BargedIn,
    FloorChanged,
    QuestionAsked,
    ReplyHeard,
    RequestEnded,
    ToolEnded,
    ToolStarted,
    UserHeard,
    UtteranceEnded,
)
from voiced.conversation.events import TextAsked
from voiced.testing.loopback import CallTool, Reply, Say, Script

DOOR = """
import asyncio
from voiced.api import NoAnswer, ToolContext, tool

unlocked = []

@tool(confirm="Shall I unlock the {door} door?")
async def unlock(door: str) -> str:
    "Unlock a door."
    unlocked.append(door)
    return f"The {door} door is unlocked."

@tool(permissions=["say", "listen"])
async def choose(context: ToolContext) -> str:
    "Ask which door is meant."
    try:
        return "It is the " + await context.ask("Which door?")
    except NoAnswer as error:
        return f"Nobody knows: {error}"

@tool(filler="One moment.", filler_after_s=1.0)
async def slow() -> str:
    "Take three seconds."
    await released.wait()
    return "Done."

@tool(on_barge_in="cancel")
async def search() -> str:
    "Search for ever."
    await released.wait()
    return "Found."

released = asyncio.Event()
"""

QUESTION = Say("Shall I unlock the front door?")
UNLOCKED = Say("It is open now.")
CALL = CallTool("unlock", '{"door": "front"}')


async def test_a_yes_runs_the_tool(household: Callable[..., Household]) -> None:
    async with household(Script([CALL, QUESTION, UNLOCKED], ["Unlock the door.", "Yes, please."])) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        _, end = home.say("timer")
        await home.next(ToolStarted)
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        home.say("coffee")
        reply = await home.next(ReplyHeard)
        assert [fact.text for fact in home.of(UserHeard)] == ["Unlock the door.", "Yes, please."]
        assert [fact.answers for fact in home.of(UtteranceEnded)] == [False, True]
        assert reply.text == f"{QUESTION.text} {UNLOCKED.text}"
        assert [fact.ok for fact in home.of(ToolEnded)] == [True]
        tape = home.loudspeaker(end)
        sounds = [tape[first:last] for first, last in passages(tape)]
        assert is_whole(sounds[0], QUESTION.audio())
        assert is_whole(sounds[-1], UNLOCKED.audio())
        outputs = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert outputs == ["The front door is unlocked."]
        asked = [entry.event.get("response", {}).get("instructions", "") for entry in home.received("response.create")]
        assert [QUESTION.text in instructions for instructions in asked] == [False, True, False]


async def test_a_no_does_not_run_the_tool(household: Callable[..., Household]) -> None:
    never = Say("All right, it stays locked.")
    async with household(Script([CALL, QUESTION, never], ["Unlock the door.", "No, don't."])) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        home.say("coffee")
        await home.next(ReplyHeard)
        assert [fact.ok for fact in home.of(ToolEnded)] == [False]
        (output,) = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert output is not None
        assert output.startswith("Not done")


async def test_silence_is_no_yes(household: Callable[..., Household]) -> None:
    script: list[Reply] = [CALL, QUESTION, QUESTION, Say("I left it locked.")]
    async with household(Script(script, ["Unlock the door."])) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(ReplyHeard)
        assert [fact.ok for fact in home.of(ToolEnded)] == [False]
        assert len(home.of(UtteranceEnded)) == 1


async def test_an_early_yes_interrupts_the_question_and_not_the_turn(household: Callable[..., Household]) -> None:
    long = Say("Shall I really unlock the front door? It is late, and nobody is expected any more today.")
    async with household(Script([CALL, long, UNLOCKED], ["Unlock the door.", "Yes."])) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(0.8)
        home.say("coffee")
        reply = await home.next(ReplyHeard)
        assert UNLOCKED.text in reply.text
        assert long.text not in reply.text
        assert home.of(BargedIn) == []
        assert [fact.ok for fact in home.of(ToolEnded)] == [True]


async def test_a_question_can_be_answered_in_writing(household: Callable[..., Household]) -> None:
    script: list[Reply] = [CallTool("choose"), Say("Which door?"), Say("The back door it is.")]
    async with household(Script(script, ["Open up."])) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        assert await home.control(Ask(text="the back door")) == [{"answer": "The back door it is."}]
        outputs = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert outputs == ["It is the the back door"]


async def test_all_of_it_in_writing(household: Callable[..., Household]) -> None:
    async with household([CALL, QUESTION, UNLOCKED]) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        asking = asyncio.ensure_future(home.control(Ask(text="Unlock the door.")))
        home.on(QuestionAsked, lambda: home.daemon.post(TextAsked("typed", "Yes.")))
        assert await asking == [{"asks": QUESTION.text}, {"answer": UNLOCKED.text}]
        assert [(fact.request, fact.error) for fact in home.of(RequestEnded)][-1] == ("control-1", "")


async def test_a_filler_is_said_while_a_slow_tool_runs(household: Callable[..., Household]) -> None:
    async with household([CallTool("slow"), Say("One moment."), Say("That took a while.")]) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(ToolStarted)
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        sys.modules["voiced_plugin_door"].released.set()
        reply = await home.next(ReplyHeard)
        assert reply.text == "One moment. That took a while."


async def test_a_tool_that_wants_to_is_cancelled_by_a_barge_in(household: Callable[..., Household]) -> None:
    async with household([CallTool("search"), Say("Never mind then.")]) as home:
        home.write_plugin("door", DOOR)
        await home.ready()
        home.say("timer")
        await home.next(ToolStarted)
        home.say("coffee")
        assert (await home.next(ReplyHeard, lambda reply: bool(reply.text))).text == "Never mind then."
        assert [fact.ok for fact in home.of(ToolEnded)] == [False]
        outputs = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert outputs == ["Not finished: the user interrupted."]
