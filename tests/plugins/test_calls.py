"""What happens to a call beside the function: a yes, a filler, progress, a second try, the background, an end."""

from __future__ import annotations

import asyncio
import sys
from threading import Event

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.conversation.commands import CancelTool, RequestEnded
from voiced.conversation.events import AnnouncementAsked, AnnouncementWithdrawn, AnswerWanted, CallId, ToolReturned
from voiced.plugins.calls import BACKGROUND_LIMIT
from voiced.plugins.fillers import BREATH_S, CHARACTERS_PER_S
from voiced.plugins.settings import PluginSettings
from voiced.plugins.speech import PATIENCE_S
from voiced.plugins.steps import GRACE_S

TIMEOUT_S = PluginSettings().timeout_s
KINDS = pytest.mark.parametrize("kind", ["async def", "def"])

PRELUDE = """
import asyncio, threading, time
from collections.abc import AsyncIterator, Iterator
from voiced.api import *

release = threading.Event()
ran = []
"""


def put(home: Home, body: str) -> Home:
    home.plugin("house", PRELUDE + body)
    return home


def ran() -> list[object]:
    """What the plugin's tools wrote down."""
    found: list[object] = sys.modules["voiced_plugin_house"].ran
    return found


async def settled(steps: int = 20) -> None:
    """Let everything happen that can happen now."""
    for _ in range(steps):
        await asyncio.sleep(0)


def interrupted(call: CallId) -> ToolReturned:
    return ToolReturned(call, "Not finished: the user interrupted.", ok=False)


def release() -> None:
    event: Event = sys.modules["voiced_plugin_house"].release
    event.set()


# A yes before it runs.

UNLOCK = """
@tool(confirm="Shall I unlock the {{door}}?")
{kind} unlock(door: str = "gate") -> str:
    "Unlock a door."
    ran.append(door)
    return "It is open."
"""


@KINDS
async def test_a_tool_that_needs_a_yes_runs_after_it(home: Home, kind: str) -> None:
    async with put(home, UNLOCK.format(kind=kind)).running():
        call = home.start("unlock")
        await settled()
        assert ran() == []
        question = await home.user_answers("Yes, please.")
        assert question == AnnouncementAsked("house-1", "Shall I unlock the gate?", call=call, answer=AnswerWanted())
        assert (await home.returned(call)).output == "It is open."
        assert ran() == ["gate"]


@KINDS
async def test_after_a_no_it_does_not_run_and_the_model_is_told(home: Home, kind: str) -> None:
    async with put(home, UNLOCK.format(kind=kind)).running():
        call = home.start("unlock", door="shed")
        await home.user_answers("No, leave it.")
        declined = ToolReturned(call, "Not done: the user said no.", ok=False, spoken="All right, I leave it.")
        assert await home.returned(call) == declined
        assert ran() == []


async def test_what_is_neither_yes_nor_no_is_asked_about_once_more(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="def")).running():
        call = home.start("unlock")
        await home.user_answers("What time is it?")
        again = await home.user_answers("Go ahead.")
        assert again.text == "Please say yes or no. Shall I unlock the gate?"
        assert (await home.returned(call)).ok
        call = home.start("unlock")
        await home.user_answers("Hmm.")
        await home.user_answers("The weather is nice.")
        assert (await home.returned(call)).output == (
            "Not done: the user must say yes first. The answer was neither yes nor no."
        )
        assert ran() == ["gate"]


async def test_where_nobody_answers_it_does_not_run(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="async def")).running():
        call = home.start("unlock")
        home.was_not_said(await home.asked(), "nobody answered")
        returned = await home.returned(call)
        assert returned.output == "Not done: the user must say yes first. No answer: nobody answered."
        assert (returned.ok, returned.spoken) == (False, "I got no yes, so I leave it.")
        assert ran() == []


async def test_nobody_is_asked_about_arguments_that_are_wrong(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="async def")).running():
        assert "door: Input should be a valid string" in await home.complaint("unlock", door=5)
        assert home.untaken(AnnouncementAsked) == []


