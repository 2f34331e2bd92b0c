"""The grammar of the command line, with the help that goes with it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from voiced import __version__
from voiced.cli.grammar import FORM, Parser, command, lazily, shows_help

_EPILOG = """\
try it, with no key, no microphone and no network:
  voiced demo

then:
  export OPENAI_API_KEY=sk-...     or put the key in a file: voiced config example
  voiced devices                   which microphones and loudspeakers there are
  voiced config check              whether the settings are fine
  voiced run                       talk to it; Ctrl-C ends it

exit codes:
  0 done   1 failed   2 wrong usage or settings   3 no daemon is running   130 interrupted by Ctrl-C
"""


def parser() -> Parser:
    """The whole grammar. What it parses has `command`, to be called with the namespace and where to print."""
    whole = Parser("voiced", description="A voice assistant that one can leave on.", epilog=_EPILOG, **FORM)
    whole.add_argument("--version", action="version", version=f"voiced {__version__}")
    whole.set_defaults(command=shows_help(whole))
    commands = whole.add_subparsers(metavar="COMMAND", title="commands")

    text = "run the assistant in the foreground, until Ctrl-C or SIGTERM"
    run = command(commands, "run", text, lazily("daemon", "run"), epilog=_RUN)
    run.add_argument("--kiosk", action="store_true", help="serve a page to look at and to touch; the log says where")

    text = "hear a scripted conversation; needs no key, no sound card, no network"
    demo = command(commands, "demo", text, lazily("daemon", "demo"), settings=False)
    demo.add_argument("--output", type=Path, metavar="FILE.wav", help="write what was said and heard to this file")

    text = "list microphones and loudspeakers, or try one"
    devices = command(commands, "devices", text, lazily("sound_check", "devices"), epilog=_DEVICES)
    what = devices.add_mutually_exclusive_group()
    what.add_argument("--test-input", nargs="?", const="", metavar="NAME", help="show the microphone's level for 5 s")
    what.add_argument("--test-output", nargs="?", const="", metavar="NAME", help="play three tones")
    what.add_argument("--json", action="store_true", help="the list for programs")

    text = "find out what is wrong, and which command mends it"
    doctor = command(commands, "doctor", text, lazily("doctor", "doctor"), epilog=_DOCTOR)
    doctor.add_argument("--offline", action="store_true", help="ask no server")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument(
        "--report",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE.tar.gz",
        help="also write a bundle for whoever is to help, with keys and names taken out",
    )

    text = "use the API from the shell: ask, transcribe, draw, files, batches …"
    command(commands, "api", text, None, settings=False).grows = _api

    config = command(commands, "config", "check, show or begin the settings", None, settings=False)
    actions = config.add_subparsers(metavar="ACTION", title="actions")
    for name, text in (
        ("check", "say what is wrong with the settings; exit code 2 if anything is"),
        ("show", "print every setting in force and where it comes from"),
        ("path", "print which files are looked at, and whether they are there"),
        ("example", "print a commented file with every setting, to begin with"),
    ):
        command(actions, name, text, lazily("settings", name), settings=name != "example")

    _plugin(command(commands, "plugin", "write plugins, try them, and switch them on and off", None, settings=False))

    text = "tell how the running assistant is"
    status = command(commands, "status", text, lazily("remote", "status"), epilog=_STATUS)
    status.add_argument("--json", action="store_true", help="for programs; with --follow one object per line")
    status.add_argument("--follow", action="store_true", help="what happens, as it happens, until Ctrl-C")
    status.add_argument("--texts", action="store_true", help="with --follow: also what people and the assistant say")

    text = "have systemd run it, from the start of the machine or of your session on"
    _service(command(commands, "service", text, None, settings=False))

    text = "the first run: asks for devices and a key, and ends with a spoken hello"
    setup = command(commands, "setup", text, lazily("setup", "setup"), settings=False, epilog=_SETUP)
    setup.add_argument("--config", type=Path, metavar="FILE", help="write the settings there (your own file)")
    setup.add_argument("--yes", action="store_true", help="ask nothing; what is not given is as usual")
    setup.add_argument("--microphone", metavar="NAME", help='its name, or letters of it; "" is the system\'s own')
    setup.add_argument("--loudspeaker", metavar="NAME", help="as --microphone")
    setup.add_argument("--key-file", type=Path, metavar="FILE", help="take the OpenAI key from there")
    setup.add_argument("--listen", type=_modes, metavar="MODES", help="open, wake, ptt, or wake,ptt")
    setup.add_argument("--no-sound", action="store_true", help="play nothing")

    text = "measure the room with a chirp, and write the settings that fit it"
    calibrate = command(commands, "calibrate", text, lazily("calibrate", "calibrate"), epilog=_CALIBRATE)
    calibrate.add_argument("--yes", action="store_true", help="write the settings without asking")
    calibrate.add_argument("--dry-run", action="store_true", help="write nothing")
    calibrate.add_argument("--json", action="store_true", help="for programs; writes without asking")

    text = "show what was used, by day and model, and what it cost"
    usage = command(commands, "usage", text, lazily("usage", "usage"), epilog=_USAGE)
    span = usage.add_mutually_exclusive_group()
    span.add_argument("--days", type=_days, default=14, metavar="N", help="so many days, today the last (14)")
    span.add_argument("--months", action="store_true", help="by month, all that is known")
    usage.add_argument("--models", action="store_true", help="each model by itself")
    usage.add_argument("--json", action="store_true", help="for programs")

    say = command(commands, "say", "let the running assistant say something aloud", lazily("remote", "say"))
    say.add_argument("text", nargs="+", help="what it shall say")

    ask = command(commands, "ask", "ask the running assistant; it answers aloud and here", lazily("remote", "ask"))
    ask.add_argument("text", nargs="+", help="the question")
    ask.add_argument("--image", action="append", default=[], type=Path, metavar="FILE", help="a PNG or JPEG to look at")

    text = "print what was said lately, by both of you"
    history = command(commands, "history", text, lazily("remote", "history"))
    history.add_argument("--json", action="store_true", help="for programs")

    for name, text in (
        ("stop", "make the running assistant be quiet"),
        ("mute", "close its microphone"),
        ("unmute", "open its microphone again"),
        ("reload", "make it read settings and plugins anew"),
        ("quit", "end the running assistant"),
    ):
        command(commands, name, text, lazily("orders", name), epilog=_QUIT if name == "quit" else None)

    text = "the key to talk, for a key of your desktop or a switch of your own"
    ptt = command(commands, "ptt", text, lazily("orders", "ptt"), epilog=_PTT)
    ptt.add_argument("action", choices=("down", "up", "toggle"), help="pressed, let go, or whichever it is not")

    volume = command(commands, "volume", "set how loud it is", lazily("orders", "volume"))
    volume.add_argument("percent", type=_percent, help="0 to 100")
    return whole


def _api(api: Parser) -> None:
    """The grammar of `voiced api`, which is as large as all else."""
    from voiced.cli import api_parser

    api_parser.add(api)


def _plugin(plugin: Parser) -> None:
    """The grammar of `voiced plugin`."""
    actions = plugin.add_subparsers(metavar="ACTION", title="actions")

    text = "begin a plugin: a package with a tool, a test and a README"
    new = command(actions, "new", text, lazily("plugin_new", "new"), settings=False, epilog=_PLUGIN_NEW)
    new.add_argument("name", metavar="NAME", help="lower-case letters, digits and hyphens, such as weather")
    new.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="the folder to make it in (this one)")

    text = "try a plugin while you write it; it is loaded anew when you save"
    dev = command(actions, "dev", text, lazily("plugin_dev", "dev"), epilog=_PLUGIN_DEV)
    dev.add_argument("path", type=Path, metavar="PATH", help="a .py file, a package, or a project of `plugin new`")
    dev.add_argument("--sound", action="store_true", help="speak with it, through the real sound card")

    call = command(actions, "call", "run one tool", lazily("plugin_call", "call"), epilog=_PLUGIN_CALL)
    call.add_argument("tool", metavar="TOOL", help="its name, as the model knows it")
    call.add_argument("arguments", nargs="?", type=_json_object, default={}, metavar="JSON", help="its arguments")
    call.add_argument("--plugin", type=Path, metavar="PATH", help="of this plugin: a .py file, a package or a project")

    text = "list the plugins: their tools, what they may do, and why one is off"
    listing = command(actions, "list", text, lazily("plugin_list", "list_all"), epilog=_PLUGIN_LIST)
    listing.add_argument("--json", action="store_true", help="for programs")

    text = "say what is wrong with plugins, and how to mend it"
    check = command(actions, "check", text, lazily("plugin_check", "check"), epilog=_PLUGIN_CHECK)
    check.add_argument("what", nargs="*", metavar="NAME|PATH", help="a plugin by its name, or where it lies (all)")

    for name, text in (
        ("enable", "switch a plugin on, now and for the next start"),
        ("disable", "switch a plugin off, now and for the next start"),
    ):
        switch = command(actions, name, text, lazily("plugin_switch", name), epilog=_PLUGIN_SWITCH)
        switch.add_argument("name", metavar="NAME", help="as `voiced plugin list` shows it")


def _service(service: Parser) -> None:
    """The grammar of `voiced service`."""
    actions = service.add_subparsers(metavar="ACTION", title="actions")
    for name, text in (
        ("install", "write the unit, start it, and have it start by itself"),
        ("uninstall", "stop it and remove the unit; settings and key stay"),
        ("status", "tell how the service is, and the end of its log"),
    ):
        action = command(actions, name, text, lazily("service", name), settings=False, epilog=_SERVICE[name])
        whose = action.add_mutually_exclusive_group()
        whose.add_argument("--user", action="store_const", const="user", dest="scope", help="yours, in your session")
        whose.add_argument("--system", action="store_const", const="system", dest="scope", help="the whole machine's")
        if name == "install":
            action.add_argument("--key-file", metavar="FILE", help="keep the API key in this file; -: standard input")
            action.add_argument("--no-start", action="store_true", help="do not start it now")
        if name != "status":
            action.add_argument("--force", action="store_true", help="even if somebody changed the unit")


_SERVICE = {
    "install": """\
