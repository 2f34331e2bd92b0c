"""The command line: what a newcomer reads, what a script can rely on, and that no key is ever printed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from voiced import __version__
from voiced.audio import Ms
from voiced.cli import main
from voiced.cli.fact_words import fact_line
from voiced.cli.parser import parser
from voiced.cli.reaching import paths, paths_at_once
from voiced.cli.remote import is_well, status_lines
from voiced.cli.sound_check import hear, listed, meter, play
from voiced.config import example
from voiced.control.lines import line_of
from voiced.control.protocol import Ptt, fact_reply, parse_request
from voiced.control.server import ControlServer
from voiced.conversation.commands import (
    AttentionChanged,
    BargedIn,
    BrainChanged,
    BrainSelected,
    CardGone,
    CardShown,
    DeviceChanged,
    Fact,
    FalseInterruption,
    FloorChanged,
    Muted,
    NotSpeech,
    QuestionAsked,
    ReplyHeard,
    RequestEnded,
    SoundBegun,
    Spent,
    TalkKeyHeld,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UserTyped,
    UtteranceEnded,
    VolumeChanged,
    Warned,
    Woken,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    CallId,
    Card,
    Event,
    Image,
    MuteAsked,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    Usage,
    VolumeAsked,
)
from voiced.playout.earcons import tone
from voiced.sound_card import Device
from voiced.testing.sound_card import VirtualCard

KEY = "sk-proj-0123456789abcdefghijklmnop"
PNG = b"\x89PNG\r\n\x1a\n and so on"
COMMANDS = (
    "run",
    "demo",
    "devices",
    "doctor",
    "config",
    "status",
    "usage",
    "service",
    "say",
    "ask",
    "api",
    "stop",
    "mute",
    "unmute",
    "reload",
    "volume",
    "ptt",
    "history",
    "quit",
    "plugin",
)

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, with nothing in it, short enough for a socket."""
    with TemporaryDirectory() as name:
        for variable in [each for each in os.environ if each.startswith("VOICED_")]:
            monkeypatch.delenv(variable)
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(variable, name)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield Path(name)


@pytest.fixture
def settings(directory: Path) -> Path:
    """A file of settings that names this test's own socket."""
    file = directory / "voiced.toml"
    file.write_text(f'[control]\nsocket = "{directory}/control.sock"\n')
    return file


# Help.


def test_without_a_command_it_shows_what_to_try_first(capsys: Output) -> None:
    assert main([]) == 2
    help = capsys.readouterr().out
    assert "voiced demo" in help
    assert "3 no daemon is running" in help
    assert [name for name in COMMANDS if f"\n    {name} " not in help] == []


@pytest.mark.parametrize(
    "command", [*COMMANDS, *(f"config {action}" for action in ("check", "show", "path", "example"))]
)
def test_every_command_explains_itself(command: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: voiced {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["say"], "the following arguments are required: text"),
        (["volume", "300"], "'300' is not a whole number from 0 to 100"),
        (["volume", "loud"], "'loud' is not a whole number from 0 to 100"),
        (["ptt"], "the following arguments are required: action"),
        (["ptt", "hold"], "invalid choice: 'hold' (choose from 'down', 'up', 'toggle')"),
        (["status", "--watch"], "unrecognized arguments: --watch"),
        (["status", "--lik"], "unrecognized arguments: --lik"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], complaint: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


# Settings.


def test_wrong_settings_are_exit_code_2_with_a_line_each(settings: Path, capsys: Output) -> None:
    settings.write_text("[turn]\nhangovr_ms = 5\nend = 'me'\n")
    for command in (["config", "check"], ["config", "show"], ["run"], ["status"]):
        assert main([*command, "--config", str(settings)]) == 2
        assert capsys.readouterr() == (
            "",
            f"voiced: {settings}:2: no such setting: turn.hangovr_ms; did you mean turn.hangover_ms?\n"
            f'voiced: {settings}:3: turn.end is "me"; the choices: local, server, semantic\n',
        )


def test_settings_are_checked(settings: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["config", "check", "--config", str(settings)]) == 0
    assert capsys.readouterr().out == "the settings are fine; the OpenAI key is set (from OPENAI_API_KEY)\n"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["config", "check", "--config", str(settings)]) == 0
    assert capsys.readouterr().out == (
        "warning: there is no OpenAI key: set OPENAI_API_KEY, or name a file with it in openai.key_file\n"
        "the settings are fine; the OpenAI key is not set\n"
    )
    assert main(["config", "check", "--config", str(settings), "--set", "openai.key_file=/nonexistent"]) == 2


