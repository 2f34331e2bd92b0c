"""A hostile plugin harms itself alone: whatever it does, it is named, and a good one beside it works."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.plugins.fakes import Home
from tests.plugins.test_bad_plugins import GOOD
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked, VolumeAsked
from voiced.plugins.crashes import LIMIT, WITHIN_S
from voiced.plugins.host import FIRST_BATCH_S
from voiced.plugins.settings import PluginSettings
from voiced.plugins.steps import GRACE_S
from voiced.plugins.traces import LONGEST_LINE, MOST_ANNOUNCEMENTS, MOST_LINES, MOST_TASKS, MOST_WAITING, MOST_WISHES

PRELUDE = """
import asyncio, os, sys, threading
from datetime import timedelta
from voiced.api import *

gate = asyncio.Event()
release = threading.Event()
"""


@asynccontextmanager
async def hostile(home: Home, source: str) -> AsyncIterator[Callable[[], list[EventDict]]]:
    """With a hostile plugin beside a good one, which works before and after; gives the log so far."""
    home.plugin("good", GOOD)
    home.plugin("hostile", PRELUDE + source)
    with capture_logs() as log:
        async with home.running():
            assert await home.answer("good") == "fine"
            yield lambda: [line for line in log if line["log_level"] != "info"]
            assert await home.answer("good") == "fine"
            assert home.status("good").problems == ()


async def settled() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


# It wants to end the process.


@pytest.mark.parametrize("exit_", ["sys.exit(3)", "os._exit(3)", "os.abort()", "raise KeyboardInterrupt", "exit()"])
@pytest.mark.parametrize(
    "way",
    [
        "@tool\ndef act():\n    'Act.'\n    EXIT",
        "@tool\nasync def act():\n    'Act.'\n    EXIT",
        "@tool\nasync def act():\n    'Act.'\n    await asyncio.create_task(leave())",
        "@tool\nasync def act(context: ToolContext):\n    'Act.'\n    await context.in_thread(leave_now)",
        "@tool\nasync def act():\n    'Act.'\n    class Odd:\n"
        "        def __str__(self): EXIT\n    raise Exception(Odd())",
        "@tool\nasync def act():\n    'Act.'\n    class Odd:\n"
        "        def __repr__(self): EXIT\n    return {'odd': Odd()}",
    ],
)
async def test_an_exit_ends_nothing_but_the_call(home: Home, way: str, exit_: str) -> None:
    leavers = "async def leave():\n    EXIT\n\ndef leave_now():\n    EXIT\n\n"
    async with hostile(home, (leavers + way).replace("EXIT", exit_)):
        assert await home.complaint("act")


async def test_an_exit_in_a_task_that_nobody_awaits_ends_nothing(home: Home) -> None:
    async with hostile(
        home,
        "async def leave():\n    os._exit(3)\n\n"
        "@tool\nasync def act():\n    'Act.'\n    asyncio.get_running_loop().create_task(leave())\n    return 'ok'",
    ) as log:
        assert await home.answer("act") == "ok"
        await settled()
        assert [(line["event"], line["code"]) for line in log() if line["event"] == "plugin code crashed"] == [
            ("plugin code crashed", "leave")
        ]


@pytest.mark.parametrize("crash", ["raise BaseException('odd')", "raise GeneratorExit", "raise StopAsyncIteration"])
async def test_what_nobody_raises_is_a_crash_too(home: Home, crash: str) -> None:
    async with hostile(home, f"@tool\nasync def act():\n    'Act.'\n    {crash}"):
        assert "act failed" in await home.complaint("act")


async def test_the_event_loop_is_not_a_plugins_to_stop(home: Home) -> None:
    async with hostile(home, "@tool\nasync def act():\n    'Act.'\n    asyncio.get_running_loop().stop()"):
        assert "act failed (RuntimeError)" in await home.complaint("act")


# It prints.


@pytest.mark.parametrize(
    "print_",
    [
        "print('hello')",
        "print('hello', file=sys.stderr)",
        "sys.stdout.writelines(['hel', 'lo\\n'])",
        "sys.stdout.buffer.write(b'hello\\n')",
        "threading.Thread(target=print, args=['hello']).start()",
        "asyncio.get_event_loop_policy() and print('hello')",
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_what_it_prints_goes_to_the_log(
    home: Home, capfd: pytest.CaptureFixture[str], print_: str, kind: str
) -> None:
    async with hostile(home, f"@tool\n{kind} act():\n    'Act.'\n    {print_}") as log:
        await home.answer("act")
        while not any(line["event"] == "plugin printed" for line in log()):  # noqa: ASYNC110 a log tells nobody
            await asyncio.sleep(0)
        [line] = [line for line in log() if line["event"] == "plugin printed"]
        assert (line["log_level"], line["plugin"], line["text"]) == ("debug", "hostile", "hello")
    assert capfd.readouterr() == ("", "")


async def test_what_it_prints_while_it_is_imported_goes_to_the_log(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    async with hostile(home, "print('hello')\nprint('no end', end='')\n" + GOOD.replace("good", "act")) as log:
        assert [line["text"] for line in log() if line["event"] == "plugin printed"] == ["hello"]
    assert [line["text"] for line in log() if line["event"] == "plugin printed"] == ["hello", "no end"]
    assert capfd.readouterr() == ("", "")


async def test_a_flood_of_print_is_cut(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    code = "    for n in range(10_000):\n        print(n)\n    print('x' * 10**8)\n    print('y' * 10**8, end='')\n"
    async with hostile(home, f"@tool\nasync def act():\n    'Act.'\n{code}") as log:
        await home.answer("act")
        await settled()
        printed = [line["text"] for line in log() if line["event"] == "plugin printed"]
        assert printed == [str(n) for n in range(MOST_LINES)]
        assert [line["log_level"] for line in log() if "prints too much" in line["event"]] == ["warning"]
        home.clock.advance(minutes=1)
        await home.answer("act")
        await settled()
        printed = [line["text"] for line in log() if line["event"] == "plugin printed"]
        assert len(printed) == 2 * MOST_LINES
        assert max(map(len, printed)) <= LONGEST_LINE
    assert capfd.readouterr() == ("", "")


# It leaves tasks and threads.


LEAKS = """
async def linger():
    await gate.wait()