Without --user or --system it is yours, and root's is the whole machine's.

  voiced service install                                   on a desktop
  sudo /opt/voiced/bin/voiced service install --key-file - on a machine that nobody logs in to; paste the key, Ctrl-D
""",
    "uninstall": """\
Without --user or --system it is yours, and root's is the whole machine's.
""",
    "status": """\
The exit code is 0 where it runs, 1 where it failed or is being started again, 3 where it does not run.
""",
}

_PLUGIN_NEW = """\
then:
  cd voiced-NAME
  pip install -e '.[test]' && pytest
  voiced plugin dev .
"""
_PLUGIN_DEV = """\
Type what you would say: a sentence of one of its tools calls that tool, as a model would, and its answer is said. This
needs no key, no network and, without --sound, no sound card. Type /help for what else there is; Ctrl-D ends it.
"""
_PLUGIN_CALL = """\
It runs where the tool is: in the running assistant, else in this process, with the same settings. What it says is
printed then, and what it asks is answered by typing.

  voiced plugin call get_weather '{"city": "Oslo"}'
  voiced plugin call --plugin ./voiced-weather get_weather '{"city": "Oslo"}'

The exit code is 1 where the tool failed.
"""
_PLUGIN_LIST = """\
The running assistant is asked. Where none is running, the plugins are imported here, and not set up.
"""
_PLUGIN_CHECK = """\
Each problem has its file and line. The plugins are imported here, and not set up. The exit code is 1 if anything is
wrong.
"""
_PLUGIN_SWITCH = """\
The running assistant does it at once, and the conversation goes on. `disabled` in the settings comes first: what is in
it stays off.
"""
_RUN = """\
SIGTERM ends it within two seconds. SIGHUP, or `voiced reload`, makes it read settings and plugins anew.
"""
_PTT = """\
While the key is held it listens, also where it would wait for a wake word; let go, it answers at once. A desktop that
tells when a key goes down and when it goes up calls `voiced ptt down` and `voiced ptt up`; one that calls one command
for a key calls `voiced ptt toggle`. A key that nobody lets go ends by itself.
"""
_QUIT = """\
It ends within two seconds, as on SIGTERM, and this command with it. systemd does not start it again.
"""
_DEVICES = """\
NAME is a device's name, or letters that only its name contains; without it the one in the settings is tried.
The exit code is 1 where no sound came from the microphone, or none could be played.
"""
_DOCTOR = """\
It looks at settings, sound, network, keys, models, clock, disk, session, plugins and the running assistant. The
servers are asked for their list of models, which costs nothing. The microphone is listened to for two seconds, unless
an assistant runs, which is asked then. docs/troubleshooting.md has more about what it finds.