def test_a_provider_without_its_key_is_a_warning(tmp_path: Path, capsys: Output) -> None:
    """Whoever asks it never needs none. OpenAI's own is told of once."""
    settings = tmp_path / "voiced.toml"
    settings.write_text(
        '[ai]\norder = ["openai", "openrouter"]\n[ai.orders]\nchat = ["ollama"]\n[ai.providers.work]\n'
        'base_url = "https://work.openai.azure.com"\n[ai.providers.attic]\nbase_url = "http://192.168.1.2:8000/v1"\n'
        '[ai.providers.kimi]\nkey_file = "/nonexistent"\n'
    )
    assert main(["config", "check", "--config", str(settings)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "warning: no API key for openrouter: set OPENROUTER_API_KEY, or name a file with it in "
        "ai.providers.openrouter.key_file",
        "warning: no API key for work: set WORK_API_KEY, or name a file with it in ai.providers.work.key_file",
        "warning: /nonexistent: no such file; ai.providers.kimi.key_file names it: create it with the API key in it",
        "the settings are fine; the OpenAI key is set (from OPENAI_API_KEY)",
    ]


def test_settings_are_shown_with_their_origin(settings: Path, capsys: Output) -> None:
    assert main(["config", "show", "--config", str(settings), "--set", "log.level=debug"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "# OpenAI key: set (from OPENAI_API_KEY)"
    assert 'level = "debug"  # --set log.level' in shown
    assert f'socket = "{settings.parent}/control.sock"  # {settings}:2' in shown


def test_the_places_and_the_example_are_printed(directory: Path, settings: Path, capsys: Output) -> None:
    assert main(["config", "path", "--config", str(settings)]) == 0
    assert capsys.readouterr().out == f"{settings}  is read\n"
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"{directory}/voiced/voiced.toml  is not there"
    assert main(["config", "example"]) == 0
    assert capsys.readouterr().out == example()


# The running daemon.


def test_no_daemon_is_exit_code_3(settings: Path, capsys: Output) -> None:
    for command in (
        ["status"],
        ["say", "hello"],
        ["ask", "hello"],
        ["stop"],
        ["volume", "5"],
        ["ptt", "down"],
        ["history"],
        ["quit"],
    ):
        assert main([*command, "--config", str(settings)]) == 3
        assert capsys.readouterr().err == (
            f"voiced: no voiced is running (looked at {settings.parent}/control.sock); start it with: voiced run\n"
        )


@contextlib.asynccontextmanager
async def daemon(
    settings: Path, *, quit: Callable[[], None] = lambda: None, said: Sequence[Mapping[str, str]] = ()
) -> AsyncIterator[tuple[ControlServer, asyncio.Queue[Event]]]:
    events: asyncio.Queue[Event] = asyncio.Queue()
    path = settings.parent / "control.sock"
    server = ControlServer(
        path,
        post=events.put_nowait,
        reload=lambda: None,
        plugins=list,
        switch=lambda name, action: None,
        run_tool=lambda command: None,
        quit=quit,
        history=lambda: said,
        modes=lambda: ["open"],
        clock=lambda: 0.0,
    )
    async with server.serving():
        yield server, events


async def voiced(settings: Path, *arguments: str) -> int:
    return await asyncio.to_thread(main, [*arguments, "--config", str(settings)])


async def test_orders_reach_the_daemon(settings: Path, capsys: Output) -> None:
    async with daemon(settings) as (_, events):
        for order in ("stop", "mute", "unmute", "volume 40", "ptt down", "ptt up", "ptt toggle", "reload"):
            assert await voiced(settings, *order.split()) == 0
        assert [events.get_nowait() for _ in range(events.qsize())] == [
            StopAsked(), MuteAsked(True), MuteAsked(False), VolumeAsked(40),
            TalkKeyMoved("down"), TalkKeyMoved("up"), TalkKeyMoved("toggle"),
        ]  # fmt: skip
    out, error = capsys.readouterr()
    assert (out, error) == (
        "settings and plugins are read anew; see how plugins do with: voiced plugin list\n", "",
    )  # fmt: skip


async def test_quit_waits_until_the_daemon_has_ended(settings: Path) -> None:
    asked = asyncio.Event()
    async with daemon(settings, quit=asked.set):
        quitting = asyncio.ensure_future(voiced(settings, "quit"))
        await asked.wait()
        assert not quitting.done()
    assert await quitting == 0


async def test_what_was_said_is_printed(settings: Path, capsys: Output) -> None:
    said = [{"who": "user", "text": "Is it late?"}, {"who": "assistant", "text": "Half past six."}]
    async with daemon(settings, said=said):
        assert await voiced(settings, "history") == 0
        assert capsys.readouterr().out == "you        Is it late?\nassistant  Half past six.\n"
        assert await voiced(settings, "history", "--json") == 0
        assert json.loads(capsys.readouterr().out) == said
        said.clear()
        assert await voiced(settings, "history") == 0
        assert capsys.readouterr().out == "nothing was said yet\n"


def test_a_key_to_talk_is_quick_since_it_imports_no_models(settings: Path) -> None:
    script = (
        "import sys; from voiced.cli import main; main(); print('pydantic' in sys.modules, 'asyncio' in sys.modules)"
    )
    home = {"HOME": str(settings.parent), "XDG_CONFIG_HOME": str(settings.parent)}
    (settings.parent / "voiced").mkdir()
    settings.rename(settings.parent / "voiced" / "voiced.toml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.parent / "control.sock"))
        listener.listen()
        order = subprocess.Popen(
            [sys.executable, "-c", script, "ptt", "down"], env={**os.environ, **home}, stdout=subprocess.PIPE, text=True
        )
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as lines:
            assert parse_request(lines.readline()) == Ptt(action="down")
            lines.write(b'{"protocol":1,"done":true}\n')
        assert order.communicate(timeout=60)[0] == "False False\n"


@pytest.mark.parametrize(
    ("written", "variables", "overrides", "place"),
    [
        ("", {}, [], "HOME/voiced/control.sock"),
        ('[control]\nsocket = "/run/a.sock"', {}, [], "/run/a.sock"),
        ('control.socket = "~/a.sock"', {}, [], "HOME/a.sock"),
        ('[control]\nsocket = "/run/a.sock"', {"VOICED_CONTROL__SOCKET": "/run/b.sock"}, [], "/run/b.sock"),
        ('[control]\nsocket = "/run/a.sock"', {}, ["control.socket=/run/c.sock"], "/run/c.sock"),
        ("[turn]\nhangovr_ms = 5", {}, [], "HOME/voiced/control.sock"),
    ],
    ids=["unnamed", "table", "dotted", "variable", "argument", "mistake"],
)
def test_an_order_finds_the_daemon_where_all_settings_say_it_is(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    variables: dict[str, str],
    overrides: list[str],
    place: str,
) -> None:
    (directory / "voiced").mkdir()
    (file := directory / "voiced" / "voiced.toml").write_text(written)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    place = place.replace("HOME", str(directory))
    for only in (None, file):
        arguments = Namespace(config=only, overrides=overrides)
        assert str(paths_at_once(arguments)[0]) == place
        if "hangovr" not in written:
            assert paths_at_once(arguments) == paths(arguments)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("[control]\nsocket = 5", "control.socket is 5"),
        ("control = 5", "control"),
        ("[control", "this is not TOML"),
        (None, "no such file"),
    ],
    ids=["number", "no table", "half-edited", "missing"],
)
def test_an_order_complains_as_all_do_where_the_place_of_the_socket_is_written_wrong(
    settings: Path, capsys: Output, written: str | None, complaint: str
) -> None:
    settings.unlink() if written is None else settings.write_text(written)
    assert main(["stop", "--config", str(settings)]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.skipif(Path("/run/voiced/control.sock").exists(), reason="it would mute the voiced of this machine")
async def test_half_edited_settings_keep_nobody_from_muting(directory: Path, capsys: Output) -> None:
    (directory / "voiced").mkdir()
    (directory / "voiced" / "voiced.toml").write_text("[turn\n")
    assert await asyncio.to_thread(main, ["mute"]) == 2
    async with daemon(directory / "voiced" / "voiced.toml") as (_, events):
        assert await asyncio.to_thread(main, ["mute"]) == 0
        assert events.get_nowait() == MuteAsked(True)
    assert "voiced.toml:1:6: this is not TOML" in capsys.readouterr().err


async def test_an_answer_is_printed_and_a_failure_is_exit_code_1(settings: Path, capsys: Output) -> None:
    (picture := settings.parent / "cat.png").write_bytes(PNG)
    async with daemon(settings) as (server, events), asyncio.TaskGroup() as tasks:
        ask = tasks.create_task(voiced(settings, "ask", "What is", "this?", "--image", str(picture)))
        assert await events.get() == TextAsked("control-1", "What is this?", (Image("image/png", PNG),))
        server.report(RequestEnded("control-1", "A cat."))
        assert await ask == 0
        assert capsys.readouterr() == ("A cat.\n", "")
        say = tasks.create_task(voiced(settings, "say", "Dinner is ready"))
        assert await events.get() == AnnouncementAsked("control-2", "Dinner is ready")
        server.report(RequestEnded("control-2", error="the brain is away"))
        assert await say == 1
        assert capsys.readouterr() == ("", "voiced: the brain is away\n")


async def test_what_a_tool_asks_back_is_printed_with_how_to_answer(settings: Path, capsys: Output) -> None:
    async with daemon(settings) as (server, events), asyncio.TaskGroup() as tasks:
        ask = tasks.create_task(voiced(settings, "ask", "Unlock the door."))
        await events.get()
        server.report(QuestionAsked("control-1", "Shall I unlock it?"))
        server.report(RequestEnded("control-1", "It is open."))
        assert await ask == 0
        assert capsys.readouterr() == ("It is open.\n", 'Shall I unlock it? (voiced ask "yes" answers that)\n')


def test_a_picture_that_is_none_is_refused_here(settings: Path, capsys: Output) -> None:
    for name, complaint in (
        ("missing.png", "the picture can't be read (No such file or directory)"),
        ("voiced.toml", "is no PNG or JPEG file; convert it"),
    ):
        picture = settings.parent / name
        assert main(["ask", "What?", "--image", str(picture), "--config", str(settings)]) == 1
        assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "the text is empty"), (" ", "the text is empty"), ("\udcff", "the text is not UTF-8")],
)
@pytest.mark.parametrize("command", ["say", "ask"])
def test_a_text_that_is_none_is_refused_here(
    command: str, text: str, complaint: str, settings: Path, capsys: Output
) -> None:
    assert main([command, text, "--config", str(settings)]) == 1
    assert capsys.readouterr() == ("", f"voiced: {complaint}\n")


