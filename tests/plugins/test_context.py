"""What a plugin may ask of the assistant."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.conversation.events import AnnouncementAsked, MuteAsked, StopAsked, VolumeAsked
from voiced.plugins.context import RECHECK_S, _Every
from voiced.plugins.state_file import MAX_BYTES

REMINDER = """
from datetime import datetime, timedelta
from voiced.api import Plugin, tool

class Reminder(Plugin):
    permissions = ["say"]

    async def setup(self, context):
        self.context = context
        self.appointments = []

    async def speak(self):
        self.context.announce(f"{self.context.now():%H:%M:%S}")

    @tool
    async def at(self, moment: datetime):
        'Call at a moment.'
        self.appointments.append(self.context.call_at(moment, self.speak))

    @tool
    async def after(self, seconds: int):
        'Call after some seconds.'
        self.appointments.append(self.context.call_after(timedelta(seconds=seconds), self.speak))

    @tool
    def after_in_a_thread(self, seconds: int):
        'Call after some seconds.'
        self.appointments.append(self.context.call_after(timedelta(seconds=seconds), self.speak))

    @tool
    async def cancel(self):
        'Cancel all.'
        for appointment in self.appointments:
            appointment.cancel()

    @tool
    async def remaining(self):
        'Seconds that are left.'
        return [appointment.remaining.total_seconds() for appointment in self.appointments]
"""

NOTES = """
from voiced.api import Plugin, ToolContext, tool

class Notes(Plugin):
    async def setup(self, context):
        self.notes = await context.load_state(list[str], [])

    @tool
    async def note(self, text: str, context: ToolContext):
        'Write a note.'
        self.notes.append(text)
        await context.save_state(self.notes)

    @tool
    async def read(self):
        'Read all notes.'
        return self.notes

    @tool
    async def note_a_thing(self, context: ToolContext):
        'Write what has no JSON form.'
        await context.save_state(object())
