"""Tools: what they answer is said, and none that is broken disturbs the conversation."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, passages
from tests.plugins.fakes import BUILT_IN
from voiced.control.protocol import Status
from voiced.conversation.commands import (
    BargedIn,
    FloorChanged,
    ReplyHeard,
    RequestEnded,
    ToolEnded,
    ToolStarted,
    TurnFailed,
)
from voiced.testing.loopback import CallTool, Reply, Say, Turn

LAMP = """
from voiced.api import tool

switched = []

@tool
def lamp(on: bool) -> str:
    "Switch the lamp."
    switched.append(on)
    return "The lamp is on." if on else "The lamp is off."

@tool
async def weather(city: str) -> dict[str, object]:
    "Tell the weather."
    return {"city": city, "sky": "clear"}
"""

TROUBLE = """
import asyncio, threading
from voiced.api import tool

released = threading.Event()

@tool
def raises():
    "Raises."
    raise ValueError("what the user said")

@tool
def leaves():
    "Wants to end the process."
    raise SystemExit(3)

@tool
def blocks():
    "Blocks its thread."
    released.wait()

@tool
async def hangs():
    "Never ends."
    await asyncio.Event().wait()

@tool
def huge():
    "Returns 5 MB."
    return "x" * 5_000_000

@tool
def odd():
    "Returns what has no JSON form."
    return {"socket": object()}
