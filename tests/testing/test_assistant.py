"""Authors of plugins test them in a conversation: the model calls a tool, the user hears what comes of it."""

from __future__ import annotations

import asyncio
import importlib
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from voiced.api import NoAnswer, Plugin, PluginSettings, ToolContext, ToolError, tool
from voiced.testing.assistant import Assistant

DICE = '''
from voiced.api import tool

@tool(sentences=["roll {1..9:count} dice"])
def roll_dice(count: int = 1, sides: int = 6) -> list[int]:
    """Roll dice."""
    return [sides] * count
'''


@pytest.fixture
def looked_at(tmp_path: Path) -> Path:
    (tmp_path / "dice.py").write_text(DICE)
    return tmp_path


@pytest.fixture
def assistant(tmp_path: Path, looked_at: Path) -> Assistant:
    return Assistant(tmp_path / "home", [looked_at])


@tool(permissions=["say"])
async def tell_me(minutes: int, context: ToolContext) -> str:
    """Tell me later."""

    async def tell() -> None:
        context.announce("It is time.")

    context.call_after(timedelta(minutes=minutes), tell)
    return "I will."


@tool
async def fail() -> None:
    """Fail."""
    raise ToolError("There is no lamp in the attic.")


class Town(PluginSettings):
    city: str = "Oslo"


class Weather(Plugin):
    settings: Town

    async def setup(self, context: ToolContext) -> None:
        self.context = context

    @tool
    async def weather(self) -> dict[str, str]:
        """The weather."""
        return {"city": self.settings.city, "key": await self.context.secret("key")}

    @tool
    async def remember(self, word: str) -> list[str]:
        """Remember words."""
        words = [*await self.context.load_state(list[str], []), word]
        await self.context.save_state(words)
        return words


async def test_the_model_calls_and_the_user_hears(assistant: Assistant) -> None:
    assistant.plugin("dice.py")
    async with assistant.running():
        assistant.model_calls("roll_dice", count=2, sides=1)
        assistant.model_says("Two ones.")
        assert await assistant.user_says("Roll two dice.") == "Two ones."
        assert assistant.tool_result("roll_dice") == [1, 1]
        assistant.model_says("You are welcome.")
        assert await assistant.user_says("Thanks.") == "You are welcome."
    assert assistant.heard == ["Two ones.", "You are welcome."]


async def test_time_passes_as_the_test_says(assistant: Assistant) -> None:
    assistant.plugin(tell_me)
    async with assistant.running():
        assistant.model_calls("tell_me", minutes=5)
        assistant.model_says("All right.")
        await assistant.user_says("Tell me in five minutes.")
        assert assistant.tool_result("tell_me") == "I will."
        await assistant.time_passes(minutes=4, seconds=59)
        assert assistant.heard == ["All right."]
        await assistant.time_passes(seconds=1)
        assert await assistant.hears() == "It is time."


@tool
async def look(context: ToolContext) -> str:
    """Show a card."""
    context.show("dot", text="A dot.")
    return "Look."


async def test_what_is_shown(assistant: Assistant) -> None:
    assistant.plugin(look, name="screen")
    async with assistant.running():
        assistant.model_calls("look")
        assistant.model_says("There it is.")
        await assistant.user_says("Show me a dot.")
        assert [card.text for card in assistant.cards.values()] == ["A dot."]


async def test_what_the_model_is_told_of_a_failure(assistant: Assistant) -> None:
    assistant.plugin(fail)
    async with assistant.running():
        assistant.model_calls("fail")
        assistant.model_says("There is none.")
        await assistant.user_says("Switch on the lamp in the attic.")
        assert assistant.tool_error("fail") == "There is no lamp in the attic."
        with pytest.raises(AssertionError, match="fail failed, and the model was told: There is no lamp"):
            assistant.tool_result("fail")
        with pytest.raises(AssertionError, match="no call of lamp has ended; the tools that were called: fail"):
            assistant.tool_result("lamp")


