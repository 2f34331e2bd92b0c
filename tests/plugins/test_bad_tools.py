"""A tool that misbehaves is answered for, and harms nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Event

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.plugins.fakes import Home
from voiced.conversation.events import ToolReturned
from voiced.plugins.settings import PluginSettings
from voiced.plugins.steps import TRACEBACK

TIMEOUT_S = PluginSettings().timeout_s

IN_PART = "It may have been done in part: do not simply call it again, but find out or ask the user first."

PRELUDE = "import asyncio, threading\nfrom voiced.api import *\nrelease = threading.Event()\n"

SAYS = '@tool(permissions=["say"])\n'

Put = Callable[[str], Home]

GOOD = '''
from voiced.api import tool

@tool
async def good():
    """Works."""
    return "fine"
'''


def release(plugin: str) -> None:
    """Let the hung threads of a plugin go on."""
    event: Event = sys.modules[f"voiced_plugin_{plugin}"].release
    event.set()


@pytest.fixture
async def bad(home: Home) -> Put:
    """Puts a bad tool beside a good one."""
    home.plugin("good", GOOD)

    def put(body: str) -> Home:
        home.plugin("bad", PRELUDE + body)
        return home

    return put


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("crash", ["raise RuntimeError('the secret is 42')", "1 / 0", "raise SystemExit(1)", "exit()"])
async def test_a_tool_that_crashes_is_answered_for_and_its_traceback_is_logged(bad: Put, kind: str, crash: str) -> None:
    home = bad(f'@tool\n{kind} bad():\n    """Crashes."""\n    {crash}')
    async with home.running():
        with capture_logs() as log:
            complaint = await home.complaint("bad")
        assert complaint.startswith("bad failed (")
        assert "secret" not in complaint
        assert "Traceback" not in complaint
        error, debug = log
        assert (error["event"], error["tool"], error["log_level"]) == ("tool crashed", "bad", "error")
        assert "secret" not in str(error)
        assert (debug["event"], debug["log_level"]) == (TRACEBACK, "debug")
        assert debug["exc_info"].__traceback__
        assert await home.answer("good") == "fine"


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_a_tool_error_goes_to_the_model_as_it_is(bad: Put, kind: str) -> None:
    home = bad(f'@tool\n{kind} bad():\n    """Refuses."""\n    raise ToolError("There is no lamp of that name.")')
    async with home.running():
        with capture_logs() as log:
            assert await home.complaint("bad") == "There is no lamp of that name."
        assert log == []


async def test_a_tool_that_is_cancelled_from_inside_is_answered_for(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Cancels."""\n    raise asyncio.CancelledError')
    async with home.running():
        assert (await home.complaint("bad")).startswith("bad failed (CancelledError)")