async def test_the_status_is_for_people_and_programs_and_its_exit_code_says_if_all_is_well(
    settings: Path, capsys: Output
) -> None:
    async with daemon(settings) as (server, _):
        assert await voiced(settings, "status") == 1  # it is still connecting
        capsys.readouterr()
        for fact in (BrainChanged("ready"), DeviceChanged("microphone", True, "USB Audio")):
            server.report(fact)
        assert await voiced(settings, "status") == 0
        assert capsys.readouterr().out == (
            f"voiced {__version__}, up 0 s, process {os.getpid()}\n"
            "floor        idle\n"
            "listens      to whoever speaks\n"
            "brain        realtime, ready\n"
            "microphone   USB Audio\n"
            "turns        0, failed 0, replies 0, barge-ins 0, false interruptions 0\n"
            "tools        0 runs, failed 0\n"
            "tokens       none\n"
        )
        server.report(DeviceChanged("microphone", False, "unplugged"))
        assert await voiced(settings, "status", "--json") == 1
        assert json.loads(capsys.readouterr().out) == server.status()


async def test_everything_that_is_wrong_is_in_the_status_for_people(settings: Path) -> None:
    async with daemon(settings) as (server, _):
        for fact in (
            BrainChanged("lost", "the network is down"),
            BrainSelected("offline"),
            BrainChanged("ready", brain="offline"),
            DeviceChanged("loudspeaker", False, "unplugged"),
            TurnFailed(3, "no answer"),
        ):
            server.report(fact)
        plugin = {"name": "lamp", "place": "lamp.py", "tools": [], "problems": [], "state": "on", "why": ""}
        broken = {**plugin, "name": "blinds", "problems": ["it crashed", "it has none"], "state": "broken"}
        plugins = [
            plugin,
            {**broken, "why": "it crashed"},
            {**plugin, "name": "shell", "state": "off", "why": "no key"},
        ]
        status = {**server.status(), "uptime_s": 200_000.0, "muted": True, "plugins": plugins}
    lines = list(status_lines(status))
    assert not is_well(status)
    assert lines[0].startswith(f"voiced {__version__}, up 2 days, ")
    assert {
        "floor        idle",
        "listens      to nobody: it is muted, and the microphone is closed; `voiced unmute` opens it",
        "brain        offline, ready",
        "             realtime lost: the network is down",
        "loudspeaker  lost: unplugged",
        "plugin       lamp: no tools",
        "plugin       blinds: broken: it crashed",
        "             it has none",
        "plugin       shell: off: no key",
        "0 s ago: turn 3: no answer",
    } <= set(lines)
    assert "             it crashed" not in lines  # once is enough