async def test_a_question_that_can_not_be_worded_is_no_yes(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="async def").replace("{door}", "{door.name}")).running():
        with capture_logs() as log:
            assert await home.complaint("unlock") == (
                "Not done: unlock could not ask for a yes, by a mistake of its author."
            )
        assert [(line["event"], line["template"]) for line in log if line["log_level"] == "error"] == [
            ("a template crashed", "confirm")
        ]
        assert ran() == []


async def test_the_time_that_people_take_is_not_the_time_of_the_tool(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="async def")).running():
        call = home.start("unlock")
        question = await home.asked()
        home.clock.advance(seconds=10 * TIMEOUT_S)
        await settled()
        assert home.untaken(ToolReturned) == []
        home.host.report(RequestEnded(question.request, "yes"))
        assert (await home.returned(call)).ok


async def test_a_question_that_nothing_ends_is_withdrawn_in_the_end(home: Home) -> None:
    async with put(home, UNLOCK.format(kind="async def")).running():
        call = home.start("unlock")
        question = await home.asked()
        home.clock.advance(seconds=PATIENCE_S)
        assert "No answer: it took too long." in (await home.returned(call)).output
        assert await home.next(AnnouncementWithdrawn) == AnnouncementWithdrawn(question.request)


@KINDS
async def test_a_call_that_is_cancelled_while_it_asks_takes_the_question_back(home: Home, kind: str) -> None:
    async with put(home, UNLOCK.format(kind=kind)).running():
        call = home.start("unlock")
        question = await home.asked()
        home.host.do(CancelTool(call))
        assert await home.returned(call) == interrupted(call)
        assert await home.next(AnnouncementWithdrawn) == AnnouncementWithdrawn(question.request)
        assert ran() == []


# While it takes its time.

SLOW = """
@tool(filler="Looking for the {{thing}} …"{more})
{kind} find(thing: str) -> str:
    "Find a thing."
    {wait}
    return "In the hall."
"""
WAITS = [("async def", "await asyncio.to_thread(release.wait)"), ("def", "release.wait()")]


@pytest.mark.parametrize(("kind", "wait"), WAITS)
async def test_the_filler_is_said_after_a_while(home: Home, kind: str, wait: str) -> None:
    async with put(home, SLOW.format(kind=kind, wait=wait, more="")).running():
        call = home.start("find", thing="keys")
        await home.clock.timer_is_set(2.0)
        home.clock.advance(seconds=1.9)
        await settled()
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(seconds=0.1)
        asked = await home.asked()
        assert asked == AnnouncementAsked("house-1", "Looking for the keys …", call=call, filler=True)
        home.clock.advance(seconds=10)
        release()
        assert (await home.returned(call)).output == "In the hall."
        assert home.untaken(AnnouncementAsked) == []


async def test_a_tool_says_how_long_its_filler_waits(home: Home) -> None:
    async with put(home, SLOW.format(kind="def", wait="release.wait()", more=", filler_after_s=0.5")).running():
        call = home.start("find", thing="keys")
        await home.clock.timer_is_set(0.5)
        home.clock.advance(seconds=0.5)
        assert (await home.asked()).filler
        release()
        await home.returned(call)


async def test_a_tool_that_is_fast_needs_no_filler(home: Home) -> None:
    async with put(home, SLOW.format(kind="def", wait="pass", more="")).running():
        await home.answer("find", thing="keys")
        home.clock.advance(seconds=60)
        await settled()
        assert home.untaken(AnnouncementAsked) == []


PRINT = """
@tool(filler="Printing …")
async def print_pages(pages: int) -> AsyncIterator[Progress | str]:
    "Print."
    try:
        for page in range(1, pages + 1):
            yield Progress(f"Page {page} is printed.")
            await asyncio.to_thread(release.wait)
            release.clear()
        yield "All pages are printed."
    finally:
        ran.append("cleaned up")

@tool
def print_plainly(pages: int) -> Iterator[Progress]:
    "Print."
    for page in range(1, pages + 1):
        yield Progress(f"Page {page} is printed.")
        release.wait()
        release.clear()
    return "All pages are printed."
"""
TOOLS = pytest.mark.parametrize("tool", ["print_pages", "print_plainly"])