async def test_what_the_model_writes_is_checked(assistant: Assistant) -> None:
    assistant.plugin("dice.py")
    async with assistant.running():
        assistant.model_calls("roll_dice", count="many")
        assistant.model_calls("roll_dice", '{"count":')
        assistant.model_says("I could not.")
        await assistant.user_says("Roll dice.")
        assert "not valid JSON" in assistant.tool_error("roll_dice")


async def test_settings_and_secrets(assistant: Assistant) -> None:
    assistant.plugin(Weather, name="weather", settings={"city": "Bergen"}, secrets={"key": "rain"})
    async with assistant.running():
        assistant.model_calls("weather")
        assistant.model_says("Rain.")
        await assistant.user_says("How is the weather?")
        assert assistant.tool_result("weather") == {"city": "Bergen", "key": "rain"}


async def test_what_a_plugin_keeps_outlasts_a_restart(assistant: Assistant) -> None:
    assistant.plugin(Weather, name="weather")
    for word in ("rain", "sun"):
        async with assistant.running():
            assistant.model_calls("remember", word=word)
            assistant.model_says("Done.")
            await assistant.user_says("Remember it.")
    assert assistant.tool_result("remember") == ["rain", "sun"]


async def test_sentences_with_no_cloud(assistant: Assistant) -> None:
    assistant.plugin("dice.py")
    async with assistant.running():
        assert assistant.offline("Roll three dice, please.") == ("roll_dice", {"count": 3})
        assert assistant.offline("Roll a barrel.") is None


async def test_a_module_and_an_installed_plugin(
    assistant: Assistant, looked_at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (looked_at / "voiced_my_dice.py").write_text(DICE)
    monkeypatch.syspath_prepend(looked_at)
    assistant.plugin("clock", importlib.import_module("voiced_my_dice"))
    async with assistant.running():
        assistant.model_calls("get_time")
        assistant.model_calls("roll_dice", sides=3)
        assistant.model_says("It is noon, and a three.")
        await assistant.user_says("What time is it? And roll a die.")
        assert "noon" in assistant.tool_result("get_time")
        assert assistant.tool_result("roll_dice") == [3]


async def test_a_tool_runs_while_the_user_goes_on(assistant: Assistant) -> None:
    goes_on = asyncio.Event()

    @tool
    async def dig() -> str:
        """Dig."""
        await goes_on.wait()
        return "Gold."

    assistant.plugin(dig)
    async with assistant.running():
        assistant.model_calls("dig")
        assistant.model_says("All right, later.")
        await assistant.user_speaks("Dig!")
        await assistant.tool_runs("dig")
        goes_on.set()
        assert await assistant.hears() == "All right, later."


async def test_it_is_told_where_the_script_ends(assistant: Assistant) -> None:
    assistant.plugin("dice.py")
    async with assistant.running():
        assistant.model_calls("roll_dice", sides=1)
        with pytest.raises(AssertionError) as told:
            await assistant.user_says("Roll a die.")
        assert str(told.value) == (
            "the model was asked for an answer, and the script has none left: a tool returned [1]\n"
            'So far it did: call roll_dice({"sides": 1}).\n'
            "Write model_calls(...) or model_says(...) for each answer."
        )


@pytest.mark.parametrize(
    ("called", "told"),
    [
        ("role_dice", "there is no tool 'role_dice'; did you mean 'roll_dice'?"),
        ("lamp", "there is no tool 'lamp'; offered are roll_dice"),
    ],
)
async def test_a_tool_that_is_not_there_is_told(assistant: Assistant, called: str, told: str) -> None:
    assistant.plugin("dice.py")
    async with assistant.running():
        assistant.model_calls(called)
        with pytest.raises(AssertionError, match=re.escape(told)):
            await assistant.user_says("Roll a die.")


async def test_a_script_that_did_not_happen_is_told(assistant: Assistant) -> None:
    assistant.plugin("dice.py")
    assistant.model_calls("roll_dice")
    assistant.model_says("One.")
    with pytest.raises(AssertionError, match=r"left: \['call roll_dice\({}\)', \"say 'One.'\"\]"):
        async with assistant.running():
            pass


async def test_an_answer_that_nobody_asked_for_is_told(assistant: Assistant) -> None:
    assistant.user_answers("yes")
    with pytest.raises(AssertionError, match=r"nobody asked for these answers of the user: \['yes'\]"):
        async with assistant.running():
            pass


async def test_a_plugin_that_does_not_work_is_told(assistant: Assistant, looked_at: Path) -> None:
    (looked_at / "bad.py").write_text("from voiced.api import tool\n\n@tool\ndef bad(x):\n    'Bad.'\n")
    assistant.plugin("bad.py")
    with pytest.raises(AssertionError, match=r"a plugin does not work:\nbad: .*bad.py:3 bad: x: give it a type hint"):
        async with assistant.running():
            pass


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("cards.py", r"there is no cards.py; looked at .*/cards.py"),
        ("no_such_plugin", r"there is no plugin and no module 'no_such_plugin'; installed are .*clock"),
        (len, "<built-in function len> is no plugin; give a .py file"),
        (pytest.fixture, "fixture is no tool; put @tool before it"),
    ],
)
def test_what_is_no_plugin_is_told(assistant: Assistant, plugin: object, told: str) -> None:
    with pytest.raises((LookupError, TypeError), match=told):
        assistant.plugin(plugin)


