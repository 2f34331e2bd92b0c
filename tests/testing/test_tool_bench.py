"""Authors of plugins test a tool by itself: what it returns, and what it says, asks and plays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from voiced.api import (
    Image,
    NoAnswer,
    Plugin,
    PluginSettings,
    Progress,
    Result,
    StateChanged,
    ToolContext,
    ToolError,
    Transcript,
    Wake,
    tool,
)
from voiced.testing.tool_bench import ToolBench

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    return ToolBench(tmp_path)


@tool(spoken="There are {result} of {what}.", sentences=["count the {what}"], lists={"what": ["eggs", "plums"]})
async def count(what: str, twice: bool = False) -> int:
    """Count things."""
    if what == "stars":
        raise ToolError("Nobody can count them.")
    return len(what) * (2 if twice else 1)


@tool(permissions=["say", "listen"])
async def chat(context: ToolContext) -> str:
    """Do all that is heard."""
    context.earcon("done")
    assert await context.say("I have a question.")
    try:
        answer = await context.ask("Which colour?", choices=["red", "green"])
    except NoAnswer as error:
        return str(error)
    context.set_volume(70)
    context.mute(True)
    context.announce(f"{context.volume} is the old volume.", earcon="alarm")
    return answer


class City(PluginSettings):
    city: str = "Oslo"


class Memo(Plugin):
    permissions = ("say", "listen")
    settings: City

    async def setup(self, context: ToolContext) -> None:
        self.context = context
        self.told: list[str] = await context.load_state(list[str], [])
        context.subscribe(Wake, self.note_wake)
        context.subscribe(Transcript, self.note_transcript)
        context.subscribe(StateChanged, self.note_state)
        context.call_every(timedelta(minutes=1), self.tick)

    async def note_wake(self, event: Wake) -> None:
        self.told.append("wake")

    async def note_transcript(self, event: Transcript) -> None:
        self.told.append(f"{event.speaker}: {event.text}")

    async def note_state(self, event: StateChanged) -> None:
        self.told.append(event.state)

    async def tick(self) -> None:
        """In a thread, as whoever reads a sensor would."""
        self.context.announce(await self.context.in_thread(lambda: "tick"))

    @tool
    async def memo(self) -> list[str]:
        """Tell all, and keep it."""
        await self.context.save_state(self.told)
        return self.told

    @tool
    async def where(self) -> str:
        """Tell the settings."""
        return f"{self.settings.city} {await self.context.secret('key')}"


async def test_a_call_as_the_model_makes_it(bench: ToolBench) -> None:
    bench.plugin(count)
    async with bench.running():
        assert await bench.call("count", what="eggs") == 4
        assert bench.spoken == "There are 4 of eggs."
        assert await bench.call("count", '{"what": "eggs", "twice": true}') == 8
        assert await bench.error("count", what="stars") == "Nobody can count them."
        assert "what: is missing" in await bench.error("count")
        assert "not valid JSON" in await bench.error("count", '{"what":')
        with pytest.raises(AssertionError, match="count failed, and the model was told: Nobody can count them"):
            await bench.call("count", what="stars")
        with pytest.raises(AssertionError, match="count did not fail, and the model was told: 4"):
            await bench.error("count", what="eggs")
        with pytest.raises(AssertionError, match=r"There is no tool 'cuont'\. Did you mean: count"):
            await bench.call("cuont")


async def test_what_is_understood_with_no_cloud(bench: ToolBench) -> None:
    bench.plugin(count)
    async with bench.running():
        assert bench.offline("Count the plums, please.") == ("count", {"what": "plums"})
        assert bench.offline("Count the sheep.") is None


async def test_two_tools_with_one_sentence(bench: ToolBench) -> None:
    @tool(sentences=["count the eggs"])
    async def also() -> str:
        """Count the eggs."""
        return "Two."

    bench.plugin(count, also)
    async with bench.running():
        with pytest.raises(AssertionError, match="also: 'count the eggs' means count"):
            bench.offline("Count the plums.")


@tool
async def look(context: ToolContext, away: bool = False) -> None:
    """Show a picture, or take it away."""
    if away:
        context.hide("picture")
    else:
        context.show("picture", title="Look", text="A dot.", image=PNG, ends_at=context.now() + timedelta(minutes=1))


async def test_all_that_is_seen(bench: ToolBench) -> None:
    bench.plugin(look, name="screen")
    async with bench.running():
        await bench.call("look")
        [(name, card)] = bench.cards.items()
        assert name == card.id == "screen/picture"
        assert (card.title, card.text, card.ends_at) == ("Look", "A dot.", bench.clock.now().timestamp() + 60)
        assert card.image is not None
        assert card.image.data == PNG
        await bench.call("look", away=True)
        assert bench.cards == {}


async def test_all_that_is_heard(bench: ToolBench) -> None:
    bench.plugin(chat)
    async with bench.running():
        bench.user_answers("Red.")
        assert await bench.call("chat") == "Red."
        assert await bench.hears() == "I have a question."
        assert bench.heard == ["I have a question.", "Which colour?", "40 is the old volume."]
        assert bench.questions == ["Which colour?"]
        assert (bench.earcons, bench.volume, bench.muted) == (["done", "alarm"], 70, True)


async def test_a_user_who_is_silent(bench: ToolBench) -> None:
    bench.plugin(chat)
    async with bench.running():
        bench.user_answers("")
        assert await bench.call("chat") == "No answer: nobody answered."


async def test_a_question_that_the_test_did_not_expect(bench: ToolBench) -> None:
    bench.plugin(chat)
    async with bench.running():
        with pytest.raises(AssertionError, match="the user was asked 'Which colour\\?'; write user_answers"):
            await bench.call("chat")


async def test_an_answer_that_nobody_asked_for(bench: ToolBench) -> None:
    bench.plugin(chat)
    bench.user_answers("Red.")
    with pytest.raises(AssertionError, match=r"nobody asked for these answers of the user: \['Red\.'\]"):
        async with bench.running():
            pass


async def test_pictures(bench: ToolBench) -> None:
    @tool
    async def look() -> Result:
        """Look."""
        return Result("A cat.", spoken="I see a cat.", images=[Image(PNG)])

    bench.plugin(look, name="screen")
    async with bench.running():
        assert "A cat." in await bench.call("look")
        assert (bench.spoken, bench.images) == ("I see a cat.", [PNG])


async def test_progress_and_what_fills_the_time(bench: ToolBench) -> None:
    go_on = threading.Event()

    @tool(filler="One moment.", filler_after_s=3)
    def dig() -> Generator[Progress, None, str]:
        """Dig."""
        go_on.wait(timeout=10)
        yield Progress("I see something.")
        return "Gold."

    bench.plugin(dig)
    async with bench.running():
        digging = asyncio.create_task(bench.call("dig"))
        await bench.time_passes(seconds=2)
        assert bench.heard == []
        await bench.time_passes(seconds=1)
        assert bench.heard == ["One moment."]
        await bench.time_passes(seconds=10)
        go_on.set()
        assert await digging == "Gold."
        assert bench.heard == ["One moment.", "I see something."]


async def test_who_interrupts_ends_what_wants_to_be_ended(bench: ToolBench) -> None:
    ended: list[str] = []

    @tool(on_barge_in="cancel")
    async def dig() -> None:
        """Dig."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dig")

    bench.plugin(dig)
    async with bench.running():
        digging = asyncio.create_task(bench.error("dig"))
        await bench.time_passes(seconds=1)
        await bench.user_interrupts()
        assert await digging == "Not finished: the user interrupted."
        assert ended == ["dig"]