@pytest.mark.parametrize(
    ("modes", "attentive", "key_held", "words"),
    [
        (["open"], True, False, "to whoever speaks"),
        (["open", "ptt"], True, False, "to whoever speaks"),
        (["wake"], False, False, "after the wake word"),
        (["wake"], True, False, "now to whoever speaks; else after the wake word"),
        (["ptt", "wake"], False, False, "after the wake word or while the key to talk is held"),
        (["ptt"], False, False, "while the key to talk is held"),
        (["ptt"], False, True, "now, since the key to talk is held"),
        (["wake", "ptt"], False, True, "now, since the key to talk is held; else after the wake word"),
    ],
)
async def test_the_status_says_to_whom_it_listens(
    settings: Path, modes: list[str], attentive: bool, key_held: bool, words: str
) -> None:
    async with daemon(settings) as (server, _):
        server.report(AttentionChanged(attentive))
        server.report(TalkKeyHeld(key_held))
        status = server.status()
    status["listening"]["modes"] = modes
    assert f"listens      {words}" in status_lines(status)


async def test_the_status_says_which_keys_work_and_what_to_do_where_none_does(settings: Path) -> None:
    async with daemon(settings) as (server, _):
        status = server.status()
    assert [line for line in status_lines(status) if line.startswith("keys")] == []
    for working, problem, words in (
        ("ctrl+f9, f8", "", "ctrl+f9, f8"),
        ("", "the X server is gone", "the X server is gone"),
        ("ctrl+f9", "another program has the hotkey f8", "ctrl+f9; another program has the hotkey f8"),
        ("", "", "none yet; the desktop may be asking you for them"),
    ):
        shown = {**status, "keys": {"working": working, "problem": problem}}
        assert f"keys         {words}" in status_lines(shown)


