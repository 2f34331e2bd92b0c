"""`voiced plugin`: what an author types, what comes of it, and what is said of every mistake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog

from voiced.cli import main
from voiced.cli.parser import parser
from voiced.cli.plugin_list import NOT_RUNNING
from voiced.control.server import ControlServer
from voiced.conversation.commands import RunTool
from voiced.conversation.events import ToolReturned
from voiced.errors import PluginError
from voiced.testing.http import HttpLoopback

ACTIONS = ("new", "dev", "call", "list", "check", "enable", "disable")
PATIENCE_S = 60

LAMP = '''
from voiced.api import Plugin, PluginSettings, ToolContext, tool

class LampSettings(PluginSettings):
    place: str = "hall"

class Lamp(Plugin):
    permissions = ("say", "listen")
    settings: LampSettings

    @tool
    async def lamp(self, on: bool) -> str:
        """Switch the lamp.

        Args:
            on: Whether it shines.
        """
        return f"The lamp in the {self.settings.place} is {'on' if on else 'off'}."

    @tool
    async def colour(self, context: ToolContext) -> str:
        "Choose a colour."
        await context.say("There are two.")
        colour = await context.ask("Which one?", choices=["red", "blue"])
        context.earcon("done")
        context.show("colour", title=f"A {colour} lamp")
        return f"It is {colour}."

    @tool(background=True)
    async def warm_up(self, context: ToolContext) -> str:
        "Let it warm up."
        return "It is warm."

    @tool
    async def where(self, context: ToolContext) -> str:
        "Tell where its files are."
        return (await context.data_folder()).name

    @tool
    def crash(self) -> str:
        "Crash."
        raise RuntimeError("oh")
'''

POEM = """
from voiced.api import ToolContext, tool

@tool(permissions=["api"])
async def poem(about: str, context: ToolContext) -> str:
    "Write a poem."
    return (await context.ai.chat.ask(about)).text
"""

CLASH = """
from voiced.api import tool

@tool(name="get_time")
def other() -> str:
    "Tell the time."
    return ""

@tool
def odd(a: dict) -> str:
    "Odd."
    return ""

@tool(sentences=["what time is it"])
def ask() -> str:
    "Ask."
    return ""
"""

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, short enough for a socket, with one plugin in the folder."""
    with TemporaryDirectory() as name:
        for variable in [each for each in os.environ if each.startswith("VOICED_")]:
            monkeypatch.delenv(variable)
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            monkeypatch.setenv(variable, name)
        monkeypatch.setenv("VOICED_CONTROL__SOCKET", f"{name}/voiced/control.sock")  # not this machine's own voiced
        monkeypatch.chdir(name)
        folder = Path(name) / "voiced" / "plugins"
        folder.mkdir(parents=True)
        (folder / "lamp.py").write_text(LAMP)
        (Path(name) / "voiced" / "voiced.toml").write_text('[plugin.lamp]\nplace = "attic"\n')
        yield Path(name)