async def test_an_async_tool_that_hangs_is_given_up_while_another_one_works(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Hangs."""\n    await asyncio.Event().wait()')
    async with home.running():
        call = home.start("bad")
        assert await home.answer("good") == "fine"
        home.clock.advance(seconds=TIMEOUT_S)
        assert await home.returned(call) == ToolReturned(
            call,
            f"bad took longer than 15 s and was given up. {IN_PART}",
            ok=False,
            spoken="That took too long, so I gave up. It may have been done in part.",
        )


async def test_a_tool_may_have_a_timeout_of_its_own(bad: Put) -> None:
    home = bad('@tool(timeout_s=60)\nasync def bad():\n    """Hangs."""\n    await asyncio.Event().wait()')
    async with home.running():
        call = home.start("bad")
        await home.clock.timer_is_set(60)
        home.clock.advance(seconds=59)
        assert await home.answer("good") == "fine"
        assert home.untaken(ToolReturned) == []
        home.clock.advance(seconds=1)
        assert (await home.returned(call)).output == f"bad took longer than 60 s and was given up. {IN_PART}"


async def test_an_async_tool_that_swallows_its_cancellation_is_given_up_all_the_same(bad: Put) -> None:
    home = bad(
        f"{SAYS}async def bad(context: ToolContext):\n"
        '    """Hangs on."""\n'
        "    while True:\n"
        "        try:\n"
        "            await asyncio.Event().wait()\n"
        "        except asyncio.CancelledError:\n"
        '            context.announce("not yet")'
    )
    async with home.running():
        call = home.start("bad")
        await home.clock.timer_is_set(TIMEOUT_S)
        home.clock.advance(seconds=TIMEOUT_S)
        assert await home.announcement() == "not yet"
        home.clock.advance(seconds=1)
        assert not (await home.returned(call)).ok
        assert await home.answer("good") == "fine"


async def test_a_tool_may_use_timeouts_of_its_own_inside(bad: Put) -> None:
    home = bad(
        "@tool\nasync def bad():\n"
        '    """Waits for nothing."""\n'
        "    try:\n"
        "        async with asyncio.timeout(0):\n"
        "            await asyncio.Event().wait()\n"
        "    except TimeoutError:\n"
        '        return "nothing came"'
    )
    async with home.running():
        assert await home.answer("bad") == "nothing came"


async def test_a_plain_tool_that_never_returns_is_given_up_while_another_one_works(bad: Put) -> None:
    home = bad('@tool\ndef bad():\n    """Blocks."""\n    release.wait()')
    async with home.running():
        call = home.start("bad")
        await home.clock.timer_is_set(TIMEOUT_S)
        assert await home.answer("good") == "fine"
        home.clock.advance(seconds=TIMEOUT_S)
        assert (await home.returned(call)).output == f"bad took longer than 15 s and was given up. {IN_PART}"
        release("bad")


async def test_a_plain_tool_that_hangs_three_times_is_disabled_and_named(bad: Put) -> None:
    home = bad('@tool\ndef bad():\n    """Blocks."""\n    release.wait()')
    async with home.running() as tools:
        assert tools == ("bad", "good")
        calls = [home.start("bad") for _ in range(3)]
        await home.clock.timer_is_set(TIMEOUT_S)
        assert await home.answer("good") == "fine"  # all three are waiting by now
        home.clock.advance(seconds=TIMEOUT_S)
        assert [(await home.returned(call)).ok for call in calls] == [False, False, False]
        assert await home.tools() == ("good",)
        assert "bad is disabled until the next reload: its calls hang" in home.status("bad").problems[0]
        assert home.status("bad").tools == ()
        assert await home.complaint("bad") == "There is no tool 'bad'. Did you mean: good?"
        release("bad")


async def test_a_slow_tool_that_ends_after_all_is_not_counted_as_hung(bad: Put) -> None:
    home = bad(
        f'{SAYS}def bad(context: ToolContext):\n    """Slow."""\n    release.wait()\n    context.announce("ended")'
    )
    async with home.running():
        for _ in range(5):
            call = home.start("bad")
            await home.clock.timer_is_set(TIMEOUT_S)
            home.clock.advance(seconds=TIMEOUT_S)
            assert not (await home.returned(call)).ok
            release("bad")
            assert await home.announcement() == "ended"
            sys.modules["voiced_plugin_bad"].release.clear()
            assert await home.answer("good") == "fine"
        assert home.status("bad").tools == ("bad",)


async def test_when_all_threads_hang_one_more_plain_tool_is_refused_at_once(bad: Put) -> None:
    functions = "\n".join(f'@tool\ndef bad_{n}():\n    """Blocks."""\n    release.wait()' for n in range(8))
    home = bad(f'{functions}\n@tool\ndef plain():\n    """Works."""\n    return "fine"')
    async with home.running():
        calls = [home.start(f"bad_{n}") for n in range(8)]
        await home.clock.timer_is_set(TIMEOUT_S)
        assert await home.answer("good") == "fine"
        home.clock.advance(seconds=TIMEOUT_S)
        assert [(await home.returned(call)).ok for call in calls] == [False] * 8
        assert await home.complaint("plain") == "Not done: 8 tools are running already. Try again in a moment."
        assert await home.answer("good") == "fine"
        release("bad")


async def test_an_async_tool_that_blocks_the_loop_is_named_with_its_duration(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Blocks the loop, as time.sleep() would."""\n    block(seconds=0.3)')
    async with home.running():
        setattr(sys.modules["voiced_plugin_bad"], "block", home.clock.advance)  # noqa: B010
        with capture_logs() as log:
            assert await home.answer("bad") == "done"
        assert log == [
            {
                "event": "plugin code blocked the event loop",
                "log_level": "error",
                "code": "tool bad",
                "ms": 300,
            }
        ]


async def test_an_async_tool_that_blocks_for_ever_is_named_while_it_blocks(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Blocks."""\n    assert release.wait(20)')
    async with home.running():
        lines: list[EventDict] = []

        def name_and_release(_logger: object, _method: str, line: EventDict) -> EventDict:
            lines.append(line)
            release("bad")
            raise structlog.DropEvent

        structlog.configure(processors=[name_and_release])
        try:
            assert await home.answer("bad") == "done"
        finally:
            structlog.reset_defaults()
        [line] = lines
        assert line["event"] == "plugin code blocks the event loop"
        assert line["code"] == "tool bad"
        assert f"{home.folder}/bad.py:7 bad" in line["at"]


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_five_megabytes_are_cut(bad: Put, kind: str) -> None:
    home = bad(f'@tool\n{kind} bad():\n    """Says a lot."""\n    return "ü" * 2_500_000')
    async with home.running():
        answer = await home.answer("bad")
        assert len(answer.encode()) < 17_000
        assert answer.endswith("[Cut here: the answer has 5000000 bytes, these are the first 16384. Ask for less.]")


async def test_a_complaint_of_five_megabytes_is_cut_too(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Complains a lot."""\n    raise ToolError("x" * 5_000_000)')
    async with home.running():
        assert len(await home.complaint("bad")) < 17_000


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("value", ["object()", "lambda: 0", "(n for n in range(3))", "loop()", "{1: object()}"])
async def test_what_has_no_json_form_is_an_error_text(bad: Put, kind: str, value: str) -> None:
    home = bad(
        "def loop():\n    endless = []\n    endless.append(endless)\n    return endless\n"
        f'@tool\n{kind} bad():\n    """Returns a thing."""\n    return {value}'
    )
    async with home.running():
        with capture_logs() as log:
            assert "can't be turned into text" in await home.complaint("bad")
        assert [(line["event"], line["tool"]) for line in log] == [("tool returned no JSON", "bad")]
        assert await home.answer("good") == "fine"


async def test_a_call_id_is_run_once(bad: Put) -> None:
    home = bad(f'{SAYS}async def bad(context: ToolContext):\n    """Counts."""\n    context.announce("ran")')
    async with home.running():
        home.start("bad", "once")
        call = home.start("bad", "once")
        await home.returned(call)
        home.start("bad", "once")
        assert await home.announcement() == "ran"
        assert await home.answer("good") == "fine"
        assert home.untaken(object) == []


async def test_an_unknown_tool_is_answered_with_the_nearest(bad: Put) -> None:
    home = bad("@tool\nasync def set_timer():\n    'Sets.'")
    async with home.running():
        assert await home.complaint("set_tmier") == "There is no tool 'set_tmier'. Did you mean: set_timer?"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ('{"lamp": "hall", "percent": 1', "not valid JSON"),
        ("[1]", "must be one JSON object"),
        ('"hall"', "must be one JSON object"),
        ("{}", "lamp: is missing; percent: is missing"),
        ("", "lamp: is missing; percent: is missing"),
        ('{"lamp": "hall"}', "percent: is missing"),
        ('{"lamp": "hall", "percent": 5, "colour": "red"}', "colour: there is no such argument"),
        ('{"lamp": "hall", "percent": "half"}', "percent: Input should be a valid integer"),
        ('{"lamp": null, "percent": 5}', "lamp: Input should be a valid string"),
        ('{"lamp": "hall", "percent": NaN}', "not valid JSON"),
        ('{"lamp": "\\ud800", "percent": 5}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
async def test_bad_arguments_are_answered_so_that_the_model_can_mend_them(
    bad: Put, arguments: str, complaint: str
) -> None:
    home = bad('@tool\nasync def bad(lamp: str, percent: int):\n    """Dim."""\n    return f"{lamp} {percent}"')
    async with home.running():
        with capture_logs() as log:
            returned = await home.returned(home.start_raw("bad", arguments))
        assert not returned.ok
        assert complaint in returned.output
        assert " again" in returned.output
        assert len(returned.output) < 500
        assert log == []
        assert await home.answer("bad", lamp="hall", percent=5) == "hall 5"


async def test_a_call_in_flight_is_answered_when_voiced_stops(bad: Put) -> None:
    home = bad('@tool\nasync def bad():\n    """Hangs."""\n    await asyncio.Event().wait()')
    async with home.running():
        call = home.start("bad")
        await home.clock.timer_is_set(TIMEOUT_S)
    assert await home.returned(call) == ToolReturned(call, "Not done: voiced is stopping.", ok=False)
    assert await home.complaint("good") == "Not done: voiced is stopping."