@TOOLS
async def test_progress_is_said_while_the_user_waits_and_the_result_is_what_comes_last(home: Home, tool: str) -> None:
    async with put(home, PRINT).running():
        call = home.start(tool, pages=2)
        first = await home.asked()
        assert first == AnnouncementAsked("house-1", "Page 1 is printed.", call=call, filler=True)
        home.was_said(first)
        home.clock.advance(seconds=5)
        release()
        assert (await home.asked()).text == "Page 2 is printed."
        release()
        assert (await home.returned(call)).output == "All pages are printed."
        assert home.untaken(AnnouncementWithdrawn) == []


@TOOLS
async def test_progress_that_waits_is_replaced_by_newer_progress(home: Home, tool: str) -> None:
    async with put(home, PRINT).running():
        call = home.start(tool, pages=2)
        first = await home.asked()  # something else is being said: this waits
        home.clock.advance(seconds=5)
        release()
        assert (await home.asked()).text == "Page 2 is printed."
        assert home.untaken(AnnouncementWithdrawn) == [AnnouncementWithdrawn(first.request)]
        release()
        await home.returned(call)


async def test_progress_is_never_said_more_often_than_it_can_be_heard(home: Home) -> None:
    body = PRINT.replace("await asyncio.to_thread(release.wait)", "await asyncio.sleep(0)")
    async with put(
        home, body.replace('yield "All', 'await asyncio.to_thread(release.wait)\n        yield "All')
    ).running():
        call = home.start("print_pages", pages=1000)
        assert (await home.asked()).text == "Page 1 is printed."
        await settled(1100)
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(seconds=18 / CHARACTERS_PER_S + BREATH_S)
        assert (await home.asked()).text == "Page 1000 is printed."
        release()
        assert (await home.returned(call)).output == "All pages are printed."
        home.clock.advance(seconds=60)
        await settled()
        assert home.untaken(AnnouncementAsked) == []


async def test_progress_takes_the_place_of_the_filler(home: Home) -> None:
    async with put(home, PRINT).running():
        call = home.start("print_pages", pages=1)
        assert (await home.asked()).text == "Page 1 is printed."
        home.clock.advance(seconds=10)
        await settled()
        assert home.untaken(AnnouncementAsked) == []
        release()
        await home.returned(call)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('async def bad():\n    "Twice."\n    yield 1\n    yield 2', "bad yielded two results"),
        ('def bad():\n    "Wrong."\n    yield 1\n    return 2', "bad yielded a int; yield Progress"),
    ],
)
async def test_a_generator_with_two_results_is_a_mistake_of_its_author(home: Home, body: str, complaint: str) -> None:
    async with put(home, f"@tool\n{body}").running():
        with capture_logs() as log:
            assert (await home.complaint("bad")).startswith("bad failed (TypeError).")
        assert complaint in str(log[-1]["exc_info"])


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_a_generator_may_have_no_result(home: Home, kind: str) -> None:
    async with put(home, f'@tool\n{kind} work():\n    "Work."\n    yield Progress(" ")').running():
        assert await home.answer("work") == "done"
        assert home.untaken(AnnouncementAsked) == []


async def test_a_generator_that_ignores_its_cancellation_is_closed(home: Home) -> None:
    body = """
@tool
async def stay():
    "Stay."
    try:
        yield Progress("Here I am.")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ran.append("not yet")
    finally:
        ran.append("closed")
"""
    async with put(home, body).running():
        call = home.start("stay")
        await home.asked()
        home.clock.advance(seconds=TIMEOUT_S)
        await settled()
        assert ran() == ["not yet"]
        home.clock.advance(seconds=GRACE_S)
        assert not (await home.returned(call)).ok
        assert ran() == ["not yet", "closed"]


async def test_a_generator_that_takes_too_long_cleans_up(home: Home) -> None:
    async with put(
        home, PRINT.replace("await asyncio.to_thread(release.wait)", "await asyncio.Event().wait()")
    ).running():
        call = home.start("print_pages", pages=1)
        await home.asked()
        home.clock.advance(seconds=TIMEOUT_S)
        assert not (await home.returned(call)).ok
        assert ran() == ["cleaned up"]


# Once more.

FLAKY = """
@tool(idempotent={idempotent})
{kind} read_meter():
    "Read the meter."
    ran.append(1)
    if len(ran) < {good}:
        raise {error}
    return "42"
"""