async def test_what_was_spent_is_in_the_status(settings: Path) -> None:
    async with daemon(settings) as (server, _):
        status = server.status()
    spent = {"today_usd": 1.8, "daily_usd": 2.0, "month_usd": 7.125, "monthly_usd": 0.0, "guessed": False}
    assert [line for line in status_lines(status) if line.startswith("spent")] == []
    assert "spent        $1.80 today of $2.00, $7.12 this month; thrift: cascade" in status_lines(
        {**status, "spending": {**spent, "thrift": "cascade"}}
    )
    assert (
        "spent        $1.80 today of $2.00, $7.12 this month; some of it is a guess: see `voiced usage`"
    ) in status_lines({**status, "spending": {**spent, "thrift": "none", "guessed": True}})


async def test_what_happens_is_printed_as_it_happens(settings: Path) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    class Screen(io.StringIO):
        def flush(self) -> None:
            loop.call_soon_threadsafe(told.set)

    screen, arguments = Screen(), parser().parse_args(["status", "--follow", "--config", str(settings)])
    async with daemon(settings) as (server, _):
        following = asyncio.ensure_future(asyncio.to_thread(arguments.command, arguments, screen))
        await told.wait()
        for fact in (TalkKeyHeld(True), Woken("hey jarvis"), AttentionChanged(False), UserHeard(1, "a secret")):
            server.report(fact)
    assert await following == 0
    assert screen.getvalue().splitlines()[-5:] == [
        "tokens       none",
        "key to talk  held",
        "wake word    hey jarvis",
        "listens      to nobody just now",
        "you          turn 1",
    ]