async def stay():
    while True:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            pass

tasks = []

@tool
async def leak(count: int, stubborn: bool = False):
    'Leak.'
    for _ in range(count):
        tasks.append(asyncio.create_task(stay() if stubborn else linger()))

@tool
async def tidy():
    'Tidy up.'
    gate.set()
    await asyncio.gather(*tasks)
    return str(len(tasks))
"""


async def test_tasks_that_it_leaves_are_ended_with_it_and_named_once(home: Home) -> None:
    async with hostile(home, LEAKS) as log:
        before = asyncio.all_tasks()
        await home.answer("leak", count=3)
        assert len(asyncio.all_tasks() - before) == 3
        home.host.reload()
        await home.tools()
        assert asyncio.all_tasks() == before
        problems = [line["problem"] for line in log() if line["event"] == "trouble with a plugin"]
        assert problems == ["it left 3 tasks behind when it was unloaded: linger (3)"]


async def test_a_task_that_ignores_its_cancellation_is_given_up(home: Home) -> None:
    async with hostile(home, LEAKS):
        before = asyncio.all_tasks()
        await home.answer("leak", count=2, stubborn=True)
        home.host.reload("hostile")
        await home.clock.timer_is_set(GRACE_S)
        home.clock.advance(seconds=GRACE_S)
        await home.tools()
        assert asyncio.all_tasks() == before


async def test_one_plugin_has_no_more_than_so_many_tasks(home: Home) -> None:
    async with hostile(home, LEAKS):
        assert "leak failed (RuntimeError)" in await home.complaint("leak", count=MOST_TASKS + 1)
        assert await home.answer("tidy") == str(MOST_TASKS)
        await home.answer("leak", count=MOST_TASKS)


async def test_a_task_that_is_awaited_is_like_any_other(home: Home) -> None:
    async with hostile(
        home,
        "async def half(n):\n    await asyncio.sleep(0)\n    return n / 2\n"
        "@tool\nasync def act():\n    'Act.'\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        tasks = [group.create_task(half(n), name=f'half {n}') for n in range(3)]\n"
        "    slow = asyncio.create_task(gate.wait())\n"
        "    try:\n        await asyncio.wait_for(slow, 0)\n    except TimeoutError:\n        pass\n"
        "    failed = asyncio.create_task(half('x'))\n"
        "    told = (await asyncio.gather(failed, return_exceptions=True))[0]\n"
        "    return [[t.result() for t in tasks], tasks[1].get_name(), slow.cancelled(), type(told).__name__, "
        "tasks[0].get_coro().__qualname__]\n",
    ) as log:
        assert await home.answer("act") == '[[0.0,0.5,1.0],"half 1",true,"TypeError","half"]'
        await settled()
        assert log() == []


async def test_tasks_of_nobodys_plugin_are_what_they_were(home: Home) -> None:
    async with hostile(home, LEAKS):
        coroutine = asyncio.sleep(0)
        task = asyncio.create_task(coroutine)
        assert task.get_coro() is coroutine
        await task


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("poller", ["it left 1 thread running when it was unloaded: poller"]),
        ("asyncio_3", []),  # the event loop's own, of to_thread
        ("asyncio-waitpid-7", []),  # and for a program
    ],
)
async def test_threads_that_still_run_are_named(home: Home, name: str, told: list[str]) -> None:
    code = f"    threading.Thread(target=release.wait, name='{name}', daemon=True).start()\n"
    async with hostile(home, f"@tool\ndef act():\n    'Act.'\n{code}") as log:
        await home.answer("act")
        module = home.module("hostile")
        try:
            home.host.reload()
            await home.tools()
            problems = [line["problem"] for line in log() if line["event"] == "trouble with a plugin"]
            assert problems == told
        finally:
            module.release.set()


# It crashes again and again.

CRASHES = """
async def fail():
    raise OSError("no lamp")