def run(capsys: Output, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(["plugin", *arguments])
    for handler in logging.getLogger().handlers:
        handler.flush()
    return code, *capsys.readouterr()


def process(*arguments: str, typed: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "voiced", "plugin", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@contextlib.asynccontextmanager
async def daemon(home: Path, **more: object) -> AsyncIterator[list[object]]:
    """A running voiced with a plugin `remote`, whose tool answers with its arguments; what it was told.

    `more`: what it says of that plugin.
    """
    told: list[object] = []

    def switch(name: str, action: str) -> None:
        if name != "remote":
            raise PluginError(f"there is no plugin {name}; there are remote")
        told.append((name, action))

    def run_tool(command: RunTool) -> None:
        told.append((command.name, json.loads(command.arguments)))
        event = ToolReturned(command.call, f"got {command.arguments}", command.arguments != "{}")
        asyncio.get_running_loop().call_soon(server.returned, event)

    server = ControlServer(
        home / "voiced" / "control.sock",
        post=lambda event: None,
        reload=lambda: None,
        plugins=lambda: [{**REMOTE, **more}],
        switch=switch,
        run_tool=run_tool,
        quit=lambda: None,
    )
    async with server.serving():
        yield told


REMOTE: dict[str, Any] = {
    "name": "remote",
    "place": "voiced_remote of voiced-remote",
    "tools": ["far_away"],
    "problems": ["it stumbled"],
    "state": "on",
    "why": "",
    "permissions": ["network"],
    "built_in": False,
}


# Help.


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_explains_itself(action: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["plugin", action, "--help"])
    assert ended.value.code == 0
    assert f"usage: voiced plugin {action}" in capsys.readouterr().out


def test_without_an_action_there_is_help(capsys: Output) -> None:
    assert main(["plugin"]) == 2
    help = capsys.readouterr().out
    assert [action for action in ACTIONS if f"\n    {action} " not in help] == []


# new


def test_a_plugin_is_begun(home: Path, capsys: Output) -> None:
    code, out, error = run(capsys, "new", "garden-hose", "--into", "work")
    assert (code, error) == (0, "")
    assert out.splitlines()[0] == (
        "work/voiced-garden-hose is made. Begin with work/voiced-garden-hose/src/voiced_garden_hose/__init__.py"
    )
    assert "  cd work/voiced-garden-hose\n" in out
    assert (home / "work/voiced-garden-hose/pyproject.toml").is_file()
    code, out, error = run(capsys, "new", "garden-hose", "--into", "work")
    assert (code, out) == (1, "")
    assert error == "voiced: work/voiced-garden-hose is there already; choose another name, or another folder\n"


def test_a_plugin_of_ours_may_be_replaced_and_that_is_said(capsys: Output) -> None:
    code, out, _ = run(capsys, "new", "clock")
    assert code == 0
    assert out.endswith("voiced has a plugin clock of its own; yours takes its place once it is installed\n")


def test_a_bad_name_is_one_line(capsys: Output) -> None:
    code, out, error = run(capsys, "new", "My Plugin")
    assert (code, out) == (1, "")
    assert error.endswith("a letter first, such as my-plugin\n")


# list and check


def test_plugins_are_listed_here_where_no_daemon_runs(home: Path, capsys: Output) -> None:
    (home / "voiced/plugins/broken.py").write_text("\n\nimport nowhere\n")
    assert run(capsys, "disable", "timers")[0] == 0
    code, out, error = run(capsys, "list", "--set", 'plugins.disabled=["clock"]')
    lines = out.splitlines()
    assert (code, error) == (0, "")
    assert lines[-1] == NOT_RUNNING
    lamp = lines.index("lamp           loads   lamp, colour, warm_up, where, crash")
    assert lines[lamp + 1 : lamp + 3] == [
        f"{'':<22} may: say, listen",
        f"{'':<22} from: {home}/voiced/plugins/lamp.py",
    ]
    assert "clock          off     plugins.disabled in the settings names it" in lines
    assert (
        "timers         off     disabled by `voiced plugin disable`; `voiced plugin enable timers` turns it on" in lines
    )
    [broken] = [line for line in lines if line.startswith("broken")]
    assert broken == (
        "broken         broken  it does not load: ModuleNotFoundError: No module named 'nowhere' "
        f"({home}/voiced/plugins/broken.py:3)"
    )


def test_the_list_is_for_programs_too(capsys: Output) -> None:
    code, out, error = run(capsys, "list", "--json")
    assert (code, error) == (0, "")
    lamp = next(plugin for plugin in json.loads(out) if plugin["name"] == "lamp")
    assert (lamp["state"], lamp["permissions"], lamp["built_in"]) == ("on", ["say", "listen"], False)


async def test_a_running_voiced_lists_its_own(home: Path, capsys: Output) -> None:
    async with daemon(home):
        assert await asyncio.to_thread(main, ["plugin", "list"]) == 0
        assert capsys.readouterr().out == (
            "remote         on      far_away\n"
            f"{'':<22} may: network\n"
            f"{'':<22} from: voiced_remote of voiced-remote\n"
            f"{'':<22} it stumbled\n"
        )
        assert await asyncio.to_thread(main, ["plugin", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [REMOTE]


def test_all_that_is_wrong_is_told_with_its_line(home: Path, capsys: Output) -> None:
    (clash := home / "clash.py").write_text(CLASH)
    (syntax := home / "syntax.py").write_text("def (:\n")
    code, out, error = run(capsys, "check", "clock", "clash.py", "syntax.py")
    lines = out.splitlines()
    assert (code, error) == (1, "")
    assert lines[0].startswith(f"clash: {clash}:9 odd: a: ")
    assert lines[1].startswith(f"clash: {clash}:4 other: the name get_time is taken by ")
    assert lines[2].startswith(f"syntax: it does not load: {syntax}:1: ")
    assert lines[3].startswith(f'clash: {clash}:14 ask: ask: the sentence "what time is it" means get_time')
    assert lines[4:] == ["3 plugins, 4 problems"]


def test_what_is_well_is_exit_code_0(home: Path, capsys: Output) -> None:
    assert run(capsys, "check", "lamp") == (0, "1 plugin, nothing wrong\n", "")
    code, out, error = run(capsys, "check")
    assert (code, error) == (0, "")
    assert out.endswith("plugins, nothing wrong\n")
    assert run(capsys, "new", "garden")[0] == 0
    assert run(capsys, "check", "voiced-garden") == (0, "1 plugin, nothing wrong\n", "")


def test_wrong_settings_of_a_plugin_are_a_problem(home: Path, capsys: Output) -> None:
    file = home / "voiced" / "voiced.toml"
    file.write_text("[plugin.lamp]\nplac = 'attic'\n")
    code, out, _ = run(capsys, "check", "lamp")
    assert code == 1
    assert out.startswith(f"lamp: {file}:2: ")
    assert "plugin.lamp.place" in out


def test_what_is_switched_off_is_checked_when_it_is_named(home: Path, capsys: Output) -> None:
    assert run(capsys, "disable", "lamp")[0] == 0
    (home / "voiced/plugins/lamp.py").write_text("1 / 0\n")
    code, out, _ = run(capsys, "check")
    assert (code, "lamp is off: disabled by `voiced plugin disable`" in out) == (0, True)
    assert run(capsys, "check", "lamp")[0] == 1


def test_a_plugin_that_is_not_there_is_told_with_the_nearest(capsys: Output) -> None:
    assert run(capsys, "check", "lmap") == (1, "", "voiced: there is no plugin lmap; did you mean lamp?\n")
    code, _, error = run(capsys, "check", "./lmap.py")
    assert code == 1
    assert error.endswith("lmap.py is not there; make a plugin with: voiced plugin new lmap\n")


# enable and disable


def test_a_plugin_is_switched_for_the_next_start_where_no_daemon_runs(home: Path, capsys: Output) -> None:
    file = home / "voiced" / "plugins.off"
    assert run(capsys, "disable", "lamp") == (
        0,
        f"lamp is off from the next start; no voiced is running ({file})\n",
        "",
    )
    assert file.read_text() == "lamp\n"
    assert run(capsys, "disable", "clock")[0] == 0
    assert run(capsys, "enable", "lamp")[0] == 0
    assert file.read_text() == "clock\n"
    assert run(capsys, "enable", "lmap") == (1, "", "voiced: there is no plugin lmap; did you mean lamp?\n")


def test_what_the_settings_disable_stays_off_and_they_are_named(home: Path, capsys: Output) -> None:
    file = home / "voiced" / "voiced.toml"
    file.write_text('plugins.disabled = ["lamp"]\n')
    code, _, error = run(capsys, "enable", "lamp")
    assert (code, error) == (1, f"voiced: {file}:1: plugins.disabled names lamp; take it out there\n")


async def test_what_a_running_voiced_has_paused_is_not_well(home: Path, capsys: Output) -> None:
    lamp = {"name": "lamp", "state": "paused", "why": "paused after 3 crashes"}
    async with daemon(home, **lamp):
        code, out, _ = await asyncio.to_thread(run, capsys, "check", "lamp")
        assert (code, out) == (1, "1 plugin, nothing wrong\nlamp is paused after 3 crashes\n")


async def test_a_running_voiced_switches_its_own(home: Path, capsys: Output) -> None:
    async with daemon(home) as told:
        for action in ("disable", "enable"):
            assert await asyncio.to_thread(main, ["plugin", action, "remote"]) == 0
        assert await asyncio.to_thread(main, ["plugin", "enable", "lamp"]) == 1
    assert told == [("remote", "disable"), ("remote", "enable")]
    assert capsys.readouterr() == (
        "remote is off\nremote is on; see how it does with: voiced plugin list\n",
        "voiced: there is no plugin lamp; there are remote\n",
    )
    assert not (home / "voiced" / "plugins.off").exists()


# call


def test_a_tool_is_run_here_with_its_settings(capsys: Output) -> None:
    assert run(capsys, "call", "lamp", '{"on": true}') == (0, "The lamp in the attic is on.\n", "")


def test_a_tool_that_fails_is_exit_code_1(capsys: Output) -> None:
    code, out, _ = run(capsys, "call", "lamp", '{"on": "perhaps"}')
    assert code == 1
    assert "on: Input should be a valid boolean" in out
    code, out, _ = run(capsys, "call", "crash")
    assert code == 1
    assert "crash failed (RuntimeError)" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [('{"on": ', "this is not JSON"), ("[true]", "the arguments are one JSON object")],
)
def test_arguments_that_are_no_json_are_wrong_usage(arguments: str, complaint: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plugin", "call", "lamp", arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert """write for example '{"city": "Oslo"}'""" in error


def test_an_unknown_tool_is_told_with_the_nearest_and_with_what_is_off(home: Path, capsys: Output) -> None:
    (home / "voiced/plugins/broken.py").write_text("1 / 0\n")
    settings = 'plugins.disabled=["mcp", "media", "home_assistant", "shell", "memory"]'
    code, out, error = run(capsys, "call", "lmap", "--set", settings)
    assert (code, out) == (1, "")
    assert error.splitlines()[0] == "voiced: there is no tool lmap; did you mean lamp?"
    assert "voiced: broken is broken: it does not load: ZeroDivisionError: division by zero" in error
    assert "voiced: shell is off: plugins.disabled in the settings names it" in error


def test_where_a_tool_is_not_offered_the_reason_is_told(home: Path, capsys: Output) -> None:
    (home / "odd.py").write_text(CLASH)
    code, _, error = run(capsys, "call", "--plugin", "odd.py", "odd")
    assert code == 1
    assert f"voiced: odd: {home}/odd.py:9 odd: a: a dict" in error


def test_what_a_plugin_prints_while_it_is_tried_is_seen(home: Path) -> None:
    (home / "dice.py").write_text(
        "from voiced.api import tool\n\nprint('imported')\n\n@tool\ndef roll() -> int:\n"
        '    "Roll."\n    print("rolling")\n    return 4\n'
    )
    code, out, error = process("call", "--plugin", "dice.py", "roll")
    assert (code, out) == (0, "4\n")
    assert [json.loads(line)["text"] for line in error.splitlines()] == ["imported", "rolling"]


def test_what_it_says_is_printed_and_what_it_asks_is_answered_by_typing(home: Path) -> None:
    assert process("call", "colour", typed="blue\n") == (
        0,
        "says: There are two.\nasks: Which one?\n(answer: red, blue)\n♪ done\n(shows: A blue lamp)\nIt is blue.\n",
        "",
    )
    code, out, _ = process("call", "colour")
    assert (code, out.splitlines()[-1]) == (1, "No answer: nobody typed an answer.")


def test_what_takes_long_is_waited_for(capsys: Output) -> None:
    code, out, _ = run(capsys, "call", "warm_up")
    assert code == 0
    assert out.splitlines()[0] == "Begun; the result is announced later."
    assert "It is warm." in out.splitlines()[1]


def test_a_plugin_that_is_not_installed_is_named_by_its_path(home: Path, capsys: Output) -> None:
    (home / "dice.py").write_text(
        'from voiced.api import tool\n\n@tool\ndef roll() -> int:\n    "Roll."\n    return 4\n'
    )
    assert run(capsys, "call", "--plugin", "dice.py", "roll") == (0, "4\n", "")
    assert run(capsys, "new", "garden")[0] == 0
    code, out, _ = run(capsys, "call", "--plugin", "voiced-garden", "remind_of_garden", '{"minutes": 1}')
    assert (code, out) == (0, "I will remind you in 1 minute.\n")


def test_what_a_plugin_keeps_is_where_the_daemon_keeps_it(home: Path) -> None:
    assert process("call", "where") == (0, "lamp\n", "")
    assert (home / "voiced" / "plugins" / "lamp").is_dir()


async def test_a_tool_has_the_api_of_the_settings_and_what_it_costs_is_counted(
    home: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "poem.py").write_text(POEM)
    monkeypatch.setenv("ATTIC_API_KEY", "sk-attic")
    async with HttpLoopback(["Roses are red."], valid_key="sk-attic") as server:
        attic = f'{{base_url = "{server.base_url}", models = {{chat = "gpt-4o-mini"}}}}'
        call = ["plugin", "call", "--plugin", "poem.py", "poem", '{"about": "roses"}']
        call += ["--set", f"ai.providers.attic={attic}", "--set", 'ai.order=["attic"]']
        assert await asyncio.to_thread(main, call) == 0
        assert await asyncio.to_thread(main, [*call, "--set", "budget.daily_usd=0.000001"]) == 1
        assert server.violations == ()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Roses are red."
    assert "the budget is spent" in second
    assert main(["usage", "--models"]) == 0
    assert "gpt-4o-mini" in capsys.readouterr().out


async def test_a_running_voiced_runs_what_it_has_and_the_rest_runs_here(home: Path, capsys: Output) -> None:
    async with daemon(home) as told:
        assert await asyncio.to_thread(main, ["plugin", "call", "far_away", '{"at": "ø"}']) == 0
        assert await asyncio.to_thread(main, ["plugin", "call", "far_away"]) == 1
        assert await asyncio.to_thread(main, ["plugin", "call", "lamp", '{"on": false}']) == 0
    assert told == [("far_away", {"at": "ø"}), ("far_away", {})]
    assert capsys.readouterr().out == 'got {"at": "\\u00f8"}\ngot {}\nThe lamp in the attic is off.\n'


# dev


@pytest.mark.real_time
def test_a_plugin_is_tried_through_pipes(home: Path) -> None:
    (home / "dice.py").write_text(
        "from voiced.api import ToolContext, tool\n\n\n"
        '@tool(sentences=["roll the dice"])\n'
        'def roll(context: ToolContext) -> str:\n    "Roll."\n'
        '    context.log.info("it rolls")\n    print("rolling")\n    return "A four."\n'
    )
    code, out, error = process("dev", "dice.py", typed="roll the dice\n/call roll\n")
    said = [line for line in out.splitlines() if line.startswith("voiced    ")]
    assert (code, said) == (0, ["voiced    A four."] * 2)
    logged = [json.loads(line) for line in error.splitlines()]
    assert [line["event"] for line in logged if line["event"] == "it rolls"] == ["it rolls"] * 2
    assert {line["plugin"] for line in logged} == {"dice"}
    assert sorted(path.name for path in home.iterdir()) == ["dice.py", "voiced"]


def test_what_is_no_plugin_can_not_be_tried(home: Path) -> None:
    code, out, error = process("dev", "nowhere")
    assert (code, out) == (1, "")
    assert error == f"voiced: {home}/nowhere is not there; make a plugin with: voiced plugin new nowhere\n"


def test_ctrl_c_ends_it(home: Path) -> None:
    (home / "dice.py").write_text(
        'from voiced.api import tool\n\n@tool\ndef roll() -> int:\n    "Roll."\n    return 4\n'
    )
    with subprocess.Popen(
        [sys.executable, "-m", "voiced", "plugin", "dev", "dice.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as trial:
        assert trial.stdout is not None
        for line in trial.stdout:
            if line.startswith("plugin    dice: roll"):
                break
        trial.send_signal(2)
        trial.wait(PATIENCE_S)  # not `communicate`, which ends standard input too
        _, error = trial.communicate()
    assert (trial.returncode, error) == (130, "")