The exit code is 0 where there is no problem, 1 where there is one.
"""
_STATUS = """\
The exit code is 0 where the assistant can hear, answer and speak, 1 where something of that is broken,
3 where none is running.
"""


_SETUP = """\
It can be run again at any time; what else is in the settings stays. The exit code is 1 where there is no sound yet.
"""
_CALIBRATE = """\
It plays a chirp of a second and hears what comes back: how late and how quiet the echo is, how long the room rings, how
loud the background is. End a voiced that runs first, unless the devices can be shared. The settings go to --config FILE
or your own file; comments in it stay. The exit code is 1 where nothing came back.
"""
_USAGE = """\
It reads what the assistant wrote down, running or not. The prices are those in the settings, [budget.prices]; what
the bill says may differ.
"""


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f'this is not JSON ({error}); write for example \'{{"city": "Oslo"}}\''
        ) from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('the arguments are one JSON object; write for example \'{"city": "Oslo"}\'')
    return value


def _modes(text: str) -> tuple[str, ...]:
    modes = tuple(part.strip() for part in text.split(","))
    if not modes or not set(modes) <= {"open", "wake", "ptt"} or len(set(modes)) < len(modes):
        raise argparse.ArgumentTypeError(f"{text!r} is none of open, wake, ptt, or several of them: wake,ptt")
    return modes


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of days from 1 on")
    return int(text)


def _percent(text: str) -> int:
    try:
        percent = int(text)
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 100")
    return percent
