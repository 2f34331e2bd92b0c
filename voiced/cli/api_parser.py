"""The grammar of `voiced api`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voiced.cli.grammar import Parser, command, lazily

if TYPE_CHECKING:
    from voiced.cli.grammar import Commands

EXAMPLES: Final = """\
examples:
  voiced api ask "What is a haiku?"
  voiced api ask --image door.jpg "Who is at the door?"
  git diff | voiced api ask "Write a message for this commit:" -
  voiced api transcribe meeting.mp3 --format srt > meeting.srt
  voiced api speak "Dinner is ready." --format wav | aplay
  voiced api image "a fox reading a map" --output fox.png
  voiced api embed < titles.txt > vectors.jsonl
  voiced api batch submit calls.jsonl --wait && voiced api batch results BATCH

`-`, or no text and no file, reads standard input. The result alone goes to standard output, or to --output FILE, which
is written whole or not at all. --json is for programs: one object, or one on each line.

It needs no running assistant. Servers, keys and models are those of [ai] in the settings; what it costs is counted in
the same budget: see `voiced usage`. Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 Ctrl-C.
"""


def add(api: Parser) -> None:
    """The commands of `voiced api`."""
    api.epilog = EXAMPLES
    commands = api.add_subparsers(metavar="COMMAND", title="commands")
    _text(commands)
    _sound(commands)
    _pictures(commands)
    _meaning(commands)
    _files(commands)
    _stores(commands)
    _batch(commands)
    _finetune(commands)

    text = "list the models, and when they are switched off"
    models = _command(commands, "models", text, "models.models", model=False)
    models.add_argument("id", nargs="?", default="", metavar="ID", help="this one alone")

    text = "make a key for a browser's own Realtime session, which lasts some minutes"
    secret = _command(commands, "client-secret", text, "models.client_secret", epilog=_BROWSER)
    secret.add_argument("--seconds", type=_whole(10, 7200), default=600, metavar="S", help="how long it can be used")
    secret.add_argument("--session", type=Path, metavar="FILE", help="a JSON object with settings of the session")


def _text(commands: Commands) -> None:
    for name, text, run in (
        ("ask", "ask a model; the answer is printed as it comes", "text.ask"),
        ("respond", "ask through Responses, where the server has tools and remembers", "text.respond"),
    ):
        ask = _command(commands, name, text, run, epilog=_RESPOND if name == "respond" else _ASK)
        ask.add_argument("text", nargs="*", metavar="TEXT", help="the question")
        ask.add_argument("--system", default="", metavar="TEXT", help="what the model shall be and do")
        ask.add_argument("--image", action="append", default=[], metavar="FILE", help="a picture, or its address")
        ask.add_argument("--detail", choices=("auto", "low", "high"), default="auto", help="how well to look at them")
        ask.add_argument("--json-schema", type=Path, metavar="FILE", help="the answer is JSON of this schema")
        ask.add_argument("--web-search", action="store_true", help="look things up; prints where they stand")
        ask.add_argument("--temperature", type=_number(0, 2), metavar="T", help="0 sober to 2 wild")
        ask.add_argument("--max-tokens", type=_whole(1), metavar="N", help="the longest answer, thoughts included")
        ask.add_argument("--effort", metavar="HOW", help="how long it thinks: none, low, medium, high")
        ask.add_argument(
            "--stream",
            action=argparse.BooleanOptionalAction,
            help="print it as it comes; on a terminal that is so anyway",
        )
        if name == "ask":
            ask.set_defaults(code=False, file_search=[], previous="")
        else:
            ask.add_argument("--code", action="store_true", help="it may run Python at the server")
            ask.add_argument(
                "--file-search", action="append", default=[], metavar="STORE", help="it may search this vector store"
            )
            ask.add_argument("--previous", default="", metavar="ID", help="go on after this response")


def _sound(commands: Commands) -> None:
    for name, text in (
        ("transcribe", "write down what a recording says"),
        ("translate", "write down in English what a recording says"),
    ):
        hear = _command(commands, name, text, f"sound.{name}", json=False)
        hear.add_argument("file", nargs="?", default="-", metavar="FILE", help="mp3, mp4, m4a, wav, webm, ogg, flac")
        form = hear.add_mutually_exclusive_group()
        form.add_argument(
            "--format",
            choices=("text", "json", "srt", "verbose_json", "vtt"),
            default="text",
            help="as the server writes it (text)",
        )
        form.add_argument("--json", action="store_true", help="for programs")
        hear.add_argument("--prompt", default="", metavar="TEXT", help="names and words that are in it")
        if name == "transcribe":
            hear.add_argument("--language", default="", metavar="CODE", help="that it is in, such as de")

    text = "say a text: the sound goes to a file or a pipe"
    speak = _command(commands, "speak", text, "sound.speak", json=False, epilog=_SPEAK)
    speak.add_argument("text", nargs="*", metavar="TEXT", help="what to say")
    speak.add_argument("--voice", default="", metavar="NAME", help="such as alloy, coral or onyx")
    speak.add_argument(
        "--format",
        choices=("mp3", "opus", "aac", "flac", "wav", "pcm"),
        help="else as the name of --output ends, else mp3",
    )
    speak.add_argument("--speed", type=_number(0.25, 4), default=1.0, metavar="X", help="0.25 to 4; 1 is usual")
    speak.add_argument("--instructions", default="", metavar="TEXT", help="how to say it")


def _pictures(commands: Commands) -> None:
    draw = _command(commands, "image", "draw a picture", "pictures.image", epilog=_IMAGE)
    edit = _command(commands, "image-edit", "change a picture", "pictures.edit", epilog=_IMAGE)
    edit.add_argument("file", metavar="FILE", help="the picture")
    edit.add_argument("--mask", type=Path, metavar="FILE", help="a PNG that is transparent where it may change")
    edit.add_argument("--also", action="append", default=[], type=Path, metavar="FILE", help="one more to work from")
    for each in (draw, edit):
        each.add_argument("text", nargs="*", metavar="PROMPT", help="what shall be seen")
        each.add_argument("--size", default="", metavar="WxH", help="such as 1024x1024")
        each.add_argument("--quality", default="", metavar="HOW", help="low, medium, high; for dall-e-3 standard, hd")
        each.add_argument("--n", type=_whole(1, 10), default=1, metavar="N", help="how many")
        each.add_argument("--format", choices=("png", "jpeg", "webp"), help="else as the name of --output ends")


def _meaning(commands: Commands) -> None:
    embed = _command(commands, "embed", "texts as vectors, one JSON list on each line", "meaning.embed", epilog=_EMBED)
    embed.add_argument("text", nargs="*", metavar="TEXT", help="each by itself; else each line of standard input")
    embed.add_argument("--dimensions", type=_whole(1), metavar="N", help="shorter vectors, of models that can")

    text = "say whether a text or a picture is harmful"
    moderate = _command(commands, "moderate", text, "meaning.moderate", epilog=_MODERATE)
    moderate.add_argument("text", nargs="*", metavar="TEXT", help="what to look at")
    moderate.add_argument("--image", action="append", default=[], metavar="FILE", help="a picture, or its address")
    moderate.add_argument("--lines", action="store_true", help="each text, or line of standard input, by itself")


def _files(commands: Commands) -> None:
    actions = _group(commands, "files", "files at the server")
    listing = _command(actions, "list", "list them", "files.list_all", model=False)
    listing.add_argument("--purpose", default="", metavar="WHAT", help="only those for it")

    upload = _command(actions, "upload", "upload one; its id is printed", "files.upload", model=False)
    upload.add_argument("file", nargs="?", default="-", metavar="FILE", help="which one")
    upload.add_argument("--purpose", required=True, metavar="WHAT", help="batch, fine-tune, assistants, vision, …")
    upload.add_argument("--name", default="", metavar="NAME", help="of what comes from standard input")
    upload.add_argument("--days", type=_whole(1, 30), metavar="N", help="it is deleted after so many days")

    get = _command(actions, "get", "show what the server knows of one", "files.get", model=False)
    get.add_argument("id", metavar="ID", help="such as file-abc123")
    download = _command(actions, "download", "fetch what is in one", "files.download", model=False, json=False)
    download.add_argument("id", metavar="ID", help="such as file-abc123")
    delete = _command(actions, "delete", "delete files", "files.delete", model=False)
    delete.add_argument("ids", nargs="+", metavar="ID", help="such as file-abc123")


def _stores(commands: Commands) -> None:
    actions = _group(commands, "stores", "vector stores: files that can be searched")
    _command(actions, "list", "list them", "stores.list_all", model=False)

    text = "make one; its id is printed"
    create = _command(actions, "create", text, "stores.create", model=False)
    create.add_argument("name", metavar="NAME", help="what to call it")
    create.add_argument("files", nargs="*", type=Path, metavar="FILE", help="what to put in")
    create.add_argument("--days", type=_whole(1, 365), metavar="N", help="it is deleted when unused for so many days")

    text = "upload files into one, and wait until they can be searched"
    put = _command(actions, "add", text, "stores.put", model=False)
    put.add_argument("store", metavar="STORE", help="such as vs_abc123")
    put.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what to put in")

    search = _command(actions, "search", "find what is said about something", "stores.search", model=False)
    search.add_argument("store", metavar="STORE", help="such as vs_abc123")
    search.add_argument("text", nargs="*", metavar="TEXT", help="what to look for")
    search.add_argument("--most", type=_whole(1, 50), default=10, metavar="N", help="how much is found at most (10)")

    delete = _command(actions, "delete", "delete stores, not the files", "stores.delete", model=False)
    delete.add_argument("ids", nargs="+", metavar="STORE", help="such as vs_abc123")


def _batch(commands: Commands) -> None:
    actions = _group(commands, "batch", "many requests at half the price, within a day", _BATCH)
    check = _command(
        actions, "check", "say what is wrong with a file of requests", "batch.check", model=False, asks=False
    )
    check.add_argument("file", nargs="?", default="-", metavar="FILE", help="one JSON object on each line")

    submit = _command(actions, "submit", "upload it and begin; the id is printed", "batch.submit", model=False)
    submit.add_argument("file", nargs="?", default="-", metavar="FILE", help="one JSON object on each line")
    submit.add_argument("--wait", action="store_true", help="until it ended; shows how it stands then, with its id")

    for name, text in (
        ("status", "tell how far one is"),
        ("wait", "wait until one ended; exit code 1 where it was not completed"),
        ("results", "print its answers, one JSON object on each line; exit code 1 where some failed"),
        ("cancel", "end one early; what is done is paid and kept"),
    ):
        each = _command(actions, name, text, f"batch.{name}", model=False)
        each.add_argument("id", metavar="BATCH", help="such as batch_abc123")
    _command(actions, "list", "list them, the newest first", "batch.list_all", model=False)


def _finetune(commands: Commands) -> None:
    actions = _group(commands, "finetune", "models of your own, from examples", _FINETUNE)
    check = _command(
        actions, "check", "say what is wrong with a file of examples", "finetune.check", model=False, asks=False
    )
    check.add_argument("file", nargs="?", default="-", metavar="FILE", help="one JSON object on each line")

    check.add_argument("--method", choices=("supervised", "dpo"), default="supervised", help="how to learn from them")

    text = "make such a file out of pairs: question, tab, answer on each line, or JSON objects"
    prepare = _command(actions, "prepare", text, "finetune.prepare", model=False, asks=False, json=False)
    prepare.add_argument("file", nargs="?", default="-", metavar="FILE", help="the pairs")
    prepare.add_argument("--system", default="", metavar="TEXT", help="what the model shall be and do, in each example")

    create = _command(actions, "create", "upload examples and begin; the id is printed", "finetune.create")
    create.add_argument("file", metavar="FILE", help="examples to learn from, or the id of an uploaded file")
    create.add_argument("--validation", default="", metavar="FILE", help="examples to judge it by")
    create.add_argument("--method", choices=("supervised", "dpo"), default="supervised", help="how to learn from them")
    create.add_argument("--suffix", default="", metavar="NAME", help="becomes a part of the model's name")
    create.add_argument("--epochs", type=_whole(1, 50), metavar="N", help="how often to go through the examples")
    create.add_argument("--batch-size", type=_whole(1, 256), metavar="N", help="examples that are learned at once")
    create.add_argument("--learning-rate", type=_number(0, 100), metavar="X", help="multiplier of the usual rate")
    create.add_argument("--seed", type=_whole(0), metavar="N", help="the same seed gives about the same model")
    create.add_argument("--follow", action="store_true", help="show what happens until it ended, then the model's name")

    for name, text in (
        ("status", "tell how far one is"),
        ("follow", "show what happens until it ended; exit code 1 where there is no model"),
        ("cancel", "end one early"),
    ):
        each = _command(actions, name, text, f"finetune.{name}", model=False)
        each.add_argument("id", metavar="JOB", help="such as ftjob-abc123")
    _command(actions, "list", "list them, the newest first", "finetune.list_all", model=False)


_ASK: Final = """\
Without TEXT the question is what comes from standard input; `-` among the words stands for it:
  voiced api ask "Make a list of the names in this:" - < letter.txt
