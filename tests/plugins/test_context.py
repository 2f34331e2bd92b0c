"""What a plugin may ask of the assistant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.conversation.events import AnnouncementAsked, MuteAsked, StopAsked, VolumeAsked
from voiced.plugins.context import RECHECK_S
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
        assert [(line["event"], line["code"]) for line in log] == [("plugin code crashed", "callback of reminder")]


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
