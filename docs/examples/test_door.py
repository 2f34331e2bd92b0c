"""Questions are answered as the test says, and an interruption comes when the test says."""

import asyncio

import pytest


@pytest.fixture
def relays(tmp_path):
    for name in ("front", "garage"):
        (tmp_path / name).write_text("never")
    return tmp_path


@pytest.fixture
def settings(relays):
    return {"front": str(relays / "front"), "garage": str(relays / "garage"), "open_s": 0, "garage_takes_s": 3600}


async def test_it_asks_before_it_unlocks(tools, relays, settings):
    tools.plugin("door.py", settings=settings)
    async with tools.running():
        tools.user_answers("yes, please")
        assert await tools.call("unlock_door", door="front") == "The front door was unlocked for 0 seconds."
        assert tools.questions == ["Shall I unlock the front door?"]
        assert (relays / "front").read_text() == "0"


@pytest.mark.parametrize("answer", ["no", ""])
async def test_without_a_yes_it_does_nothing(tools, relays, settings, answer):
    tools.plugin("door.py", settings=settings)
    async with tools.running():
        tools.user_answers(answer)
        await tools.error("unlock_door", door="front")
        assert (relays / "front").read_text() == "never"


async def test_it_asks_which_door(tools, relays, settings):
    tools.plugin("door.py", settings=settings)
    async with tools.running():
        tools.user_answers("The garage.")
        await tools.call("let_visitor_in")
        assert (relays / "garage").read_text() == "0"
        tools.user_answers("The back door.")
        assert await tools.error("let_visitor_in") == "There is no such door. There are front and garage."


async def test_who_speaks_stops_the_garage(tools, relays, settings):
    tools.plugin("door.py", settings=settings)
    async with tools.running():
        opening = asyncio.create_task(tools.error("open_garage"))
        await tools.until(lambda: (relays / "garage").read_text() == "1")
        await tools.user_interrupts()
        await opening
        assert (relays / "garage").read_text() == "0"


async def test_it_remembers_over_a_restart(tools, settings):
    tools.plugin("door.py", settings=settings)
    async with tools.running():
        assert await tools.call("last_opened") == "No door was opened yet."
        tools.user_answers("yes")
        await tools.call("unlock_door", door="front")
    await tools.time_passes(hours=1)
    async with tools.running():
        assert await tools.call("last_opened") == "The front door was opened at 12:00."


async def test_in_a_conversation(assistant, settings):
    assistant.plugin("door.py", settings=settings)
    async with assistant.running():
        assistant.model_calls("unlock_door", door="front")
        assistant.user_answers("Yes.")
        assistant.model_says("It was open.")
        heard = await assistant.user_says("Open the front door.")
        assert heard == "Shall I unlock the front door? It was open."
