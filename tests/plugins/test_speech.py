"""What a plugin says, asks, plays and listens to, and how it learns what came of it."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO

import pytest

from tests.plugins.fakes import Home
from voiced.api import ToolError, Transcript
from voiced.audio import Ms
from voiced.conversation.commands import FloorChanged, ReplyHeard, RequestEnded, SoundBegun, UserHeard, UserTyped
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    AnswerWanted,
    EarconAsked,
    Event,
    SoundCame,
    ToolReturned,
)
from voiced.plugins.settings import PluginSettings
from voiced.plugins.speech import AHEAD_S, PATIENCE_S, SAID_LIMIT, WAITING_LIMIT, Lifetime, Speech, Voice
from voiced.plugins.subscriptions import WAITING_LIMIT as EVENTS_LIMIT

TIMEOUT_S = PluginSettings().timeout_s


def put(home: Home, body: str, *, permissions: tuple[str, ...] = ("say", "listen")) -> Home:
    """A plugin with one tool that does `body`."""
    home.plugin(
        "talker",
        "import asyncio, sys\nfrom datetime import timedelta\nfrom pathlib import Path\nfrom voiced.api import *\n"
        f"heard = []\n@tool(permissions={permissions})\n"
        f"async def talk(context: ToolContext):\n    'Talk.'\n    {body}\n",
    )
    return home


async def settled() -> None:
    """Let everything happen that can happen now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_tool_says_something_in_its_turn_and_learns_whether_it_was_heard(home: Home) -> None:
    async with put(home, "return await context.say('One moment.')").running():
        call = home.start("talk")
        asked = await home.asked()
        assert asked == AnnouncementAsked("talker-1", "One moment.", call=call)
        home.was_said(asked)
        assert (await home.returned(call)).output == "true"
        call = home.start("talk")
        home.was_not_said(await home.asked())
        assert (await home.returned(call)).output == "false"


STREAM = """
    sound = b"\\x01\\x00" * 1500000
    async def pieces():
        for number in range(6):
            heard.append(number)
            yield sound[number * 48001:(number + 1) * 48001]
    whole = await context.play(pieces())
    return [whole, len(heard)]
"""
"""Six seconds, with pieces that end in the middle of a sample."""


async def test_a_sound_that_is_still_coming_plays_while_it_comes(home: Home) -> None:
    async with put(home, STREAM.strip(), permissions=("say",)).running():
        call = home.start("talk")
        asked = await home.asked()
        assert (asked.sound, asked.more, asked.call) == (b"\x01\x00" * 24000, True, call)
        await settled()
        assert home.untaken(SoundCame) == []  # it has not begun
        home.host.report(SoundBegun(asked.request))
        came: list[SoundCame] = []
        while not came or not came[-1].last:
            came.append(await home.next(SoundCame))
        assert b"".join([asked.sound, *(event.sound for event in came)]) == b"\x01\x00" * (6 * 24000 + 3)
        assert all(len(event.sound) % 2 == 0 for event in came)
        home.was_said(asked)
        assert (await home.returned(call)).output == "[true,6]"


async def test_a_sound_is_read_no_faster_than_it_plays(home: Home) -> None:
    async with put(home, STREAM.strip().replace("range(6)", "range(60)"), permissions=("say",)).running():
        call = home.start("talk")
        asked = await home.asked()
        home.host.report(SoundBegun(asked.request))
        await settled()
        for _ in range(200):
            await asyncio.sleep(0)
        ahead_s = 1 + sum(len(event.sound) for event in home.untaken(SoundCame)) / 48000
        assert AHEAD_S <= ahead_s <= AHEAD_S + 2
        home.clock.advance(seconds=5)
        for _ in range(200):
            await asyncio.sleep(0)
        more_s = 1 + sum(len(event.sound) for event in home.untaken(SoundCame)) / 48000
        assert ahead_s + 4 <= more_s <= ahead_s + 7
        home.was_not_said(asked)
        whole, read = json.loads((await home.returned(call)).output)
        assert not whole
        assert read < 25
        assert not any(event.last for event in home.untaken(SoundCame))  # nobody waits for it