"""


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_wishes_become_events_whatever_thread_they_come_from(home: Home, kind: str) -> None:
    home.plugin(
        "wishes",
        f"from voiced.api import ToolContext, tool\n@tool(permissions=['say'])\n{kind} wish(context: ToolContext):\n"
        "    'Wish.'\n"
        "    context.announce('Dinner!', earcon='alarm')\n"
        "    context.announce('Now!')\n"
        "    context.mute(True)\n"
        "    context.set_volume(context.volume + 1)\n"
        "    context.stop()\n",
    )
    async with home.running():
        assert await home.answer("wish") == "done"
        assert home.untaken(object) == [
            AnnouncementAsked("wishes-1", "Dinner!", "alarm"),
            AnnouncementAsked("wishes-2", "Now!"),
            MuteAsked(True),
            VolumeAsked(41),
            StopAsked(),
        ]


async def test_the_log_is_bound_with_the_name_of_the_plugin(home: Home) -> None:
    home.plugin(
        "chatty",
        "from voiced.api import ToolContext, tool\n@tool\nasync def chat(context: ToolContext):\n"
        "    'Chat.'\n    context.log.info('hello')\n",
    )
    async with home.running():
        with capture_logs() as log:
            await home.answer("chat")
        assert log == [{"event": "hello", "plugin": "chatty", "log_level": "info"}]


async def test_a_volume_that_does_not_exist_is_refused(home: Home) -> None:
    home.plugin(
        "loud",
        "from voiced.api import ToolContext, tool\n@tool\nasync def shout(context: ToolContext):\n"
        "    'Shout.'\n    context.set_volume(101)\n",
    )
    async with home.running():
        assert await home.complaint("shout") == "The volume is 0 to 100, not 101."


@pytest.mark.parametrize("tool", ["after", "after_in_a_thread"])
async def test_something_is_called_after_a_while(home: Home, tool: str) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer(tool, seconds=100)
        home.clock.advance(seconds=99)
        assert await home.answer("remaining") == "[1.0]"
        home.clock.advance(seconds=1)
        assert await home.announcement() == "12:01:40"
        assert await home.answer("remaining") == "[0.0]"


async def test_something_is_called_after_a_while_whatever_the_wall_clock_does(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer("after", seconds=100)
        home.clock.set_wall_clock(home.clock.now() + timedelta(hours=5))
        home.clock.advance(seconds=99)
        assert await home.answer("remaining") == "[1.0]"
        home.clock.advance(seconds=1)
        assert await home.announcement() == "17:01:40"


async def test_something_is_called_when_the_wall_clock_was_set_past_it(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer("at", moment="2026-11-20T18:00:00+01:00")
        home.clock.set_wall_clock(home.clock.now() + timedelta(hours=7))
        home.clock.advance(seconds=RECHECK_S)
        assert await home.announcement() == "19:00:30"


async def test_something_waits_longer_when_the_wall_clock_was_set_back(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer("at", moment="2026-11-20T12:01:00+01:00")
        home.clock.set_wall_clock(home.clock.now() - timedelta(minutes=10))
        home.clock.advance(minutes=10)
        assert await home.answer("remaining") == "[60.0]"
        home.clock.advance(minutes=1)
        assert await home.announcement() == "12:01:00"


async def test_what_was_cancelled_is_not_called(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer("after", seconds=100)
        await home.answer("cancel")
        await home.answer("remaining")
        home.clock.advance(hours=1)
        await home.answer("cancel")
        assert home.untaken(AnnouncementAsked) == []


async def test_what_a_plugin_waits_for_ends_with_the_plugin(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        await home.answer("after", seconds=100)
        home.host.reload()
        await home.tools()
        home.clock.advance(hours=1)
        await home.answer("remaining")
        assert home.untaken(AnnouncementAsked) == []


async def test_a_callback_that_crashes_is_logged(home: Home) -> None:
    home.plugin("reminder", REMINDER.replace('self.context.announce(f"{self.context.now():%H:%M:%S}")', "1 / 0"))
    async with home.running():
        await home.answer("after", seconds=1)
        with capture_logs() as log:
            home.clock.advance(seconds=1)
            await home.answer("remaining")
        assert [(line["event"], line["code"]) for line in log if line["log_level"] == "error"] == [
            ("plugin code crashed", "callback of reminder")
        ]


async def test_a_moment_without_a_zone_is_refused(home: Home) -> None:
    home.plugin("reminder", REMINDER)
    async with home.running():
        assert "(ValueError)" in await home.complaint("at", moment="2026-11-20T18:00:00")


async def test_state_is_there_after_a_restart(home: Home) -> None:
    home.plugin("jotter", NOTES)
    async with home.running():
        await home.answer("note", text="milk")
        await home.answer("note", text="Brötchen")
    async with home.running():
        assert await home.answer("read") == '["milk","Brötchen"]'
    file = home.state_folder / "jotter.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.state_folder.iterdir()] == ["jotter.json"]


@pytest.mark.parametrize("content", [b"", b'["milk"', b'{"milk": 1}', b"\xff\xfe", b"[" * 100_000])
async def test_a_state_that_is_not_what_was_saved_is_set_aside_and_reported(home: Home, content: bytes) -> None:
    home.plugin("jotter", NOTES)
    home.state_folder.mkdir()
    file = home.state_folder / "jotter.json"
    file.write_bytes(content)
    async with home.running() as tools:
        assert "read" in tools
        assert home.status("jotter").problems == (f"{file} is not what was saved; it is set aside as jotter.corrupt",)
        assert (home.state_folder / "jotter.corrupt").read_bytes() == content
        await home.answer("note", text="milk")
        assert await home.answer("read") == '["milk"]'


async def test_a_state_that_can_not_be_read_is_reported(home: Home) -> None:
    home.plugin("jotter", NOTES)
    (home.state_folder / "jotter.json").mkdir(parents=True)
    async with home.running():
        assert "jotter.json can't be read (Is a directory)" in home.status("jotter").problems[0]
        assert await home.answer("read") == "[]"


async def test_a_state_that_can_not_be_written_is_told_to_the_model_and_reported(home: Home, tmp_path: Path) -> None:
    home.plugin("jotter", NOTES)
    async with home.running():
        (tmp_path / "state").write_text("no folder")  # as good as a full disk: an OSError
        assert await home.complaint("note", text="milk") == "It could not be written to disk (File exists)."
        assert "jotter.json can't be written (File exists)" in home.status("jotter").problems[0]
        assert await home.answer("read") == '["milk"]'


async def test_a_state_that_is_too_large_or_no_json_is_refused_and_the_old_one_kept(home: Home) -> None:
    home.plugin("jotter", NOTES)
    async with home.running():
        await home.answer("note", text="milk")
        assert "262144 are allowed" in await home.complaint("note", text="x" * MAX_BYTES)
        assert "has no JSON form" in await home.complaint("note_a_thing")
    async with home.running():
        assert await home.answer("read") == '["milk"]'


TICKER = """
import asyncio
from datetime import timedelta
from voiced.api import Plugin, tool

go_on = asyncio.Event()

class Ticker(Plugin):
    permissions = ["say"]

    async def setup(self, context):
        self.context = context

    @tool
    def begin(self, seconds: float):
        'Begin.'
        self.appointment = self.context.call_every(timedelta(seconds=seconds), self.tick)

    async def tick(self):
        self.context.announce(f"{self.context.now():%H:%M:%S}")

    @tool
    def begin_slow(self, seconds: float):
        'Begin.'
        self.appointment = self.context.call_every(timedelta(seconds=seconds), self.tick_slowly)

    async def tick_slowly(self):
        await self.tick()
        await go_on.wait()

    @tool
    async def let_go(self):
        'Let it go on.'
        go_on.set()

    @tool
    async def left(self):
        'Seconds until it is called.'
        return self.appointment.remaining.total_seconds()

    @tool
    async def end(self):
        'End.'
        self.appointment.cancel()