@KINDS
async def test_an_idempotent_tool_that_crashes_is_run_once_more(home: Home, kind: str) -> None:
    body = FLAKY.format(kind=kind, idempotent=True, good=2, error="KeyError(1)")
    async with put(home, body).running():
        with capture_logs() as log:
            assert await home.answer("read_meter") == "42"
        assert [line["event"] for line in log if line["log_level"] == "error"] == ["tool crashed"]
        assert ran() == [1, 1]


@KINDS
async def test_it_is_not_run_a_third_time(home: Home, kind: str) -> None:
    body = FLAKY.format(kind=kind, idempotent=True, good=9, error="KeyError(1)")
    async with put(home, body).running():
        assert await home.complaint("read_meter") == (
            "read_meter failed (KeyError). Calling it again will hardly help."
        )
        assert ran() == [1, 1]


async def test_what_a_tool_complains_about_is_not_tried_again(home: Home) -> None:
    body = FLAKY.format(kind="def", idempotent=True, good=9, error='ToolError("The meter is away.")')
    async with put(home, body).running():
        assert await home.complaint("read_meter") == "The meter is away."
        assert ran() == [1]


async def test_of_any_other_tool_that_crashes_the_model_is_told_that_it_may_have_been_done_in_part(home: Home) -> None:
    body = FLAKY.format(kind="def", idempotent=False, good=9, error="KeyError(1)")
    async with put(home, body).running():
        returned = await home.call("read_meter")
        assert returned.output == (
            "read_meter failed (KeyError). It may have been done in part: do not simply call it again, "
            "but find out or ask the user first."
        )
        assert returned.spoken == "That did not work. It may have been done in part."
        assert ran() == [1]


# In the background.

BACKUP = """
@tool(background=True, spoken="{{result}} files are saved."{more})
{kind} back_up() -> int:
    "Save all files."
    {wait}
    ran.append("saved")
    return 7
"""


@pytest.mark.parametrize(("kind", "wait"), WAITS)
async def test_a_background_tool_is_answered_at_once_and_announced_in_the_end(home: Home, kind: str, wait: str) -> None:
    async with put(home, BACKUP.format(kind=kind, wait=wait, more="")).running():
        call = home.start("back_up")
        returned = await home.returned(call)
        assert returned == ToolReturned(
            call,
            "Begun; the result is announced later.",
            spoken="I have begun, and will tell you the result.",
        )
        assert ran() == []
        release()
        assert await home.asked() == AnnouncementAsked("house-1", "7 files are saved.")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return None", "Back up is done."),
        ('return "All is saved."', "All is saved."),
        ('raise ToolError("The disk is full.")', "Back up did not work. The disk is full."),
        ("1 / 0", "Back up did not work. That did not work. It may have been done in part."),
    ],
)
async def test_how_it_ended_is_said_in_words(home: Home, body: str, said: str) -> None:
    async with put(home, f'@tool(background=True)\nasync def back_up():\n    "Save."\n    {body}').running():
        assert (await home.call("back_up")).ok
        assert await home.announcement() == said


async def test_it_has_ten_minutes(home: Home) -> None:
    async with put(home, BACKUP.format(kind="async def", wait="await asyncio.Event().wait()", more="")).running():
        await home.answer("back_up")
        await home.clock.timer_is_set(600)
        home.clock.advance(seconds=600)
        assert (await home.announcement()).startswith("Back up did not work. That took too long, so I gave up.")


async def test_background_tools_have_a_limit_of_their_own(home: Home) -> None:
    async with put(
        home,
        BACKUP.format(kind="def", wait="release.wait()", more="")
        + FLAKY.format(kind="def", idempotent=False, good=0, error="KeyError(1)"),
    ).running():
        for _ in range(BACKGROUND_LIMIT):
            await home.answer("back_up")
        assert await home.complaint("back_up") == "Not done: 8 tools are running already. Try again in a moment."
        assert await home.answer("read_meter") == "42"
        release()
        for _ in range(BACKGROUND_LIMIT):
            assert await home.announcement() == "7 files are saved."
        await settled()
        assert (await home.call("back_up")).ok