async def test_the_time_in_which_a_sound_plays_is_not_the_tools(home: Home) -> None:
    async with put(home, STREAM.strip(), permissions=("say",)).running():
        call = home.start("talk")
        asked = await home.asked()
        home.host.report(SoundBegun(asked.request))
        await home.next(SoundCame)
        home.clock.advance(seconds=TIMEOUT_S + 1)
        await settled()
        home.was_said(asked)
        assert (await home.returned(call)).output == "[true,6]"


async def test_a_stream_that_breaks_is_played_as_far_as_it_came(home: Home) -> None:
    dead = "heard.append(number)\n            if number == 2: raise ToolError('The line is dead.')"
    body = STREAM.strip().replace("heard.append(number)", dead)
    async with put(home, body, permissions=("say",)).running():
        call = home.start("talk")
        asked = await home.asked()
        home.host.report(SoundBegun(asked.request))
        assert (await home.returned(call)).output == "The line is dead."
        came = home.untaken(SoundCame)
        assert sum(len(event.sound) for event in came) == 48002
        assert [event.last for event in came] == [False, False, True]


@pytest.mark.parametrize(
    ("pieces", "output"),
    [("yield b''", "true"), ("yield 'la'", "The sound can't be played: a piece of it is str, not bytes.")],
)
async def test_a_stream_with_nothing_to_hear(home: Home, pieces: str, output: str) -> None:
    body = f"async def pieces():\n        {pieces}\n    return await context.play(pieces())"
    async with put(home, body, permissions=("say",)).running():
        assert (await home.call("talk")).output == output
        assert home.untaken(AnnouncementAsked) == []