"""


async def test_something_is_called_again_and_again(home: Home) -> None:
    home.plugin("ticker", TICKER)
    async with home.running():
        await home.answer("begin", seconds=40)
        assert home.untaken(AnnouncementAsked) == []
        for expected in ("12:00:40", "12:01:20", "12:02:00"):
            home.clock.advance(seconds=30)
            assert await home.answer("left") == "10.0"
            home.clock.advance(seconds=10)
            assert await home.announcement() == expected
        await home.answer("end")
        home.clock.advance(hours=1)
        await home.answer("left")
        assert home.untaken(AnnouncementAsked) == []


async def test_it_is_never_called_twice_at_one_time(home: Home) -> None:
    home.plugin("ticker", TICKER)
    async with home.running():
        await home.answer("begin_slow", seconds=4)
        home.clock.advance(seconds=4)
        assert await home.announcement() == "12:00:04"
        home.clock.advance(seconds=8)
        await home.answer("let_go")
        assert home.untaken(AnnouncementAsked) == []
        home.clock.advance(seconds=4)
        assert await home.announcement() == "12:00:16"


async def test_what_was_slept_through_is_not_made_up_for(home: Home) -> None:
    clock = home.clock
    every = _Every(clock, 10.0, None)  # type: ignore[arg-type]
    clock.advance(seconds=35)
    assert every.next()
    assert every.remaining_s() == 5.0


async def test_an_interval_below_a_second_is_refused(home: Home) -> None:
    home.plugin("ticker", TICKER)
    async with home.running():
        assert "(ValueError)" in await home.complaint("begin", seconds=0.5)


def one_tool(home: Home, body: str, *, permissions: str = "[]") -> Home:
    home.plugin(
        "handy",
        "import asyncio, threading\nfrom voiced.api import *\nrelease = threading.Event()\n"
        f"@tool(permissions={permissions})\nasync def use(context: ToolContext):\n    'Use.'\n    {body}\n",
    )
    return home


async def test_a_plugin_has_a_folder_of_its_own_that_is_private(home: Home) -> None:
    body = "folder = await context.data_folder()\n    (folder / 'a').write_text('b')\n    return str(folder)"
    async with one_tool(home, body).running():
        folder = home.state_folder / "plugins" / "handy"
        assert await home.answer("use") == str(folder)
        assert await home.answer("use") == str(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "a").read_text() == "b"


async def test_a_folder_that_can_not_be_made_is_told(home: Home, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    async with one_tool(home, "await context.data_folder()").running():
        assert "handy can't be made (" in await home.complaint("use")


async def test_blocking_code_runs_in_a_thread(home: Home) -> None:
    body = "return await context.in_thread(lambda: threading.current_thread() is threading.main_thread())"
    async with one_tool(home, body).running():
        assert await home.answer("use") == "false"


@pytest.mark.parametrize("error", ["KeyError(1)", "SystemExit(1)", "StopIteration()"])
async def test_what_blocking_code_raises_is_raised(home: Home, error: str) -> None:
    body = f"""
    def blocking():
        raise {error}
    try:
        await context.in_thread(blocking)
    except Exception as error:
        return "raised"
"""
    async with one_tool(home, body.strip()).running():
        assert await home.answer("use") == "raised"


async def test_a_cancelled_call_leaves_its_thread_alone_and_threads_have_a_limit(home: Home) -> None:
    body = """
    for _ in range(9):
        task = asyncio.create_task(context.in_thread(release.wait))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
"""
    async with one_tool(home, body.strip()).running():
        assert await home.complaint("use") == "8 threads of handy are running already. Try again in a moment."
        sys.modules["voiced_plugin_handy"].release.set()


async def test_the_api_is_there_for_those_that_may_use_it(home: Home) -> None:
    async with one_tool(home, "return context.ai.available", permissions="['api']").running():
        assert await home.complaint("use") == "There is no API here."


async def test_tools_come_and_go_when_their_plugin_says_so(home: Home) -> None:
    home.plugin(
        "shop",
        """
from voiced.api import Plugin, tool

class Shop(Plugin):
    is_open = False

    async def setup(self, context):
        self.context = context

    @tool(when="is_open")
    def buy(self):
        'Buy.'

    @tool
    def open_at(self, hour: int):
        'Open later.'
        self.is_open = True
        self.context.tools_changed()
""",
    )
    async with home.running() as tools:
        assert tools == ("open_at",)
        await home.answer("open_at", hour=8)
        assert sorted(await home.tools()) == ["buy", "open_at"]
        assert await home.answer("buy") == "done"
