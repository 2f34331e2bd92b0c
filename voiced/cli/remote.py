"""The commands that have a talk with the running daemon: status, history, say and ask."""

from __future__ import annotations

import base64
import json
import os
import select
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from voiced.cli import NOBODY_READS
from voiced.cli.fact_words import fact_line
from voiced.cli.reaching import PROMPTLY_S, paths
from voiced.control import client, protocol
from voiced.errors import ControlError

_WHO: Final = {"user": "you", "assistant": "assistant"}

_NO_KEYS_YET: Final = "none yet; the desktop may be asking you for them"

_MODES: Final = {
    "open": "to whoever speaks",
    "wake": "after the wake word",
    "ptt": "while the key to talk is held",
}


def status(arguments: Namespace, out: TextIO) -> int:
    if arguments.follow:
        return _follow(arguments, out)
    found = client.ask(paths(arguments), protocol.Status(), timeout_s=PROMPTLY_S)["status"]
    out.write(_json(found) if arguments.json else "".join(f"{line}\n" for line in status_lines(found)))
    return 0 if is_well(found) else 1


def say(arguments: Namespace, _out: TextIO) -> int:
    client.ask(paths(arguments), protocol.request(protocol.Say, text=" ".join(arguments.text)))
    return 0


def ask(arguments: Namespace, out: TextIO) -> int:
    images = tuple(base64.b64encode(_picture(path)).decode() for path in arguments.image)
    request = protocol.request(protocol.Ask, text=" ".join(arguments.text), images=images)
    for reply in client.replies(paths(arguments), request):
        if "answer" in reply:
            print(reply["answer"], file=out)
            return 0
        _answer(arguments, reply["asks"])
    raise ControlError("voiced ended before it answered; look at its log")


def _answer(arguments: Namespace, question: str) -> None:
    """A tool asks back. Whoever sits there answers; a script is told how to."""
    if not sys.stdin.isatty():
        sys.stderr.write(f'{question} (voiced ask "yes" answers that)\n')
        return
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    if text := sys.stdin.readline().strip():
        client.ask(paths(arguments), protocol.request(protocol.Ask, text=text))


def history(arguments: Namespace, out: TextIO) -> int:
    said = client.ask(paths(arguments), protocol.History(), timeout_s=PROMPTLY_S)["history"]
    if arguments.json:
        out.write(_json(said))
    elif said:
        out.write("".join(f"{_WHO[each['who']]:<10} {each['text']}\n" for each in said))
    else:
        print("nothing was said yet", file=out)
    return 0


def is_well(status: Mapping[str, Any]) -> bool:
    """Whether the assistant can hear, answer and speak."""
    return status["brain"]["state"] == "ready" and all(device["ok"] for device in status["devices"].values())


def _standing(brain: Mapping[str, str]) -> str:
    return f"{brain['state']}{': ' + brain['reason'] if brain['reason'] else ''}"


def status_lines(status: Mapping[str, Any]) -> Iterator[str]:
    """A status for people."""
    counts, brain, tokens = status["counts"], status["brain"], status["tokens"]
    yield f"voiced {status['version']}, up {_duration(status['uptime_s'])}, process {status['pid']}"
    yield f"floor        {status['floor']}"
    yield f"listens      {_listening(status)}"
    if keys := status.get("keys"):  # a voiced from before it has none
        yield f"keys         {'; '.join(filter(None, (keys['working'], keys['problem']))) or _NO_KEYS_YET}"
    if status["volume"] is not None:
        yield f"volume       {status['volume']} %"
    yield f"brain        {brain['name']}, {_standing(brain)}"
    for name, other in status["brains"].items():
        if name != brain["name"] and other["state"] != "ready":
            yield f"             {name} {_standing(other)}"
    for kind, device in status["devices"].items():
        yield f"{kind:<12} {'' if device['ok'] else 'lost: '}{device['detail']}"
    yield (
        f"turns        {counts['turns']}, failed {counts['failed_turns']}, replies {counts['replies']}, "
        f"barge-ins {counts['barge_ins']}, false interruptions {counts['false_interruptions']}"
    )
    if status["last_first_audio_ms"] is not None:
        yield f"last answer  began after {status['last_first_audio_ms']} ms"
    yield f"tools        {counts['tools']} runs, failed {counts['failed_tools']}"
    yield f"tokens       {', '.join(f'{name} {number}' for name, number in tokens.items() if number) or 'none'}"
    if spending := status["spending"]:
        yield f"spent        {_spent(spending)}"
    for plugin in status["plugins"]:
        tools = ", ".join(plugin["tools"]) or "no tools"
        yield f"plugin       {plugin['name']}: {tools if plugin['state'] == 'on' else _off(plugin)}"
        yield from (f"             {problem}" for problem in plugin["problems"] if problem != plugin["why"])
    for failure in status["failures"]:
        yield f"{_duration(failure['ago_s'])} ago: {failure['what']}"


def _listening(status: Mapping[str, Any]) -> str:
    """To whom it listens, by its settings and just now."""
    if status["muted"]:
        return "to nobody: it is muted, and the microphone is closed; `voiced unmute` opens it"
    listening = status["listening"]
    modes = [mode for mode in _MODES if mode in listening["modes"]]
    now = ""
    if listening["key_held"]:
        now, modes = "now, since the key to talk is held", [mode for mode in modes if mode != "ptt"]
    elif "open" in modes:
        modes = ["open"]
    elif listening["attentive"]:
        now = "now to whoever speaks"
    return "; else ".join(filter(None, (now, " or ".join(_MODES[mode] for mode in modes))))


def _off(plugin: Mapping[str, Any]) -> str:
    return f"{plugin['state']}: {plugin['why']}" if plugin["why"] else str(plugin["state"])


def _spent(spending: Mapping[str, Any]) -> str:
    today = _of_cap(spending["today_usd"], spending["daily_usd"], "today")
    month = _of_cap(spending["month_usd"], spending["monthly_usd"], "this month")
    thrift = "" if spending["thrift"] == "none" else f"; thrift: {spending['thrift']}"
    return f"{today}, {month}{thrift}{'; some of it is a guess: see `voiced usage`' if spending['guessed'] else ''}"


def _of_cap(usd: float, cap: float, when: str) -> str:
    return f"${usd:.2f} {when}{f' of ${cap:.2f}' if cap else ''}"


def _follow(arguments: Namespace, out: TextIO) -> int:
    _end_with_the_reader_of(out)
    for reply in client.replies(paths(arguments), protocol.Follow(texts=arguments.texts)):
        if arguments.json:
            out.write(_json(reply))
        elif "status" in reply:
            out.write("".join(f"{line}\n" for line in status_lines(reply["status"])))
        else:
            print(fact_line(reply), file=out)
        out.flush()
    return 0


def _end_with_the_reader_of(out: TextIO) -> None:
    """A pipe that nobody reads any more is told of as one writes to it, and the next fact may be hours away."""
    poll = select.poll()
    with suppress(OSError):  # it is no file
        poll.register(out.fileno(), 0)  # its end is always told

        def watch() -> None:
            poll.poll()
            os._exit(NOBODY_READS)

        threading.Thread(target=watch, daemon=True).start()


def _picture(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ControlError(f"{path}: the picture can't be read ({error.strerror})") from None
    return protocol.image_of(data, str(path)).data


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