async def test_a_result_that_is_kept_for_the_next_silence(assistant: Assistant) -> None:
    done = asyncio.Event()

    @tool(on_barge_in="keep")
    async def dig() -> str:
        """Dig."""
        await done.wait()
        return "There is gold in the garden."

    assistant.plugin(dig)
    async with assistant.running():
        assistant.model_calls("dig")
        assistant.model_says("It is noon.")
        await assistant.user_speaks("Dig in the garden!")
        await assistant.tool_runs("dig")
        assert await assistant.user_says("And what time is it?") == "It is noon."
        done.set()
        assert await assistant.hears() == "There is gold in the garden."


@tool(permissions=["say", "listen"])
async def chat(context: ToolContext) -> str:
    """Ask something."""
    await context.say("I have a question.")
    try:
        return await context.ask("Which colour?", choices=["red", "green"], within_s=2)
    except NoAnswer as error:
        return str(error)


async def test_a_question_and_its_answer(assistant: Assistant) -> None:
    assistant.plugin(chat)
    async with assistant.running():
        assistant.model_calls("chat")
        assistant.user_answers("Red.")
        assistant.model_says("Red is nice.")
        assert await assistant.user_says("Ask me something.") == "I have a question. Which colour? Red is nice."
        assert assistant.questions == ["Which colour?"]
        assert assistant.tool_result("chat") == "Red."


async def test_a_question_that_nobody_answers(assistant: Assistant) -> None:
    assistant.plugin(chat)
    async with assistant.running():
        assistant.model_calls("chat")
        assistant.user_answers("")
        assistant.model_says("Never mind.")
        await assistant.user_says("Ask me something.")
        assert assistant.tool_result("chat") == "No answer: nobody answered."


async def test_a_question_that_the_test_did_not_expect(assistant: Assistant) -> None:
    assistant.plugin(chat)
    async with assistant.running():
        assistant.model_calls("chat")
        with pytest.raises(AssertionError, match=r"the user was asked 'Which colour\?'; write user_answers\(\.\.\.\)"):
            await assistant.user_says("Ask me something.")


async def test_what_needs_a_running_voiced_says_so(assistant: Assistant) -> None:
    assistant.plugin(chat)
    for early in (assistant.user_says("Hello!"), assistant.hears(), assistant.tool_runs("chat")):
        with pytest.raises(AssertionError, match=r"write `async with assistant\.running\(\):` around this"):
            await early
    with pytest.raises(AssertionError, match="voiced does not run yet"):
        assistant.tool_result("chat")


def test_pytest_loads_little_of_it_in_every_run() -> None:
    """Whoever installs voiced and tests something else must not wait for it."""
    code = "import sys, voiced.testing.pytest_plugin; print([name for name in sys.modules if 'voiced.' in name])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "['voiced.testing', 'voiced.testing.pytest_plugin']"