"""
_RESPOND: Final = """\
With --json the object has the `id` that --previous takes.
"""
_SPEAK: Final = """\
  voiced api speak "Dinner is ready." --output dinner.mp3
  voiced api speak --format wav < letter.txt | aplay
PCM has no header: 24000 Hz, 16 bit, one channel.
"""
_IMAGE: Final = """\
Several pictures go to files: with --output fox.png to fox-1.png, fox-2.png …. The name of each is printed then.
With --json and no --output the picture is in the object, as base64.
"""
_EMBED: Final = """\
The lists come as their texts are read. Empty lines are left out. With --json each line has also the text.
"""
_MODERATE: Final = """\
The exit code is 0 also where it is harmful; --json has `flagged`.
"""
_BATCH: Final = """\
A line of the file:
  {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "...", "messages": [...]}}
"""
_FINETUNE: Final = """\
A line of the file:
  {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
"""
_BROWSER: Final = """\
It is printed and nothing else: whoever has it can talk at your cost while it lasts.
"""


def _group(commands: Commands, name: str, text: str, epilog: str | None = None) -> Commands:
    group = command(commands, name, text, None, settings=False, epilog=epilog)
    return group.add_subparsers(metavar="ACTION", title="actions")


def _command(
    commands: Commands,
    name: str,
    text: str,
    run: str,
    *,
    model: bool = True,
    asks: bool = True,
    json: bool = True,
    epilog: str | None = None,
) -> Parser:
    """One command that `run` ("module.function") carries out, and the options that most have."""
    module, _, function = run.partition(".")
    made = command(commands, name, text, lazily(f"api.{module}", function), settings=asks, epilog=epilog)
    if asks:
        if model:
            made.add_argument("--model", default="", metavar="NAME", help="instead of the one in the settings")
        made.add_argument("--provider", default="", metavar="NAME", help="the server to ask, such as openai")
        made.add_argument("--within", type=_seconds, metavar="S", help="seconds to wait, instead of ai.timeout_s")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the result to this file")
    if json:
        made.add_argument("--json", action="store_true", help="for programs")
    return made


def _seconds(text: str) -> float:
    seconds = _float(text)
    if not 0 < seconds <= 30 * 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _number(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = _float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return value

    return number


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            value = int(text)
            if least <= value and (most is None or value <= most):
                return value
        span = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {span}")

    return whole


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