async def test_who_follows_ends_with_who_reads_though_nothing_happens(settings: Path) -> None:
    async with daemon(settings):
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "voiced", "status", "--follow", "--config", str(settings)]
        following = await asyncio.create_subprocess_exec(*command, stdout=writing)
        os.close(writing)
        try:
            assert (await asyncio.to_thread(os.read, reading, 1000)).startswith(b"voiced ")
            os.close(reading)
            async with asyncio.timeout(20):
                assert await following.wait() == 141
        finally:
            if following.returncode is None:
                following.kill()
                await following.wait()


CARD = CardShown(Card("tea", "Tea", "It is ready.", Image("image/png", PNG)))


@pytest.mark.parametrize(
    ("fact", "plain", "with_texts"),
    [
        (FloorChanged("listening"), "floor        you speak", None),
        (UtteranceEnded(3, Ms(1200), Ms(900)), "you          spoke for 0.9 s, turn 3", None),
        (UtteranceEnded(3, Ms(1200), Ms(900), answers=True), "you          spoke for 0.9 s, an answer", None),
        (UserHeard(3, "Hello"), "you          turn 3", 'you          "Hello"'),
        (UserTyped("Hello"), "you          type something", 'you          type "Hello"'),
        (
            ReplyHeard(3, "Good mor", Ms(700), Ms(900), cut=True),
            "assistant    turn 3 (0.7 s of 0.9 s heard)",
            'assistant    "Good mor" (0.7 s of 0.9 s heard)',
        ),
        (
            ReplyHeard(3, "Hi", Ms(700), Ms(700), cut=False),
            "assistant    turn 3 (0.7 s heard)",
            'assistant    "Hi" (0.7 s heard)',
        ),
        (BargedIn(Ms(450)), "interrupted  after 450 ms", None),
        (FalseInterruption(Ms(120)), "interrupted  not: 120 ms of speech were too little", None),
        (
            ToolStarted(CallId("c"), "lamp", '{"on": true}'),
            "tool         lamp begins",
            'tool         lamp begins with {"on": true}',
        ),
        (ToolEnded(CallId("c"), "lamp", True, Ms(20)), "tool         lamp is done after 20 ms", None),
        (ToolEnded(CallId("c"), "lamp", False, Ms(20)), "tool         lamp failed after 20 ms", None),
        (BrainChanged("lost", "no network"), "brain        realtime lost: no network", None),
        (BrainSelected("offline"), "brain        offline answers from now on", None),
        (DeviceChanged("microphone", False, "unplugged"), "microphone   lost: unplugged", None),
        (TurnFailed(3, "no answer"), "failed       turn 3: no answer", None),
        (NotSpeech(3), "you          said nothing after all, turn 3", None),
        (Spent(Usage(text_in=5)), "tokens       text_in 5", None),
        (RequestEnded("control-1", "a secret"), "request      control-1 is done", None),
        (RequestEnded("control-1", error="no brain"), "request      control-1 failed: no brain", None),
        (SoundBegun("alarm"), "sound        alarm begins", None),
        (QuestionAsked("", "Shall I?"), "assistant    asks something", "assistant    asks: Shall I?"),
        (Muted(True), "microphone   closed: it is muted", None),
        (Muted(False), "microphone   open again", None),
        (TalkKeyHeld(False), "key to talk  let go", None),
        (Woken("hey jarvis"), "wake word    hey jarvis", None),
        (AttentionChanged(True), "listens      to whoever speaks", None),
        (
            CARD,
            "card         tea is shown with a picture, image/png",
            "card         tea is shown with a picture, image/png: Tea: It is ready.",
        ),
        (CardGone("tea"), "card         tea is gone", None),
        (VolumeChanged(40), "volume       40 %", None),
        (Warned("late", "audio of an old reply"), "odd          late: audio of an old reply", None),
    ],
)
def test_a_fact_is_a_line_in_plain_words(fact: Fact, plain: str, with_texts: str | None) -> None:
    for texts, line in ((False, plain), (True, with_texts or plain)):
        assert fact_line(json.loads(line_of(fact_reply(fact, texts=texts, images=False)))) == line