async def test_of_a_sound_that_may_not_begin_nothing_is_kept(home: Home) -> None:
    """The plugin is being unloaded, or too much waits already."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"\x01\x00" * 24_000

    speech, posted = Speech(), list[Event]()
    voice = Voice("talker", speech, home.clock, posted.append, Lifetime(over=True))
    assert not await voice.play_as_it_comes(pieces())
    for number in range(WAITING_LIMIT):
        speech.expect(f"other-{number}")
    with pytest.raises(ToolError, match="Too much is waiting to be said"):
        await replace(voice, lifetime=Lifetime()).play_as_it_comes(pieces())
    assert posted == []
    assert speech._begun == {}


async def test_nothing_is_said_of_nothing(home: Home) -> None:
    async with put(home, "return await context.say('  ')").running():
        assert await home.answer("talk") == "true"
        assert home.untaken(AnnouncementAsked) == []


async def test_a_tool_asks_and_gets_the_words_of_the_answer(home: Home) -> None:
    body = "return await context.ask('Which one?', choices=['red', 'green'], within_s=5)"
    async with put(home, body).running():
        call = home.start("talk")
        question = await home.user_answers("The red one.")
        assert question == AnnouncementAsked(
            "talker-1", "Which one?", call=call, answer=AnswerWanted(("red", "green"), 5.0)
        )
        assert (await home.returned(call)).output == "The red one."


async def test_a_tool_listens_with_no_question(home: Home) -> None:
    async with put(home, "return await context.listen()", permissions=("listen",)).running():
        call = home.start("talk")
        question = await home.user_answers("La la la.")
        assert (question.text, question.answer) == ("", AnswerWanted())
        assert (await home.returned(call)).output == "La la la."


@pytest.mark.parametrize(
    ("ended", "complaint"),
    [
        (RequestEnded("", error="nobody answered"), "No answer: nobody answered."),
        (RequestEnded("", " "), "No answer: nothing was understood."),
    ],
)
async def test_where_there_is_no_answer_the_model_is_told_why(home: Home, ended: RequestEnded, complaint: str) -> None:
    async with put(home, "return await context.ask('Which one?')").running():
        call = home.start("talk")
        question = await home.asked()
        home.host.report(RequestEnded(question.request, ended.text, ended.error))
        returned = await home.returned(call)
        assert (returned.ok, returned.output) == (False, complaint)


@pytest.mark.parametrize(
    ("answers", "agreed"),
    [(["Sure."], "true"), (["Nein."], "false"), (["Well.", "Yes."], "true"), (["Hm?", "Hm?"], "false"), ([], "false")],
)
async def test_only_a_yes_is_one(home: Home, answers: list[str], agreed: str) -> None:
    async with put(home, "return await context.confirm('Really?')").running():
        call = home.start("talk")
        for words in answers:
            await home.user_answers(words)
        if not answers:
            home.was_not_said(await home.asked(), "nobody answered")
        assert (await home.returned(call)).output == agreed


@pytest.mark.parametrize(
    "call",
    ["ask('?', choices='red')", "ask('?', choices=[' '])", "ask('?', choices=['x'] * 101)", "ask('?', within_s=0)",
     "ask('?', within_s=float('nan'))", "listen(within_s=1000)", "say(5)"],
)  # fmt: skip
async def test_what_can_not_be_asked_is_a_mistake_of_its_author(home: Home, call: str) -> None:
    async with put(home, f"await context.{call}").running():
        assert "Error). It may" in await home.complaint("talk")
        assert home.untaken(AnnouncementAsked) == []


async def test_the_time_that_people_take_does_not_count(home: Home) -> None:
    body = "await context.say('A.')\n    await asyncio.Event().wait()"
    async with put(home, body).running():
        call = home.start("talk")
        asked = await home.asked()
        home.clock.advance(seconds=100)
        await settled()
        assert home.untaken(ToolReturned) == []
        home.was_said(asked)
        await settled()
        home.clock.advance(seconds=TIMEOUT_S - 1)
        await settled()
        assert home.untaken(ToolReturned) == []
        home.clock.advance(seconds=1)
        assert not (await home.returned(call)).ok


async def test_two_questions_at_once_stop_the_clock_until_both_are_answered(home: Home) -> None:
    body = "return await asyncio.gather(context.ask('A?'), context.ask('B?'))"
    async with put(home, body).running():
        call = home.start("talk")
        first, second = await home.asked(), await home.asked()
        home.host.report(RequestEnded(first.request, "one"))
        await settled()
        home.clock.advance(seconds=100)
        home.host.report(RequestEnded(second.request, "two"))
        assert (await home.returned(call)).output == '["one","two"]'


async def test_what_nothing_ends_is_withdrawn(home: Home) -> None:
    async with put(home, "return await context.say('A.')").running():
        call = home.start("talk")
        asked = await home.asked()
        home.clock.advance(seconds=PATIENCE_S)
        assert (await home.returned(call)).output == "false"
        assert home.untaken(AnnouncementWithdrawn) == [AnnouncementWithdrawn(asked.request)]


async def test_a_question_of_a_call_that_ends_is_withdrawn(home: Home) -> None:
    body = "async with asyncio.timeout(0.001):\n        await context.ask('A?')"
    async with put(home, body).running():
        call = home.start("talk")
        asked = await home.asked()
        assert not (await home.returned(call)).ok
        assert home.untaken(AnnouncementWithdrawn) == [AnnouncementWithdrawn(asked.request)]


async def test_the_end_of_what_nobody_waits_for_harms_nothing(home: Home) -> None:
    async with put(home, "return await context.say('A.')").running():
        home.host.report(RequestEnded("talker-1", "early"))
        call = home.start("talk")
        asked = await home.asked()
        home.was_said(asked)
        home.was_said(asked)
        assert (await home.returned(call)).ok
        home.was_said(asked)


async def test_a_text_without_end_is_cut(home: Home) -> None:
    async with put(home, "context.announce('a' * 1_000_000)").running():
        await home.answer("talk")
        assert await home.announcement() == "a" * SAID_LIMIT


async def test_too_much_that_waits_is_refused(home: Home) -> None:
    body = """found = await asyncio.gather(*(context.say('A.') for _ in range(100)), return_exceptions=True)
    return sum(isinstance(each, ToolError) for each in found)"""
    async with put(home, body).running():
        call = home.start("talk")
        for _ in range(WAITING_LIMIT):
            home.was_said(await home.asked())
        assert (await home.returned(call)).output == str(100 - WAITING_LIMIT)


async def test_a_plugin_speaks_by_itself_in_a_silence(home: Home) -> None:
    home.plugin(
        "bell",
        """