@tool
async def crash():
    'Crash.'
    raise OSError("no lamp")

@tool(idempotent=True)
async def crash_twice():
    'Crash.'
    raise OSError("no lamp")

@tool(background=True)
async def crash_later():
    'Crash.'
    raise OSError("no lamp")

@tool
def crash_in_a_thread():
    'Crash.'
    raise OSError("no lamp")

@tool
async def complain():
    'Complain.'
    raise ToolError("not like that")

@tool
async def call_back(context: ToolContext):
    'Call back.'
    context.call_after(timedelta(seconds=1), fail)

@tool
async def leak():
    'Leak.'
    asyncio.get_running_loop().create_task(fail())
"""

ALL = ("good", "crash", "crash_twice", "crash_later", "crash_in_a_thread", "complain", "call_back", "leak")


@pytest.mark.parametrize(
    "tools",
    [
        ["crash"] * 3,
        ["crash_twice"] * 3,
        ["crash_later"] * 3,
        ["crash_in_a_thread"] * 3,
        ["crash", "crash_twice", "leak"],
    ],
)
async def test_a_plugin_that_crashes_three_times_is_paused_and_says_so_once(home: Home, tools: list[str]) -> None:
    async with hostile(home, CRASHES):
        for tool in tools:
            assert home.status("hostile").state == "on"
            await home.call(tool)
            await settled()
        assert await home.tools() == ("good",)
        status = home.status("hostile")
        assert (status.state, status.tools) == ("paused", ())
        assert status.problems == (status.why,)
        assert status.why.startswith(
            f"paused after {LIMIT} crashes, last: {tools[-1] if tools[-1] != 'leak' else 'fail'}"
        )
        assert "hostile.py:" in status.why, "its author wants to know where"
        assert status.why.endswith("; `voiced reload`, or `voiced plugin enable hostile`, lets it try again")
        said = [event.text for event in home.untaken(AnnouncementAsked)]
        assert said.count("I have paused the plugin hostile: it keeps failing.") == 1
        assert "Did you mean" in await home.complaint("crash")


async def test_a_callback_that_crashes_three_times_pauses_its_plugin_and_ends_its_appointments(home: Home) -> None:
    async with hostile(home, CRASHES):
        for _ in range(LIMIT + 1):
            await home.call("call_back")
        await settled()
        home.clock.advance(seconds=1)
        assert await home.tools() == ("good",)
        why = home.status("hostile").why
        assert "last: a callback: OSError (" in why
        assert "no lamp" not in why  # what an error says may be what somebody said


async def test_crashes_that_are_far_apart_or_complaints_pause_nothing(home: Home) -> None:
    async with hostile(home, CRASHES):
        for _ in range(2 * LIMIT):
            await home.call("complain")
            await home.call("crash")
            home.clock.advance(seconds=WITHIN_S / 2 + 1)
        assert home.status("hostile").state == "on"


async def test_a_paused_plugin_is_tried_again_when_it_is_enabled(home: Home) -> None:
    async with hostile(home, CRASHES):
        for _ in range(LIMIT):
            await home.call("crash")
        assert await home.tools() == ("good",)
        home.host.enable("hostile")
        assert await home.tools() == ALL
        assert (home.status("hostile").state, home.status("hostile").problems) == ("on", ())
        await home.call("crash")
        assert home.status("hostile").state == "on"


# It takes its time.


SLOW = f"{PRELUDE}release.wait()\n{GOOD.replace('good', 'slow')}"


@asynccontextmanager
async def beside_a_slow_import(home: Home, *, passes_s: float) -> AsyncIterator[None]:
    """Once the good plugin works."""
    home.plugin("a_slow", SLOW)
    home.plugin("good", GOOD)

    def imports() -> bool:
        """It has begun, and can be let go on."""
        return hasattr(sys.modules.get("voiced_plugin_a_slow"), "release")

    async def watch_the_clock() -> None:
        await home.clock.timer_is_set(FIRST_BATCH_S)
        while not imports() or home.status("good").why:  # noqa: ASYNC110 they tell nobody
            await asyncio.sleep(0)
        home.clock.advance(seconds=passes_s)

    watching = asyncio.create_task(watch_the_clock())
    async with home.running() as tools:
        await watching
        slow = home.module("a_slow")
        try:
            assert tools == ("good",)
            assert await home.answer("good") == "fine"
            yield
        finally:
            slow.release.set()


async def test_tools_that_come_late_are_offered_when_they_come(home: Home) -> None:
    async with beside_a_slow_import(home, passes_s=FIRST_BATCH_S):
        assert home.status("a_slow").why == "it is being loaded"
        home.module("a_slow").release.set()
        assert await home.tools() == ("slow", "good")
        assert await home.answer("slow") == "fine"


async def test_an_import_of_half_a_minute_holds_nobody_up_and_is_given_up(home: Home) -> None:
    async with beside_a_slow_import(home, passes_s=30):
        assert await home.problem("a_slow") == "it does not load: its import took longer than 10 s"
        assert home.status("a_slow").state == "broken"


async def test_a_reload_waits_for_no_slow_import(home: Home) -> None:
    async with beside_a_slow_import(home, passes_s=FIRST_BATCH_S):
        (home.folder / "a_slow.py").unlink()
        home.host.reload()
        assert await home.tools() == ("good",)
        assert [status.name for status in home.mine()] == ["good"]


async def test_a_reload_waits_for_no_call_for_ever(home: Home) -> None:
    async with hostile(home, "@tool\nasync def act():\n    'Act.'\n    await gate.wait()"):
        call = home.start("act")
        await home.clock.timer_is_set(PluginSettings().timeout_s)
        home.host.reload()
        await home.clock.timer_is_set(PluginSettings().timeout_s + GRACE_S)
        home.clock.advance(seconds=PluginSettings().timeout_s + 2 * GRACE_S)
        assert "took longer than 15 s" in (await home.returned(call)).output
        assert await home.tools() == ("good", "act")


# It takes too much.


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("value", ["'x' * 10**8", "['x' * 10**6] * 100", "{'x': 'é' * 10**7}"])
async def test_an_answer_of_a_hundred_megabytes_is_cut(home: Home, kind: str, value: str) -> None:
    async with hostile(home, f"@tool\n{kind} act():\n    'Act.'\n    return {value}"):
        answer = await home.answer("act")
        assert 16_000 < len(answer.encode()) < 17_000


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_recursion_without_an_end_is_a_crash(home: Home, kind: str) -> None:
    await_ = "await " if kind == "async def" else ""
    async with hostile(
        home, f"{kind} again():\n    {await_}again()\n@tool\n{kind} act():\n    'Act.'\n    {await_}again()"
    ):
        assert "act failed (RecursionError)" in await home.complaint("act")


async def test_an_answer_that_contains_itself_is_an_error(home: Home) -> None:
    async with hostile(
        home, "@tool\nasync def act():\n    'Act.'\n    knot = []\n    knot.append(knot)\n    return knot"
    ):
        assert "can't be turned into text" in await home.complaint("act")


@pytest.mark.parametrize("body", ["1 / 0", "return 5", "return 'x' * 10**8", "raise SystemExit"])
async def test_an_error_that_cannot_be_shown_is_an_error_all_the_same(home: Home, body: str) -> None:
    odd = f"class Odd(Exception):\n    def __str__(self):\n        {body}\n    __repr__ = __str__\n"
    async with hostile(home, f"{odd}@tool\nasync def act():\n    'Act.'\n    raise Odd"):
        assert "act failed (Odd)" in await home.complaint("act")


async def test_a_flood_of_wishes_is_dammed_and_named(home: Home) -> None:
    flood = "    for n in range(5_000):\n        context.announce(f'{n}')\n        context.set_volume(n % 100)\n"
    async with hostile(
        home, f"@tool(permissions=['say'])\nasync def act(context: ToolContext):\n    'Act.'\n{flood}    return 'ok'"
    ):
        assert await home.answer("act") == "ok"
        await settled()
        waiting = home.untaken(AnnouncementAsked)
        assert len(waiting) == MOST_WAITING  # there is room left for the other plugins
        assert len(home.untaken(VolumeAsked)) == MOST_WISHES - MOST_ANNOUNCEMENTS
        assert home.status("hostile").problems == (
            f"it announces more than {MOST_ANNOUNCEMENTS} times a minute; the rest is left out",
            f"it asks for more than {MOST_WISHES} things a minute; the rest is left out",
        )
        home.clock.advance(minutes=1)
        for said in waiting[:3]:
            home.host.report(RequestEnded(said.request))
        assert len(home.untaken(AnnouncementAsked)) == MOST_WAITING + 3  # three that were held back
        await home.answer("act")
        await settled()
        assert len(home.untaken(AnnouncementAsked)) == MOST_WAITING + 3


async def test_a_flood_of_words_to_be_said_is_dammed(home: Home) -> None:
    flood = (
        "    said = await asyncio.gather(*(context.say(f'{n}') for n in range(90)), return_exceptions=True)\n"
        "    return str(sum(isinstance(each, ToolError) for each in said))\n"
    )
    async with hostile(home, f"@tool(permissions=['say'])\nasync def act(context: ToolContext):\n    'Act.'\n{flood}"):
        call = home.start("act")
        await settled()
        assert len(home.untaken(AnnouncementAsked)) <= 64
        home.clock.advance(seconds=600)
        assert (await home.returned(call)).output == "26"


async def test_a_flood_of_subscriptions_is_dammed(home: Home) -> None:
    flood = "    for _ in range(10**6):\n        context.subscribe(Wake, heard)\n"
    async with hostile(
        home, f"async def heard(event): pass\n\n@tool\nasync def act(context: ToolContext):\n    'Act.'\n{flood}"
    ):
        assert "100 subscriptions" in await home.complaint("act")


async def test_a_flood_of_appointments_is_dammed(home: Home) -> None:
    flood = "    for _ in range(10**6):\n        context.call_after(timedelta(hours=1), never)\n"
    async with hostile(
        home,
        f"async def never(): pass\n\n@tool\nasync def act(context: ToolContext):\n    'Act.'\n{flood}"
        "@tool\nasync def wait(context: ToolContext):\n    'Wait.'\n"
        "    for _ in range(10_000):\n        context.call_after(timedelta(hours=1), never).cancel()\n"
        "        await asyncio.sleep(0)\n",
    ):
        await home.answer("wait")
        assert "hostile waits for 1000 things already; cancel some." in await home.complaint("act")
        home.clock.advance(hours=1)
        await settled()
        assert "1000 things" in await home.complaint("act")