def test_a_card_is_shown_until_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    fact = fact_reply(CardShown(Card("egg", ends_at=3661.0)), texts=False)
    assert fact_line(fact) == "card         egg is shown until 01:01:01"
    monkeypatch.undo()
    time.tzset()


def test_a_fact_of_a_newer_daemon_is_a_line_too() -> None:
    assert fact_line({"fact": "MoonRose", "full": True, "phase": 5}) == "MoonRose     full=true  phase=5"


# The sound card.


def test_devices_are_listed_with_what_to_write_in_the_settings() -> None:
    assert list(listed([Device("USB Audio", "ALSA", 0, 1, 0, 48000)])) == [
        "microphones (capture.device):",
        "  USB Audio  (ALSA, 1 channel)",
        "loudspeakers (playout.device):",
        "  none",
    ]


async def on_card(card: VirtualCard, check: asyncio.Future[int]) -> int:
    """Let the card's time pass until the check is over."""
    while not check.done():
        await card.run(0.01)
    return await check


async def test_a_microphone_is_tried(capsys: Output) -> None:
    card, out = VirtualCard(), io.StringIO()
    card.say(tone(440, Ms(3000), dbfs=-20.0))
    assert await on_card(card, asyncio.ensure_future(asyncio.to_thread(hear, card, "", out))) == 0
    assert out.getvalue().splitlines()[1:] == [
        "its loudest tenth of a second had -23 dBFS; speech should reach -40 to -10"
    ]


async def test_a_muted_microphone_is_exit_code_1() -> None:
    card, out = VirtualCard(noise_dbfs=None), io.StringIO()
    assert await on_card(card, asyncio.ensure_future(asyncio.to_thread(hear, card, "", out))) == 1
    assert out.getvalue().splitlines()[1:] == ["it is silent: is it muted, or switched off?"]


async def test_a_loudspeaker_is_tried() -> None:
    card, out = VirtualCard(), io.StringIO()
    assert await on_card(card, asyncio.ensure_future(asyncio.to_thread(play, card, "", out))) == 0
    loud = abs(card.played.samples().astype(int)) > 1000
    assert 0.9 < loud.sum() / card.rate < 1.2


def test_the_meter_goes_from_60_db_below_full_scale_to_full_scale() -> None:
    assert meter(-100.0) == f"[{' ' * 60}] -100 dBFS"
    assert meter(-30.0) == f"[{'#' * 30}{' ' * 30}]  -30 dBFS"
    assert meter(0.0) == f"[{'#' * 60}]    0 dBFS"


# The process.


def process(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **more}
    return subprocess.run(
        [sys.executable, "-m", "voiced", *arguments],
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        check=False,
    )


def test_the_installed_command_works_and_says_its_version() -> None:
    assert process("--version").stdout == f"voiced {__version__}\n"


def test_no_command_prints_the_key(settings: Path) -> None:
    for command in (
        "config show", "config check", "config path", "config example", "status", "devices", "ask hm", "",
        f"config show --set openai.key_file={KEY}", f"config check --set turn.end={KEY}",
        f"config show --set openai.api_key={KEY}", f"status --set control.socket=/{KEY}/control.sock",
    ):  # fmt: skip
        ended = process(*command.split(), OPENAI_API_KEY=KEY)
        assert KEY not in ended.stdout + ended.stderr, command
        assert "Traceback" not in ended.stderr, command


def test_a_reader_that_goes_away_is_no_drama() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "voiced", "config", "example"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")