from datetime import timedelta
from voiced.api import Plugin, tool

class Bell(Plugin):
    permissions = ["say", "listen"]

    async def setup(self, context):
        self.context = context
        context.call_after(timedelta(seconds=1), self.ring)

    async def ring(self):
        self.answer = await self.context.ask("Is it time?")
        await self.context.say(f"You said {self.answer}")
""",
    )
    async with home.running():
        home.clock.advance(seconds=1)
        question = await home.user_answers("Yes.")
        assert question.call is None
        assert (await home.asked()).text == "You said Yes."


async def test_when_a_plugin_ends_it_asks_nobody_any_more(home: Home) -> None:
    home.plugin(
        "bell",
        """
from voiced.api import Plugin

class Bell(Plugin):
    permissions = ["say", "listen"]

    async def setup(self, context):
        self.context = context

    async def teardown(self):
        if not await self.context.say("Bye.") and not await self.context.confirm("Really?"):
            raise RuntimeError("nobody heard")
""",
    )
    async with home.running():
        home.host.reload()
        await home.tools()
    assert home.untaken(AnnouncementAsked) == []


def sound(rate: int = 24_000, seconds: float = 0.1) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(1)
        writing.setsampwidth(2)
        writing.setframerate(rate)
        writing.writeframes(struct.pack("<h", 1000) * int(rate * seconds))
    return file.getvalue()


async def test_a_sound_is_played(home: Home) -> None:
    (home.folder / "gong.wav").write_bytes(sound())
    async with put(home, "return await context.play((Path(__file__).parent / 'gong.wav').read_bytes())").running():
        call = home.start("talk")
        asked = await home.asked()
        assert asked == AnnouncementAsked("talker-1", "", call=call, sound=struct.pack("<h", 1000) * 2400)
        home.was_said(asked)
        assert (await home.returned(call)).output == "true"


async def test_what_is_no_sound_is_not_played(home: Home) -> None:
    async with put(home, "return await context.play(b'gong')").running():
        assert await home.complaint("talk") == "The sound can't be played: it is no WAV file."


async def test_an_earcon_sounds(home: Home) -> None:
    async with put(home, "context.earcon('done')").running():
        await home.answer("talk")
        assert home.untaken(EarconAsked) == [EarconAsked("done")]


@pytest.mark.parametrize(
    ("had", "call", "needed"),
    [
        (("listen",), "context.announce('A.')", "say"),
        (("listen",), "await context.say('A.')", "say"),
        (("listen",), "await context.ask('A?')", "say"),
        (("say",), "await context.ask('A?')", "listen"),
        (("say",), "await context.confirm('A?')", "listen"),
        (("say",), "await context.listen()", "listen"),
        ((), "await context.play(b'')", "say"),
        ((), "context.earcon('done')", "say"),
        (("say",), "context.subscribe(Transcript, print)", "listen"),
        (("say", "listen"), "context.ai", "api"),
    ],
)
async def test_what_was_not_permitted_is_not_done(home: Home, had: tuple[str, ...], call: str, needed: str) -> None:
    async with put(home, call, permissions=had).running():
        complaint = await home.complaint("talk")
        assert f'needs the permission "{needed}": add permissions=["{needed}"] to @tool or to the Plugin' in complaint
        assert home.untaken(object) == []


# What happens.

LISTENER = """
import asyncio
from voiced.api import Plugin, StateChanged, Transcript, ToolError, Wake, tool

heard = []
go_on = asyncio.Event()