"""


async def test_a_tool_is_run_and_what_it_says_is_told(household: Callable[..., Household]) -> None:
    done = Say("The lamp is on.")
    async with household([CallTool("lamp", '{"on": true}'), done]) as home:
        home.write_plugin("lamp", LAMP)
        await home.ready()
        _, end = home.say("timer")
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (done.text, False)
        assert [fact.name for fact in home.of(ToolStarted)] == ["lamp"]
        assert [fact.ok for fact in home.of(ToolEnded)] == [True]
        tape = home.loudspeaker(end)
        [(first, last)] = passages(tape)
        assert is_whole(tape[first:last], done.audio())
        kinds = [item.type for item in home.server.conversation.items]
        assert kinds == ["message", "function_call", "function_call_output", "message"]
        assert home.server.conversation.items[2].output == "The lamp is on."
        assert sys.modules["voiced_plugin_lamp"].switched == [True]


async def test_several_tools_at_once_are_answered_together(household: Callable[..., Household]) -> None:
    calls = [
        CallTool("lamp", '{"on": true}'),
        CallTool("weather", '{"city": "Oslo"}'),
        CallTool("lamp", '{"on": false}'),
    ]
    async with household([calls, Say("All done.")]) as home:
        home.write_plugin("lamp", LAMP)
        await home.ready()
        home.say("timer")
        assert (await home.next(ReplyHeard)).text == "All done."
        outputs = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert sorted(map(str, outputs)) == ["The lamp is off.", "The lamp is on.", '{"city":"Oslo","sky":"clear"}']
        assert len(home.received("response.create")) == 2


async def test_a_model_that_talks_while_it_calls(household: Callable[..., Household]) -> None:
    """Reasoning models say that they look, and call the tool before they have said it."""
    looking = Say("Let me see what the sky looks like up there.", phase="commentary")
    clear = Say("The sky is clear.", phase="final_answer")
    async with household([[looking, CallTool("weather", '{"city": "Oslo"}')], clear]) as home:
        home.write_plugin("lamp", LAMP)
        await home.ready()
        _, end = home.say("rain")
        reply = await home.next(ReplyHeard)
        assert reply.text == f"{looking.text} {clear.text}"
        assert not reply.cut
        tape = home.loudspeaker(end)
        sounds = passages(tape)
        # One after the other; there may be no pause between them.
        assert sum(last - first for first, last in sounds) * 2 == pytest.approx(
            len(looking.audio()) + len(clear.audio()), abs=500
        )


@pytest.mark.parametrize("name", ["raises", "leaves", "huge", "odd", "hangs", "blocks", "not_there"])
async def test_a_broken_tool_is_apologised_for(household: Callable[..., Household], name: str) -> None:
    async with household([CallTool(name), Say("That did not work."), Say("Hello.")]) as home:
        home.write_plugin("trouble", TROUBLE)
        await home.ready()
        module = sys.modules["voiced_plugin_trouble"]
        try:
            home.say("timer")
            reply = await home.next(ReplyHeard)
            assert (reply.text, reply.cut) == ("That did not work.", False)
            [output] = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
            assert output is not None
            assert 0 < len(output.encode()) < 17_000
            assert "what the user said" not in output
            assert "what the user said" not in str([line for line in home.log if line["level"] != "debug"])
            home.say("tea")
            assert (await home.next(ReplyHeard)).text == "Hello."
            assert home.of(TurnFailed) == []
        finally:
            module.released.set()


@pytest.mark.parametrize("name", ["hangs", "blocks"])
async def test_while_a_tool_hangs_one_talks_about_something_else(
    household: Callable[..., Household], name: str
) -> None:
    def answer(turn: Turn) -> Reply:
        return CallTool(name) if len(turn.items) == 1 else Say("Of course.")

    async with household(answer) as home:
        home.write_plugin("trouble", TROUBLE)
        await home.ready()
        module = sys.modules["voiced_plugin_trouble"]
        try:
            home.say("timer")
            await home.next(ToolStarted)
            await home.run(2)
            home.say("tea")
            await home.next(BargedIn)
            reply = await home.next(ReplyHeard)
            assert (reply.text, reply.cut) == ("Of course.", False)
            home.say("moon")
            assert (await home.next(ReplyHeard)).text == "Of course."
            await home.next(ToolEnded)  # given up
            await home.run(20)
            assert [fact.floor for fact in home.of(FloorChanged)][-1] == "idle"
            assert len(home.received("response.create")) == 3
        finally:
            module.released.set()


async def test_a_model_that_calls_tools_for_ever_is_stopped(household: Callable[..., Household]) -> None:
    async with household(lambda _turn: CallTool("lamp", '{"on": true}'), settings={"turn.tool_rounds": 4}) as home:
        home.write_plugin("lamp", LAMP)
        await home.ready()
        home.say("timer")
        failed = await home.next(TurnFailed)
        assert "tools" in failed.reason
        await home.run(5)
        assert len(home.received("response.create")) == 5
        assert len(home.of(TurnFailed)) == 1


# Timers, which are built in.


def with_timer(seconds: int) -> Callable[[Turn], Reply]:
    def answer(turn: Turn) -> Reply:
        if "instructions" in turn.params:
            return Say("Listen, something is done.")
        if not turn.tool_outputs and len(turn.items) == 1:
            return CallTool("set_timer", json.dumps({"duration_s": seconds, "name": "egg"}))
        return Say("It is set.")

    return answer


async def test_a_timer_rings_by_itself(household: Callable[..., Household]) -> None:
    async with household(with_timer(60)) as home:
        await home.ready()
        home.say("timer")
        await home.next(ToolEnded, lambda fact: fact.name == "set_timer" and fact.ok)
        due = home.card.time() + 60
        assert (await home.next(ReplyHeard)).text == "It is set."
        quiet_from = home.card.time()
        announced = await home.next(ReplyHeard)
        assert announced.text == "Listen, something is done."
        first, _ = passages(home.loudspeaker(quiet_from))[0]
        assert quiet_from + first / 24_000 == pytest.approx(due, abs=1.0)  # the test may look late
        asked = home.received("response.create")[-1].event["response"]
        assert "Your egg timer is done." in asked["instructions"]
        assert asked["input"] == []


async def test_a_timer_waits_until_nobody_speaks(household: Callable[..., Household]) -> None:
    async with household(with_timer(10)) as home:
        await home.ready()
        home.say("timer")
        await home.next(ReplyHeard)
        await home.next(ToolEnded) if not home.of(ToolEnded) else None
        set_at = home.times[home.facts.index(home.of(ToolEnded)[0])]
        await home.run(set_at + 8.7 - home.card.time())  # the question lasts until 10.1
        home.say("moon")
        answer = await home.next(ReplyHeard)
        announced = await home.next(ReplyHeard)
        assert (answer.cut, announced.cut) == (False, False)
        assert (answer.text, announced.text) == ("It is set.", "Listen, something is done.")


@pytest.mark.parametrize("off_s", [20, 200])
async def test_a_timer_survives_a_restart(household: Callable[..., Household], off_s: int) -> None:
    others = sorted(set(BUILT_IN) - {"timers"})  # that load in real time, while the household's passes faster
    async with household(with_timer(60), settings={"plugins.disabled": others}) as home:
        await home.ready()
        home.say("timer")
        await home.next(ToolEnded)
        due = home.card.time() + 60
        await home.next(ReplyHeard)
        await home.stop()
        await home.run(off_s)
        home.start()
        await home.plugins_are_loaded()
        back = home.card.time()
        announced = await home.next(ReplyHeard)
        assert announced.text == "Listen, something is done."
        first, _ = passages(home.loudspeaker(back))[0]
        assert back + first / 24_000 == pytest.approx(max(due, back), abs=1.0)
        instructions = home.received("response.create")[-1].event["response"]["instructions"]
        assert ("While I was off: your egg timer was due" if off_s > 60 else "Your egg timer is done") in instructions
        await home.run(70)
        assert len(home.of(ReplyHeard)) == 2  # once


async def test_a_plugin_that_hangs_in_its_setup_keeps_nobody_waiting(household: Callable[..., Household]) -> None:
    async with household([Say("Here I am.")]) as home:
        home.write_plugin(
            "slow",
            "import asyncio\nfrom voiced.api import Plugin\n"
            "class Slow(Plugin):\n    async def setup(self, context):\n        await asyncio.Event().wait()\n",
        )
        await home.ready()
        assert home.card.time() < 3
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == "Here I am."
        await home.run(12)
        [status] = await home.control(Status())
        [slow] = [plugin for plugin in status["status"]["plugins"] if plugin["name"] == "slow"]
        assert "setup" in slow["problems"][0]
        updates = home.received("session.update")
        assert "set_timer" in str(updates[-1].event)
        assert home.of(RequestEnded) == []