async def test_what_happens_is_told_in_order(bench: ToolBench) -> None:
    bench.plugin(Memo)
    async with bench.running():
        await bench.happens(Wake())
        await bench.happens(Transcript("user", "hello"))
        await bench.happens(Transcript("assistant", "good morning"))
        await bench.happens(StateChanged("speaking"))
        told = ["idle", "wake", "listening", "user: hello", "assistant: good morning", "speaking"]
        assert await bench.call("memo") == told
    async with bench.running():
        assert await bench.call("memo") == told


async def test_each_time_is_done_before_the_next(bench: ToolBench) -> None:
    bench.plugin(Memo)
    async with bench.running():
        await bench.time_passes(minutes=20)
        assert bench.heard == ["tick"] * 20


async def test_settings_and_secrets(bench: ToolBench) -> None:
    bench.plugin(Memo, name="memo", settings={"city": "Bergen"}, secrets={"key": "rain"})
    async with bench.running():
        assert await bench.call("where") == "Bergen rain"


async def test_settings_that_do_not_fit(bench: ToolBench) -> None:
    bench.plugin(Memo, name="memo", settings={"town": "Bergen"})
    with pytest.raises(AssertionError, match=r"a plugin does not work:\nmemo: .*town"):
        async with bench.running():
            pass


async def test_the_clock_of_a_plugin_is_that_of_the_test(bench: ToolBench) -> None:
    @tool
    async def now(context: ToolContext) -> str:
        """Tell the time."""
        return f"{context.now():%A %H:%M}"

    bench.plugin(now)
    async with bench.running():
        assert await bench.call("now") == "Friday 12:00"
        bench.clock.advance(hours=13)
        assert await bench.call("now") == "Saturday 01:00"


async def test_what_needs_loaded_plugins_says_so(bench: ToolBench) -> None:
    for early in (bench.call("count"), bench.error("count"), bench.hears()):
        with pytest.raises(AssertionError, match=r"write `async with tools\.running\(\):` around this"):
            await early