class Listener(Plugin):
    permissions = ["listen"]

    async def setup(self, context):
        self.context = context
        self.subscription = context.subscribe({kind}, self.hear)

    async def hear(self, event):
        heard.append(event)
        {then}

    @tool
    def told(self):
        'What was heard.'
        return [str(event) for event in heard]

    @tool
    async def cancel(self):
        'Cancel.'
        self.subscription.cancel()
        self.subscription.cancel()

    @tool
    async def let_go(self):
        'Go on.'
        go_on.set()

    @tool
    async def subscribe_often(self):
        'Subscribe.'
        for _ in range(1000):
            self.context.subscribe(Wake, self.hear)
"""


def listening(home: Home, kind: str, then: str = "pass") -> Home:
    home.plugin("listener", LISTENER.format(kind=kind, then=then))
    return home


async def test_a_plugin_hears_when_somebody_begins_to_speak(home: Home) -> None:
    async with listening(home, "Wake").running():
        for floor in ("listening", "thinking", "speaking", "overlap", "listening", "idle", "thinking", "idle"):
            home.host.report(FloorChanged(floor))
        assert await home.answer("told") == '["Wake()"]'
        home.host.report(FloorChanged("listening"))
        assert await home.answer("told") == '["Wake()","Wake()"]'


async def test_a_plugin_hears_who_has_the_floor_in_order(home: Home) -> None:
    async with listening(home, "StateChanged", "await asyncio.sleep(0)").running():
        for floor in ("listening", "thinking", "speaking"):
            home.host.report(FloorChanged(floor))
        await settled()
        assert await home.answer("told") == (
            """["StateChanged(state='listening')","StateChanged(state='thinking')","StateChanged(state='speaking')"]"""
        )


async def test_a_plugin_hears_what_was_said_by_whom(home: Home) -> None:
    async with listening(home, "Transcript").running():
        home.host.report(UserHeard(1, "What time is it?"))
        home.host.report(UserTyped("And the day?"))
        home.host.report(ReplyHeard(1, "It is noon.", Ms(900), Ms(900), cut=False))
        home.host.report(ReplyHeard(2, "", Ms(0), Ms(900), cut=True))
        await settled()
        heard = [
            Transcript("user", "What time is it?"), Transcript("user", "And the day?"),
            Transcript("assistant", "It is noon."),
        ]  # fmt: skip
        assert sys.modules["voiced_plugin_listener"].heard == heard


async def test_of_a_slow_listener_the_oldest_events_are_dropped(home: Home) -> None:
    async with listening(home, "StateChanged", "await go_on.wait()").running():
        home.host.report(FloorChanged("thinking"))
        await settled()
        for floor in ("listening", *["speaking"] * EVENTS_LIMIT):
            home.host.report(FloorChanged(floor))  # type: ignore[arg-type]
        await home.answer("let_go")
        await settled()
        await settled()
        assert (await home.answer("told")).count("speaking") == EVENTS_LIMIT
        assert "listening" not in await home.answer("told")


async def test_a_listener_that_crashes_hears_what_comes_next(home: Home) -> None:
    async with listening(home, "Transcript", "1 / 0").running():
        home.host.report(UserHeard(1, "A"))
        home.host.report(UserHeard(1, "B"))
        await settled()
        assert (await home.answer("told")).count("Transcript") == 2


async def test_a_cancelled_subscription_hears_nothing_any_more(home: Home) -> None:
    async with listening(home, "Transcript").running():
        await home.answer("cancel")
        home.host.report(UserHeard(1, "A"))
        await settled()
        assert await home.answer("told") == "[]"


async def test_a_plugin_that_is_unloaded_hears_nothing_any_more(home: Home) -> None:
    async with listening(home, "Transcript").running():
        home.host.reload()
        await home.tools()
        home.host.report(UserHeard(1, "A"))
        await settled()
        assert (await home.answer("told")).count("Transcript") == 1


async def test_subscriptions_have_a_limit(home: Home) -> None:
    async with listening(home, "Transcript").running():
        assert "has 100 subscriptions already; cancel some" in await home.complaint("subscribe_often")


async def test_what_can_not_be_subscribed_to_is_named(home: Home) -> None:
    async with put(home, "context.subscribe(int, print)").running():
        assert "(ValueError)" in await home.complaint("talk")
