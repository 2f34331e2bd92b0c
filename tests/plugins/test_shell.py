"""Programs that are run by voice, from the settings to what is said."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from tests.unannounced import gone
from voiced.conversation.commands import CancelTool, RequestEnded
from voiced.conversation.events import AnnouncementAsked, Sentence, ToolReturned, ToolsChanged, ToolSpec
from voiced.testing.swift_time import SwiftTime

OTHERS = all_but("shell")

Make = Callable[..., Home]


@pytest.fixture
def make(tmp_path: Path, clock: FakeClock, reaped: None) -> Make:
    """A home with these commands: `run` is what Python runs, the rest is as in the settings."""

    def make(**commands: Any) -> Home:
        return Home(tmp_path, clock, disabled=OTHERS, plugin_settings={"shell": {"commands": commands}})

    return make


def python(program: str, *arguments: str, **options: Any) -> dict[str, Any]:
    escaped = program.replace("{", "{{").replace("}", "}}")
    return {"run": [sys.executable, "-c", escaped, *arguments], "description": "Try it.", **options}


SAYS = "import sys; print(*sys.argv[1:], sep='|')"
WHERE = {"where": {"choices": ["nas", "usb"], "description": "Where to."}}


def waits(ready: Path) -> str:
    """A program that says which process it is, and goes on for ever."""
    os.mkfifo(ready)
    return f"import os, time; open({str(ready)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"


async def test_nothing_is_offered_until_it_is_configured(make: Make) -> None:
    home = make()
    async with home.running() as tools:
        assert tools == ()
        status = home.status("shell")
        assert (status.state, status.problems) == ("off", ())
        assert "[plugin.shell.commands.NAME]" in status.why


async def test_a_command_is_a_tool(make: Make) -> None:
    home = make(
        backup=python(SAYS, "--to={where}", arguments=WHERE, sentences=["back up the documents to [the] {where}"])
    )
    async with home.running():
        home.host.reload()
        (spec,) = (await home.next(ToolsChanged, lambda changed: bool(changed.tools))).tools
    assert spec == ToolSpec(
        "backup",
        "Try it.",
        {
            "type": "object",
            "properties": {"where": {"type": "string", "enum": ["nas", "usb"], "description": "Where to."}},
            "required": ["where"],
            "additionalProperties": False,
        },
        sentences=(Sentence("back up the documents to [the] {where}"),),
        lists={"where": {"nas": "nas", "usb": "usb"}},
    )


async def test_how_it_ended_is_said_and_what_it_printed_only_where_that_is_wanted(make: Make) -> None:
    home = make(
        quiet=python("print('secret')"),
        loud=python("print('It is 21 degrees.')", speak_output=True),
        mute=python("", speak_output=True),
        fails=python("print('no disk'); exit(3)"),
        fails_loudly=python("print('no disk'); exit(3)", speak_output=True),
        dies=python("import os; os.kill(os.getpid(), 9)"),
    )
    async with home.running():
        assert await home.answer("quiet") == "Quiet is done."
        loud = await home.call("loud")
        assert (loud.output, loud.spoken) == ("Loud is done. It printed:\nIt is 21 degrees.", "It is 21 degrees.")
        assert await home.answer("mute") == "Mute is done. It printed nothing."
        assert await home.complaint("fails") == "Fails failed with the exit code 3."
        assert await home.complaint("fails_loudly") == "Fails loudly failed with the exit code 3. It printed: no disk"
        assert await home.complaint("dies") == "Dies was ended by the signal SIGKILL."


async def test_a_long_output_is_cut(make: Make) -> None:
    home = make(flood=python("print('ten chars\\n' * 10_000)", speak_output=True))
    async with home.running():
        returned = await home.call("flood")
        assert len(returned.output) <= 16 * 1024 + 200
        assert returned.spoken.startswith("ten chars ten chars")
        assert len(returned.spoken) <= 302


async def test_what_is_said_is_one_argument_whatever_is_in_it(make: Make) -> None:
    arguments = {
        "text": {"pattern": ".*"},
        "loudness": {"type": "number", "most": 11, "default": 5},
    }
    home = make(say=python(SAYS, "{text}", "-v{loudness}", "{{x}}", arguments=arguments, speak_output=True))
    async with home.running():
        answer = await home.answer("say", text="'; rm -rf ~ & $(reboot) `x` > y", loudness=11)
        assert answer.endswith("printed:\n'; rm -rf ~ & $(reboot) `x` > y|-v11|{x}")
        assert (await home.answer("say", text="")).endswith("printed:\n|-v5|{x}")
        assert await home.complaint("say", text="--help") == (
            "Nothing is run: text: it may not begin with -, which programs take for an option."
        )
        assert "out of its limits" in await home.complaint("say", text="a", loudness=12)
        assert "is missing" in await home.complaint("say")
        assert "one line of at most 200" in await home.complaint("say", text="a\nb")


async def test_a_choice_that_is_none_is_refused(make: Make) -> None:
    home = make(backup=python(SAYS, "{where}", arguments=WHERE))
    async with home.running():
        assert "must be one of" in await home.complaint("backup", where="cloud")
        assert await home.answer("backup", where="usb") == "Backup is done."


async def test_somebody_is_asked_first(make: Make) -> None:
    home = make(backup=python(SAYS, "{where}", arguments=WHERE, confirm=True))
    async with home.running():
        for answer, ok in (("no", False), ("yes", True)):
            call = home.start("backup", where="nas")
            asked = await home.next(AnnouncementAsked)
            assert asked.text == "Shall I run backup with where nas?"
            home.host.report(RequestEnded(asked.request, answer))
            assert (await home.returned(call)).ok is ok


async def test_what_takes_too_long_is_ended(make: Make, tmp_path: Path) -> None:
    home = make(slow=python(waits(tmp_path / "ready"), timeout_s=10))
    time = SwiftTime()
    async with home.running():
        with time.kept():
            call = home.start("slow")
            pid = int(await asyncio.to_thread((tmp_path / "ready").read_text))
            time.hurry_to(time.time() + 10)
            assert (await home.returned(call)).output == "Slow took longer than 10 seconds and was ended."
        await gone(pid)


async def test_it_runs_once_at_a_time_and_is_ended_with_its_call(make: Make, tmp_path: Path) -> None:
    home = make(slow=python(waits(tmp_path / "ready")))
    async with home.running():
        call = home.start("slow")
        pid = int(await asyncio.to_thread((tmp_path / "ready").read_text))
        assert await home.complaint("slow") == "Slow is running already; wait until it is over."
        home.host.do(CancelTool(call))
        await home.returned(call)
        await gone(pid)
        again = home.start("slow")
        await asyncio.to_thread((tmp_path / "ready").read_text)
        home.host.do(CancelTool(again))
        await home.returned(again)


@pytest.mark.parametrize("background", [False, True])
async def test_it_is_ended_when_voiced_stops(make: Make, tmp_path: Path, background: bool) -> None:
    home = make(slow=python(waits(tmp_path / "ready"), background=background))
    async with home.running():
        home.start("slow")
        pid = int(await asyncio.to_thread((tmp_path / "ready").read_text))
    await gone(pid)


async def test_in_the_background_the_result_is_announced(make: Make) -> None:
    home = make(backup=python("", background=True))
    async with home.running():
        begun = await home.call("backup")
        assert begun.ok
        assert "Backup is done." in (await home.next(AnnouncementAsked)).text


async def test_a_missing_program_is_told_at_load_and_the_others_work(make: Make, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("")
    home = make(
        gone={"run": ["/nowhere/program"], "description": "Try it."},
        locked={"run": [str(locked)], "description": "Try it."},
        works=python(""),
    )
    async with home.running() as tools:
        assert set(tools) == {"gone", "locked", "works"}
        assert home.status("shell").problems == (
            "gone: there is no program /nowhere/program; install it, or mend plugin.shell.commands.gone.run",
            f"locked: {locked} is no program that voiced may run; chmod +x it, or name another one",
        )
        assert await home.complaint("gone") == "Gone can't be run: there is no program /nowhere/program."
        assert await home.complaint("locked") == f"Locked can't be run: voiced may not run {locked}."
        assert await home.answer("works") == "Works is done."
        locked.write_text("nothing")
        locked.chmod(0o755)
        assert await home.complaint("locked") == f"Locked can't be run: {locked}: Exec format error."


async def test_a_sentence_that_can_not_be_right_is_told(make: Make) -> None:
    home = make(
        backup=python(SAYS, "{where}", arguments=WHERE, sentences=["back up the documents"]),
        works=python("", sentences=["try it"]),
    )
    async with home.running() as tools:
        assert tools == ("works",)
        (problem,) = home.status("shell").problems
        assert 'sentence "back up the documents"' in problem
        assert "where" in problem


async def test_a_name_that_no_tool_can_have_is_told(make: Make) -> None:
    home = make(**{"back up": python(""), "works": python("")})
    async with home.running() as tools:
        assert tools == ("works",)
        assert "'back up'" in home.status("shell").problems[0]


async def test_without_the_permission_nothing_is_run(tmp_path: Path, clock: FakeClock) -> None:
    settings = {"shell": {"commands": {"works": python("")}}}
    home = Home(tmp_path, clock, disabled=OTHERS, denied=("shell.files",), plugin_settings=settings)
    async with home.running() as tools:
        assert tools == ()
        assert '"files"' in home.status("shell").why


async def test_nothing_of_it_is_in_the_log(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = {"text": {"pattern": ".*"}}
    home = make(say=python(SAYS, "{text}", arguments=arguments, speak_output=True))
    async with home.running():
        await home.answer("say", text="swordfish")
        assert home.untaken(ToolReturned) == []
    assert "swordfish" not in "".join(capfd.readouterr())