async def test_a_background_tool_asks_for_its_yes_before_it_begins(home: Home) -> None:
    body = BACKUP.format(kind="def", wait="release.wait()", more=', confirm="Save all?"')
    async with put(home, body).running():
        call = home.start("back_up")
        assert (await home.user_answers("no")).text == "Save all?"
        assert (await home.returned(call)).output == "Not done: the user said no."


async def test_a_reload_ends_it_and_says_so(home: Home) -> None:
    body = BACKUP.format(kind="async def", wait="await asyncio.Event().wait()", more="")
    async with put(home, body).running():
        await home.answer("back_up")
        home.host.reload()
        assert await home.announcement() == "Back up was not finished: the plugins were loaded anew."
        assert await home.tools() == ("back_up",)
        assert (await home.call("back_up")).ok


# Its end by a barge-in.


async def test_a_call_that_is_cancelled_cleans_up_and_is_answered(home: Home) -> None:
    body = """
@tool(on_barge_in="cancel")
async def search():
    "Search."
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ran.append("cleaned up")
"""
    async with put(home, body).running():
        call = home.start("search")
        await settled()
        home.host.do(CancelTool(call))
        home.host.do(CancelTool(call))
        assert await home.returned(call) == interrupted(call)
        assert ran() == ["cleaned up"]
        home.host.do(CancelTool(call))
        await settled()
        assert home.untaken(ToolReturned) == []


async def test_a_coroutine_that_ignores_it_is_given_up(home: Home) -> None:
    body = """
@tool(on_barge_in="cancel")
async def search():
    "Search."
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ran.append("not yet")
"""
    async with put(home, body).running():
        call = home.start("search")
        await settled()
        home.host.do(CancelTool(call))
        await settled()
        assert ran() == ["not yet"]
        home.clock.advance(seconds=GRACE_S)
        assert await home.returned(call) == interrupted(call)


async def test_a_thread_is_left_alone_and_its_call_answered_at_once(home: Home) -> None:
    body = BACKUP.format(kind="def", wait="release.wait()", more="").replace("background=True, ", "")
    look = """
@tool
def wait_for_it():
    "Wait until it is saved."
    while not ran:
        time.sleep(0.001)
    return ran[0]
"""
    async with put(home, body + look).running():
        call = home.start("back_up")
        await home.clock.timer_is_set(TIMEOUT_S)
        home.host.do(CancelTool(call))
        assert await home.returned(call) == interrupted(call)
        assert ran() == []
        release()
        assert await home.answer("wait_for_it") == "saved"


async def test_a_call_that_nobody_knows_is_not_cancelled(home: Home) -> None:
    async with put(home, PRINT).running():
        home.host.do(CancelTool(CallId("nobody")))
        await settled()
        assert home.untaken(object) == []


# What it returns.


async def test_the_answer_in_words_goes_with_the_result(home: Home) -> None:
    body = """
@tool(spoken="In {city} it is {result[degrees]} degrees.")
async def weather(city: str = "Oslo") -> dict[str, float]:
    "Tell the weather."
    return {"degrees": 5.0}

@tool(spoken="No.")
async def say_it():
    "Say it."
    return Result([1, 2], spoken="One and two.")

@tool(spoken="It is {result[nothing]}.")
async def crash():
    "Crash."
    return {"degrees": 5.0}
"""
    async with put(home, body).running():
        returned = await home.call("weather")
        assert (returned.output, returned.spoken) == ('{"degrees":5.0}', "In Oslo it is 5 degrees.")
        returned = await home.call("say_it")
        assert (returned.output, returned.spoken) == ("[1,2]", "One and two.")
        with capture_logs() as log:
            returned = await home.call("crash")
        assert (returned.output, returned.spoken, returned.ok) == ('{"degrees":5.0}', "", True)
        assert [(line["event"], line["template"]) for line in log if line["log_level"] == "error"] == [
            ("a template crashed", "spoken")
        ]


async def test_pictures_go_beside_the_text(home: Home) -> None:
    body = """
PNG = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(10)

@tool
def look():
    "Look."
    return ["At the door:", Image(PNG)]
"""
    async with put(home, body).running():
        returned = await home.call("look")
        assert returned.output == "At the door:\nA picture is attached."
        assert [(image.media_type, len(image.data)) for image in returned.images] == [("image/png", 18)]
